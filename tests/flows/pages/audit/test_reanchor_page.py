"""The red bar, and the page where two admins end what it says."""

import pytest
from django.test import Client
from django.urls import reverse

from breakglass import clock
from breakglass.models import LogStanding, Reanchor
from breakglass.services.logs import reanchoring, standings
from breakglass.services.logs.outside import Published, Tail
from tests import database, factories

pytestmark = pytest.mark.django_db
BAR = "The log of Acme is read-only"
PAGE = "/t/acme/audit/reanchor"


@pytest.fixture
def second(acme, people):
    """Another admin."""
    factories.join(acme, people.senior, "admins")
    return people.senior


@pytest.fixture
def stopped(acme, second, monkeypatch):
    """A log that lost its end: the newest line outside is of nine more entries."""
    ours = reanchoring.situation(tenant=acme)
    newest = Published(ours.size + 9, b"\xab" * 32, b"", None)
    monkeypatch.setattr(
        reanchoring.outside, "tail_of", lambda _tenant: Tail(newest, damaged=False)
    )
    standings.make_read_only(tenant=acme, reason="A backup was restored.")
    return acme


def text(answer):
    return answer.content.decode()


def propose(client):
    return client.post(PAGE, {"reason": "The disk failed."})


def step(client, verb):
    return client.post(f"{PAGE}/{verb}", {"proposal": Reanchor.objects.get().pk})


@pytest.mark.parametrize("who", ["oncall", "peer", "auditor", "admin"])
def test_the_bar_is_on_every_page_of_the_tenants_people(
    stopped, people, client_for, who
):
    client = client_for(getattr(people, who))

    for address in ("/", "/inbox", "/t/acme/requests", "/live", PAGE):
        assert BAR in text(client.get(address)), address


def test_others_see_no_bar_and_no_page(stopped, charlie, client_for):
    client = client_for(charlie)

    assert BAR not in text(client.get("/"))
    assert client.get(PAGE).status_code == 404
    assert propose(client).status_code == 404
    assert Client().get(PAGE).status_code == 302


def test_without_trouble_there_is_no_bar_and_the_page_says_so(acme, people, client_for):
    client = client_for(people.admin)

    assert BAR not in text(client.get("/"))
    assert "takes entries" in text(client.get(PAGE))


def test_two_admins_end_it(stopped, people, second, client_for):
    first, other = client_for(people.admin), client_for(second)

    assert propose(first).status_code == 302
    assert step(first, "confirm").status_code == 403
    assert "Confirm: go on from entry" in text(other.get(PAGE))
    assert step(other, "confirm")["Location"] == PAGE

    assert LogStanding.objects.get(tenant=stopped).read_only_at is None
    assert BAR not in text(first.get("/"))
    assert "Re-anchored before" in text(other.get(PAGE))


def test_a_dropped_proposal_leaves_the_log_read_only(stopped, people, client_for):
    client = client_for(people.admin)
    propose(client)

    step(client, "drop")

    assert BAR in text(client.get("/"))
    assert "Propose to re-anchor" in text(client.get(PAGE))


def test_who_does_not_manage_the_tenant_reads_and_cannot_decide(
    stopped, people, client_for
):
    client = client_for(people.auditor)

    page = text(client.get(PAGE))

    assert "You can read this, but not decide it." in page
    assert "Propose to re-anchor" not in page
    assert propose(client).status_code == 403
    assert not Reanchor.objects.exists()


def test_an_old_sign_in_is_asked_again_and_comes_back(
    stopped, people, second, client_for
):
    client, other = client_for(people.admin), client_for(second)
    propose(client)
    database.advance(6 * 60)
    sign_in = f"{reverse('stepup')}?next=%2Ft%2Facme%2Faudit%2Freanchor"

    assert sign_in in text(other.get(PAGE))
    assert step(other, "confirm")["Location"] == sign_in
    step(client, "drop")
    late = propose(client)
    assert late.status_code == 422
    assert "The disk failed." in text(late), "what was typed is kept"
    assert LogStanding.objects.get(tenant=stopped).read_only_at is not None


def test_a_proposal_without_a_reason_is_named(stopped, people, client_for):
    answer = client_for(people.admin).post(PAGE, {"reason": " "})

    assert answer.status_code == 422
    assert "Say why" in text(answer)


@pytest.mark.parametrize("given", ["", "x", "-1", "9999"])
def test_a_step_on_no_proposal_is_a_conflict(stopped, people, client_for, given):
    client = client_for(people.admin)

    for verb in ("confirm", "drop"):
        answer = client.post(f"{PAGE}/{verb}", {"proposal": given})
        assert answer.status_code == 409
        assert client.get(f"{PAGE}/{verb}").status_code == 405


def test_whatever_would_be_recorded_is_refused_with_the_reason(
    gate, stopped, people, client_for
):
    answer = client_for(people.admin).post(
        f"/t/acme/gates/{gate.slug}/tokens", HTTP_HX_REQUEST="true"
    )

    assert answer.status_code == 503
    assert "read-only since" in text(answer)


ENTRY = "/t/acme/audit/3"


def test_a_finding_is_red_on_dashboard_and_log_and_nowhere_else(
    acme, people, client_for
):
    standings.note_finding(tenant=acme, seq=3, message="Entry 3 was altered.")
    client = client_for(people.auditor)

    said = "The log of Acme does not verify."
    entry = "This entry does not check out."
    for address, words in (("/", said), ("/t/acme/audit", said), (ENTRY, entry)):
        page = text(client.get(address))
        assert words in page, address
        assert "Entry 3 was altered." in page
    assert "does not verify" not in text(client.get("/inbox"))
    standings.note_verified(tenant=acme, size=9, head=bytes(32), full=True)
    assert "does not verify" not in text(client.get("/"))
    assert clock.db_now() >= LogStanding.objects.get(tenant=acme).full_verified_at
