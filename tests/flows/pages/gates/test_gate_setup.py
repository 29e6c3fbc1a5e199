"""Connecting a gate by the set-up's pages alone, and leaving it on the way."""

import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from breakglass.actors import OPERATOR
from breakglass.errors import Conflict
from breakglass.models import AuditEntry, Gate, GateSetup, GateToken
from breakglass.services.gates import contacts, registry, setups
from tests import factories
from tests.conformance.api.gate_client import ask

START = "/t/acme/gates/new"
pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def fresh():
    contacts.forget()


@pytest.fixture
def admin(client_for, acme, people):
    return client_for(people.admin)


def text(answer):
    return answer.content.decode()


def at(setup, step):
    return f"{START}/{setup.public_id}/{step}"


def begin(admin, **answers):
    """Answers the first two questions; returns the set-up."""
    admin.post(START, {"kind": "github_actions"})
    setup = GateSetup.objects.get(finished_at__isnull=True)
    sent = {"slug": "web-prod", "service": "checkout", "environment": "production"}
    admin.post(at(setup, "name"), {**sent, **answers})
    return setup


def made(admin, setup):
    """Makes the token; returns it."""
    answer = admin.post(at(setup, "connect"), {"act": "token"})
    assert answer.headers["Cache-Control"] == "no-store"
    return re.search(r"bg_live_[A-Za-z0-9_-]{30,}", text(answer))[0]


def test_a_gate_is_connected_by_following_the_pages(admin, acme, people):
    page = text(admin.get(START))
    assert "Step 1 of 5" in page
    assert "a dialect of their own" in page  # what does not work yet is said
    answer = admin.post(START, {"kind": "github_actions"})
    setup = GateSetup.objects.get()
    assert answer.headers["Location"] == at(setup, "name")
    role = acme.roles.get(slug="named-seniors")
    sent = {
        "slug": "web-prod",
        "service": "checkout",
        "environment": "production",
        "owner": role.pk,
        "at_close": "finish",
    }
    answer = admin.post(at(setup, "name"), sent)
    assert answer.headers["Location"] == at(setup, "connect")
    assert not Gate.objects.exists()

    page = text(admin.post(at(setup, "connect"), {"act": "token"}))
    assert "Copy now. You can’t see it again." in page
    assert "secrets.BREAKGLASS_TOKEN" in page
    assert "&quot;web-prod&quot;" in page
    token = re.search(r"bg_live_[A-Za-z0-9_-]{30,}", page)[0]
    assert token not in text(admin.get(at(setup, "connect")))
    answer = admin.post(at(setup, "connect"), {"act": "test"})
    assert answer.headers["Location"] == at(setup, "test")
    page = text(admin.get(at(setup, "test")))
    assert "Waiting for the first call from the gate" in page

    said = ask(token, gate="web-prod", dry_run=True).json()
    assert (said["decision"], said["reason"]) == ("enforce", "no_grant")
    page = text(admin.get(at(setup, "test")))
    assert "Received from 127.0.0.1" in page
    assert "token valid" in page
    admin.post(at(setup, "test"), {"act": "go"})
    page = text(admin.get(at(setup, "check")))
    assert "A call arrived, and its token was valid." in page
    answer = admin.post(at(setup, "check"))
    assert answer.headers["Location"] == "/t/acme/gates/web-prod"

    gate = Gate.objects.get()
    assert (gate.is_active, gate.kind, gate.owner) == (True, "github_actions", role)
    assert (gate.service, gate.environment) == ("checkout", "production")
    assert gate.at_close == "finish"
    mine = AuditEntry.objects.filter(actor=people.admin.email).order_by("seq")
    assert [entry.event for entry in mine] == [
        "gate.registered",
        "gate.described",
        "gate.terms_changed",
        "token.issued",
        "gate.changed",
    ]


def test_a_gate_that_is_not_on_yet_cannot_be_bypassed_and_says_so(admin, people):
    setup = begin(admin)
    token = made(admin, setup)

    assert ask(token, gate="web-prod").json()["decision"] == "enforce"
    page = text(admin.get("/t/acme/gates/web-prod"))
    assert "was not turned on yet" in page
    assert at(setup, "check") in page
    assert "web-prod" not in text(admin.get("/t/acme/requests/new"))
    assert admin.post("/t/acme/gates/web-prod/resume").status_code == 409


def test_nothing_arrived_says_what_to_check_and_can_be_skipped(admin, advance):
    setup = begin(admin)
    token = made(admin, setup)
    admin.post(at(setup, "connect"), {"act": "test"})
    assert "Nothing arrived" not in text(admin.get(at(setup, "test")))
    advance(121)
    page = text(admin.get(at(setup, "test")))
    assert "Nothing arrived." in page
    assert "Skip for now" in page
    admin.post(at(setup, "test"), {"act": "again"})
    assert "Nothing arrived." not in text(admin.get(at(setup, "test")))

    ask(token, gate="prod-deploy")
    page = text(admin.get(at(setup, "test")))
    assert "was refused: the call names another gate" in page
    admin.post(at(setup, "test"), {"act": "skip"})
    page = text(admin.get(at(setup, "check")))
    assert "Not tested: nothing arrived yet." in page
    admin.post(at(setup, "check"))
    assert Gate.objects.get().is_active
    assert "Not tested" in text(admin.get("/t/acme/gates"))


def test_it_can_be_left_and_continued_by_another_admin(admin, client_for, acme, people):
    setup = begin(admin)
    factories.join(acme, people.senior, "admins")
    other = client_for(people.senior)
    assert "One gate is being set up." in text(other.get("/t/acme/gates"))
    page = text(other.get(START))
    assert at(setup, "connect") in page
    assert "Step 3 of 5" in page
    assert 'value="web-prod"' in text(other.get(at(setup, "name")))


def test_a_later_question_leads_back_to_the_first_unanswered(admin):
    admin.post(START, {"kind": "shell"})
    setup = GateSetup.objects.get()
    for step in ("connect", "test", "check"):
        assert admin.get(at(setup, step)).headers["Location"] == at(setup, "name")
    assert admin.get(at(setup, "other")).status_code == 404
    begin_name = {"slug": "web-prod"}
    admin.post(at(setup, "name"), begin_name)
    for step in ("test", "check"):
        assert admin.post(at(setup, step)).headers["Location"] == at(setup, "connect")
    assert not Gate.objects.exists()


def test_answers_can_be_changed_but_not_the_name_of_a_gate_that_is_made(admin):
    setup = begin(admin)
    made(admin, setup)
    answer = admin.post(at(setup, "kind"), {"kind": "jenkins"})
    assert answer.headers["Location"] == at(setup, "check")
    sent = {"slug": "another", "service": "payments", "environment": "staging"}
    admin.post(at(setup, "name"), sent)
    gate = Gate.objects.get()
    assert (gate.slug, gate.kind) == ("web-prod", "jenkins")
    assert (gate.service, gate.environment) == ("payments", "staging")
    assert not gate.is_active


def test_another_token_ends_the_one_before(admin):
    setup = begin(admin)
    first, second = made(admin, setup), made(admin, setup)
    assert ask(first, gate="web-prod").status_code == 401
    assert ask(second, gate="web-prod").status_code == 200
    assert GateToken.objects.filter(revoked_at__isnull=True).count() == 1


def test_what_is_wrong_is_said_at_its_field(admin, gate):
    assert admin.post(START, {}).status_code == 422
    assert admin.post(START, {"kind": "carrier-pigeon"}).status_code == 422
    admin.post(START, {"kind": "shell"})
    setup = GateSetup.objects.get()
    for sent in (
        {},
        {"slug": "two words"},
        {"slug": "new"},
        {"slug": gate.slug},
        {"slug": "x", "environment": "two words"},
        {"slug": "x", "owner": 0},
    ):
        answer = admin.post(at(setup, "name"), sent)
        assert answer.status_code == 422, sent
        assert "There is a problem" in text(answer)
    setup.refresh_from_db()
    assert setup.slug == ""


def test_dropping_a_set_up_retires_the_gate_that_it_made(admin):
    setup = begin(admin)
    token = made(admin, setup)
    admin.post(at(setup, "kind"), {"act": "discard"})
    assert Gate.objects.get().is_retired
    assert ask(token, gate="web-prod").status_code == 401
    assert "being set up" not in text(admin.get("/t/acme/gates"))

    admin.post(START, {"kind": "shell"})
    setup = GateSetup.objects.get(finished_at__isnull=True)
    admin.post(at(setup, "kind"), {"act": "discard"})
    assert not GateSetup.objects.filter(pk=setup.pk).exists()


def test_a_finished_set_up_leads_to_its_gate(admin):
    setup = begin(admin)
    made(admin, setup)
    admin.post(at(setup, "check"))
    for step in ("kind", "connect", "check"):
        for answer in (admin.get(at(setup, step)), admin.post(at(setup, step))):
            assert answer.headers["Location"] == "/t/acme/gates/web-prod"
    assert GateToken.objects.count() == 1


def test_a_gate_turned_on_elsewhere_ends_its_set_up(admin, people):
    setup = begin(admin)
    token = made(admin, setup)
    registry.turn(gate=setup.gate or Gate.objects.get(), is_active=True, actor=OPERATOR)
    actor = people.admin.as_actor()

    for act in (
        lambda: setups.connect(setup=setup, actor=actor),
        lambda: setups.choose_kind(setup=setup, kind="jenkins", actor=actor),
        lambda: setups.wait(setup=setup),
        lambda: setups.discard(setup=setup, actor=actor),
    ):
        with pytest.raises(Conflict, match="its set-up is over"):
            act()

    assert admin.get(at(setup, "connect")).headers["Location"].endswith("/web-prod")
    assert "being set up" not in text(admin.get("/t/acme/gates"))
    assert Gate.objects.get().is_active
    assert ask(token, gate="web-prod").status_code == 200


def test_only_who_manages_the_tenant_connects_gates(
    admin, client, client_for, people, charlie
):
    setup = begin(admin)
    token = made(admin, setup)
    member, stranger = client_for(people.peer), client_for(charlie)
    assert START not in text(member.get("/t/acme/gates"))
    for path in (START, *(at(setup, step) for step in ("name", "connect", "check"))):
        for verb in ("get", "post"):
            assert getattr(member, verb)(path).status_code == 403, path
            assert getattr(stranger, verb)(path).status_code == 404, path
            answer = getattr(client, verb)(path)
            assert answer.headers["Location"].startswith("/accounts/login/")
    theirs = f"/t/globex/gates/new/{setup.public_id}/check"
    assert stranger.post(theirs).status_code == 404
    assert not Gate.objects.get().is_active
    assert ask(token, gate="web-prod").status_code == 200


def test_each_page_takes_few_queries(admin):
    setup = begin(admin)
    made(admin, setup)
    for path in (START, *(at(setup, s) for s in ("name", "connect", "test", "check"))):
        with CaptureQueriesContext(connection) as seen:
            assert admin.get(path).status_code == 200
        assert len(seen) <= 20, path
