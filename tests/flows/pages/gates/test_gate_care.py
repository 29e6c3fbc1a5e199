"""Gates in the pages: filters, contacts, tests, tokens rotated, paused, retired."""

import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from breakglass.actors import OPERATOR
from breakglass.models import AuditEntry, Gate, GateToken, RoleGroup
from breakglass.services import requests
from breakglass.services.gates import contacts, registry
from tests import factories
from tests.conformance.api.gate_client import ask

LIST = "/t/acme/gates"
PAGE = f"{LIST}/prod-deploy"
MOST_QUERIES = 20
pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def fresh():
    contacts.forget()


@pytest.fixture
def member(client_for, gate, people):
    return client_for(people.peer)


@pytest.fixture
def admin(client_for, gate, people):
    return client_for(people.admin)


def text(answer):
    return answer.content.decode()


def queries(client, path):
    client.get(path)  # what is cached for the process, is
    with CaptureQueriesContext(
        connection,
    ) as seen:
        assert client.get(path).status_code == 200
    return len(seen)


def last(event):
    return AuditEntry.objects.filter(event=event).latest("seq")


def test_the_list_shows_kind_tier_and_test_of_each_gate(
    member, acme, database_gate, gate_token
):
    page = text(member.get(LIST))
    assert "Shell or anything else" in page
    assert "Low impact" in page
    assert "Production database" in page  # the default tier of db-migrate
    assert page.count("Not tested") == 2
    ask(gate_token, dry_run=True)
    page = text(member.get(LIST))
    assert page.count("Not tested") == 1
    assert "Received" in page


def test_the_list_is_narrowed_by_its_address(member, acme, database_gate):
    def shown(query):
        page = text(member.get(f"{LIST}?{query}"))
        return re.findall(r"data-row>([\w-]+)</a>", page)

    registry.retire(gate=database_gate, reason="Moved.", actor=OPERATOR)
    assert shown("") == ["prod-deploy"]
    assert shown("state=retired") == ["db-migrate"]
    assert shown("q=PROD") == ["prod-deploy"]
    assert shown("q=nothing") == []
    assert shown("kind=argo_cd") == []
    assert shown("state=no_contact&kind=shell") == ["prod-deploy"]
    assert shown("state=odd") == ["prod-deploy"]
    assert "No gate matches" in text(member.get(f"{LIST}?q=nothing"))


def test_an_empty_list_says_what_comes_first_to_who_may_do_it(client_for, acme, people):
    assert "Connect the first one" in text(client_for(people.admin).get(LIST))
    page = text(client_for(people.peer).get(LIST))
    assert "No gates yet" in page
    assert "Connect the first one" not in page


def test_the_list_costs_the_same_for_one_gate_and_for_ten(admin, acme, gate):
    one = queries(admin, LIST)
    for number in range(9):
        factories.token(factories.gate(acme, f"gate-{number}"))
    assert queries(admin, LIST) == one <= MOST_QUERIES


def test_the_page_costs_the_same_however_often_it_was_called(
    admin, acme, gate, gate_token
):
    one = queries(admin, PAGE)
    for number in range(8):
        factories.token(gate)
        ask(gate_token, dry_run=number % 2 == 0)
        contacts.forget()
    assert queries(admin, PAGE) == one <= MOST_QUERIES


def test_the_page_shows_what_called_and_what_it_heard(admin, member, gate, gate_token):
    assert "It has not called yet" in text(member.get(PAGE))
    ask(gate_token, dry_run=True)
    ask(gate_token, service="two words")

    page = text(member.get(PAGE))

    assert "Test call" in page
    assert "enforce: no bypass is in force for it" in page
    assert "refused: the field service is missing or malformed" in page
    for secret in ("127.0.0.1", gate_token[:12]):
        assert secret not in page, "only for who sees the tokens"
        assert secret in text(admin.get(PAGE))
    assert gate_token not in text(admin.get(PAGE))
    assert "Degraded" in page  # its last call was refused


def test_a_test_waits_for_a_call_and_says_who_called(admin, gate, gate_token, advance):
    page = text(admin.get(f"{PAGE}/test"))
    assert "dry_run&quot;: true" in page
    assert "Waiting for the first call from the gate" in page
    path = re.search(r'hx-get="([^"]+since[^"]+)"', page)[1].replace("&amp;", "&")
    version = re.search(r'"v": "(\w+)"', page)[1]
    poll = {"headers": {"HX-Request": "true"}}
    assert admin.get(f"{path}&v={version}", **poll).status_code == 204

    ask(gate_token, dry_run=True)
    part = text(admin.get(f"{path}&v={version}", **poll))
    assert "Received from 127.0.0.1" in part
    assert "token valid" in part
    assert "hx-get" not in part  # it is over: nothing is asked any more


def test_after_two_minutes_without_a_call_it_says_what_to_check(
    admin, gate, gate_token, advance
):
    page = text(admin.get(f"{PAGE}/test"))
    path = re.search(r'hx-get="([^"]+since[^"]+)"', page)[1].replace("&amp;", "&")
    assert "Nothing arrived" not in page
    advance(120)
    page = text(admin.get(path))
    assert "Nothing arrived." in page
    assert "02:0" in page
    ask(gate_token, gate="other")
    page = text(admin.get(path))
    assert "was refused: the call names another gate" in page
    assert "Waiting for the first call" in page


@pytest.mark.parametrize("since", ["", "yesterday", "2026-13-45", "2999-01-01T00:00Z"])
def test_an_odd_start_of_the_wait_is_now(admin, since):
    page = text(admin.get(f"{PAGE}/test", {"since": since}))
    assert ">00:00</span>" in page


def test_rotating_shows_the_new_token_once_and_until_when_the_old_one_works(
    admin, gate_token
):
    old = GateToken.objects.get()
    answer = admin.post(f"{PAGE}/tokens/{old.pk}/rotate")
    assert answer.headers["Cache-Control"] == "no-store"
    page = text(answer)
    old.refresh_from_db()
    until = f"{old.expires_at:%-d %b %Y, %H:%M:%S} UTC"
    assert f"one hour longer: until <strong>{until}</strong>" in page
    new = re.search(r"bg_live_[A-Za-z0-9_-]{30,}", page)[0]
    page = text(admin.get(PAGE))
    assert new not in page
    assert f"rotated: works until {until}" in page
    assert admin.post(f"{PAGE}/tokens/{old.pk}/rotate").status_code == 409
    assert last("token.superseded").actor == "admin@acme.example"


def test_pausing_lists_what_refers_to_the_gate_and_resuming_undoes_it(
    admin, gate, gate_token, pending_request
):
    page = text(admin.get(f"{PAGE}/pause"))
    assert pending_request.bypass_id in page
    assert "One token that works" in page
    gate.refresh_from_db()
    assert gate.is_active
    assert admin.post(f"{PAGE}/pause").status_code == 302
    assert ask(gate_token).status_code == 401
    assert "This gate is paused" in text(admin.get(PAGE))
    assert last("gate.changed").actor == "admin@acme.example"
    assert admin.get(f"{PAGE}/pause").status_code == 409
    assert admin.get(f"{PAGE}/resume").status_code == 405
    assert admin.post(f"{PAGE}/resume").status_code == 302
    assert ask(gate_token).status_code == 200


def test_retiring_wants_a_reason_and_an_end_of_what_is_open(
    admin, gate, gate_token, pending_request, people
):
    page = text(admin.get(f"{PAGE}/retire"))
    assert "End the bypasses and requests above first" in page
    answer = admin.post(f"{PAGE}/retire", {"reason": "Moved."})
    assert answer.status_code == 422
    assert "End it first" in text(answer) or "end it first" in text(answer)
    requests.withdraw(
        tenant=gate.tenant,
        bypass_id=pending_request.bypass_id,
        requester=people.oncall,
    )
    assert admin.post(f"{PAGE}/retire", {}).status_code == 422
    assert admin.post(f"{PAGE}/retire", {"reason": "Moved."}).status_code == 302
    gate.refresh_from_db()
    assert gate.is_retired
    assert last("gate.retired").actor == "admin@acme.example"
    page = text(admin.get(PAGE))
    assert "was retired on" in page
    assert "Issue a token" not in page


def test_members_look_and_do_nothing_and_strangers_find_nothing(
    member, client, client_for, charlie, gate, gate_token
):
    token = GateToken.objects.get()
    page = text(member.get(PAGE))
    for word in ("Send a test", "Pause…", "Retire…", "Rotate", "Issue a token"):
        assert word not in page
    stranger = client_for(charlie)
    paths = ("test", "pause", "retire", "resume", f"tokens/{token.pk}/rotate")
    for path in paths:
        for verb in ("get", "post"):
            if (verb, path) in {("get", "resume"), ("post", "test")} or (
                verb == "get" and "rotate" in path
            ):
                continue
            assert getattr(member, verb)(f"{PAGE}/{path}").status_code == 403, path
            assert getattr(stranger, verb)(f"{PAGE}/{path}").status_code == 404, path
            signed_out = getattr(client, verb)(f"{PAGE}/{path}")
            assert signed_out.headers["Location"].startswith("/accounts/login/")
    gate.refresh_from_db()
    token.refresh_from_db()
    assert gate.is_active
    assert (token.expires_at, token.revoked_at) == (None, None)


def test_a_gate_says_who_owns_it(member, acme, gate):
    role = RoleGroup.objects.get(tenant=acme, slug="named-seniors")
    words = {"kind": "gitlab_ci", "owner": role, "service": "checkout"}
    registry.describe(gate=gate, actor=OPERATOR, **words)
    page = text(member.get(PAGE))
    assert "Named seniors" in page
    assert "GitLab CI" in page
    assert "SERVICE: checkout" in page
    assert Gate.objects.get().owner == role
