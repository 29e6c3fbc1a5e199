"""The page of a gate that a cluster asks: what to apply, and what it does not keep."""

import pytest

from breakglass.actors import OPERATOR
from breakglass.rules.sources import Sources
from breakglass.services.gates import asking, registry

pytestmark = pytest.mark.django_db


def described(gate, kind):
    return registry.describe(
        gate=gate, kind=kind, owner=None, service="", actor=OPERATOR
    )


@pytest.mark.parametrize("kind", ["kubernetes", "gatekeeper", "kyverno", "opa"])
def test_the_page_shows_what_to_apply_without_a_token(
    kind, client_for, people, gate, gate_token
):
    described(gate, kind)
    page = client_for(people.admin).get("/t/acme/gates/prod-deploy").content.decode()

    assert "BREAKGLASS_TOKEN" in page
    assert gate_token not in page


def test_the_page_says_what_a_gate_reads_and_how_long_it_keeps_answers(
    client_for, people, gate
):
    browser = client_for(people.admin)
    described(gate, "kubernetes")
    before = browser.get("/t/acme/gates/prod-deploy").content.decode()
    assert "label:app.kubernetes.io/name" in before
    assert "not declared" in before

    asking.set_asking(
        gate=gate,
        cache_seconds=60,
        sources=Sources(service="namespace"),
        actor=OPERATOR,
    )
    after = browser.get("/t/acme/gates/prod-deploy").content.decode()
    assert "<code>namespace</code>" in after
    assert "for 60 seconds" in after
    assert "after an early close" in after


def test_an_admin_sets_both_in_the_admin_and_is_told_what_is_wrong(
    client_for, people, gate
):
    browser = client_for(people.admin)
    address = f"/admin/breakglass/gate/{gate.pk}/change/"
    form = {
        "name": "Prod",
        "environment": "",
        "data_class": "",
        "at_close": "hold_next_stage",
        "silent_minutes": "15",
        "cache_seconds": "90",
        "service_from": "namespace",
        "branch_from": "none",
        "artifact_from": "images",
        "is_active": "on",
    }
    assert browser.post(address, form).status_code == 302
    gate.refresh_from_db()
    assert (gate.cache_seconds, gate.sources) == (
        90,
        Sources("namespace", "none", "images"),
    )

    for wrong, said in (
        ({"cache_seconds": "601"}, "less than or equal to 600"),
        ({"service_from": "anything"}, "label:KEY"),
    ):
        answer = browser.post(address, {**form, "name": "Other", **wrong}, follow=True)
        assert said in answer.content.decode()
        gate.refresh_from_db()
        assert (gate.name, gate.cache_seconds) == ("Prod", 90)
        assert gate.service_from == "namespace"
