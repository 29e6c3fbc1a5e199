"""The inbox: what waits for one person, in all their teams, decided in place."""

import re

import pytest

from breakglass.models import Tenant
from breakglass.services import requests
from tests import factories

INBOX = "/inbox"
HTMX = {"HX-Request": "true"}
BACK = {"HX-Request": "true", "HX-History-Restore-Request": "true"}
pytestmark = pytest.mark.django_db


@pytest.fixture
def peer(client_for, people, pending_request):
    return client_for(people.peer)


def text(answer):
    return answer.content.decode()


def test_somebody_logged_out_is_sent_to_the_login(client):
    assert client.get(INBOX).status_code == 302


def test_it_shows_what_this_person_may_decide(
    peer, pending_request, django_assert_max_num_queries
):
    with django_assert_max_num_queries(20):
        shown = text(peer.get(INBOX))
    assert "<title>Inbox (1) · breakglass</title>" in " ".join(shown.split())
    assert pending_request.bypass_id in shown
    assert f"/t/acme/requests/{pending_request.bypass_id}/approve" in shown
    assert "It needs you as <strong>Peers</strong>" in shown


def test_neither_the_requester_nor_charlie_sees_it(
    client_for, people, charlie, pending_request
):
    for person in (people.oncall, people.auditor, charlie):
        shown = text(client_for(person).get(INBOX))
        assert pending_request.bypass_id not in shown
        assert "Nothing is waiting for you." in shown


def test_it_polls_only_whether_something_changed(peer, acme, people, gate):
    version = re.search(r'hx-get="/inbox\?v=(\w+)&', text(peer.get(INBOX)))[1]
    assert peer.get(INBOX, {"v": version}, headers=HTMX).status_code == 204
    factories.request(acme, people.oncall, gate, service="search")
    changed = text(peer.get(INBOX, {"v": version}, headers=HTMX))
    assert "The inbox changed" in changed
    assert "<form" not in changed, "a typed comment must survive the poll"
    assert "<html" in text(peer.get(INBOX, headers=BACK))


def test_a_rejection_in_place_leads_back_to_the_inbox(peer, pending_request):
    answer = peer.post(
        f"/t/acme/requests/{pending_request.bypass_id}/reject",
        {
            "digest": pending_request.digest_hex,
            "comment": "Not now.",
            "back": "inbox",
        },
    )
    assert answer.headers["Location"] == INBOX
    shown = text(peer.get(INBOX, {"tab": "decided"}))
    assert pending_request.bypass_id in shown
    assert "Rejected" in shown


def counts(client):
    """The number in the header, the bar that is polled, the title and the list."""
    answer = client.get(INBOX)
    shown = text(answer)
    header = re.findall(r'js-inbox-count"( hidden)?>(\d+)<', shown)
    assert all(bool(hidden) == (number == "0") for hidden, number in header)
    title = re.search(r"<title>Inbox(?: \((\d+)\))? ·", " ".join(shown.split()))
    bar = re.search(r'data-inbox-count="(\d+)"', text(client.get("/live")))
    return {
        *(int(number) for _hidden, number in header),
        int(title[1] or 0),
        int(bar[1]),
        len(answer.context["rows"]),
    }


@pytest.mark.django_db(transaction=True)
def test_header_title_and_list_name_the_same_number_after_each_decision(
    peer, acme, people, gate, pending_request
):
    other = factories.request(acme, people.oncall, gate, service="search")
    assert counts(peer) == {2}
    fields = {"digest": other.digest_hex, "comment": "Not now.", "back": "inbox"}
    peer.post(f"/t/acme/requests/{other.bypass_id}/reject", fields)
    assert counts(peer) == {1}
    fields = {"digest": pending_request.digest_hex, "back": "inbox"}
    peer.post(f"/t/acme/requests/{pending_request.bypass_id}/approve", fields)
    assert counts(peer) == {0}


def test_a_decision_that_waits_for_a_sign_in_is_offered_again(
    peer, people, pending_request
):
    intent = factories.intend(pending_request, people.peer, comment="Looks right.")
    shown = text(peer.get(INBOX))
    assert f"?intent={intent.public_id}" in shown
    assert "Sign in to finish" in shown
    assert "Looks right." in shown
    assert "Decide here" not in shown, "the draft stands in for the row"
    assert shown.count(f'id="h-{pending_request.bypass_id}"') == 1
    assert "<h1>Inbox (1)</h1>" in shown


def test_the_frames_live_part_carries_the_count(peer):
    shown = text(peer.get("/live", headers=HTMX))
    assert 'data-inbox-count="1"' in shown
    assert "<html" not in shown


def listed(answer):
    return [item["row"].bypass.bypass_id for item in answer.context["rows"]]


def test_the_first_is_open_beside_the_list_or_the_one_that_the_address_names(
    peer, acme, people, gate, pending_request
):
    second = factories.request(acme, people.oncall, gate, service="search")
    assert peer.get(INBOX).context["chosen"].bypass == pending_request
    named = peer.get(INBOX, {"open": second.bypass_id})
    assert named.context["chosen"].bypass == second
    assert f"/t/acme/requests/{second.bypass_id}/approve" in text(named)
    unknown = peer.get(INBOX, {"open": "BG-000000"})
    assert unknown.context["chosen"].bypass == pending_request


def test_the_address_narrows_the_list_but_not_the_count(peer, acme, people, gate):
    other = factories.gate(acme, "other-gate")
    there = factories.request(acme, people.oncall, other)
    shown = peer.get(INBOX, {"gate": "other-gate", "requester": "oncall@acme.example"})
    assert listed(shown) == [there.bypass_id]
    assert "<h1>Inbox (2)</h1>" in text(shown)
    assert listed(peer.get(INBOX, {"tier": "no-such-tier"})) == []


def test_the_soonest_escalation_comes_first_and_a_missed_one_is_late(
    peer, acme, people, gate, pending_request, advance
):
    advance(11 * 60)
    newer = factories.request(acme, people.oncall, gate, service="search")
    shown = peer.get(INBOX)
    assert listed(shown) == [pending_request.bypass_id, newer.bypass_id]
    assert [item["is_late"] for item in shown.context["rows"]] == [True, False]
    assert " Late</span>" in text(shown)


def test_what_waits_for_others_in_ones_roles_has_no_buttons(
    client_for, acme, people, gate
):
    factories.join(acme, people.oncall, "designated-approvers")
    bypass = factories.request(acme, people.oncall, gate, impact="high")
    oncall = client_for(people.oncall)
    assert "Nothing is waiting for you." in text(oncall.get(INBOX))
    others = oncall.get(INBOX, {"tab": "others"})
    assert listed(others) == [bypass.bypass_id]
    assert "/approve" not in text(others)
    assert listed(client_for(people.peer).get(INBOX, {"tab": "others"})) == []


def test_a_row_that_is_taken_meanwhile_says_so_in_place(
    peer, people, charlie, client_for, pending_request
):
    shown = text(peer.get(INBOX))
    path = re.search(r'hx-get="(/inbox\?v=\w+&amp;seen=[\w,-]+)"', shown)[1]
    path = path.replace("&amp;", "&")
    assert peer.get(path, headers=HTMX).status_code == 204
    requests.withdraw(
        tenant=pending_request.tenant,
        bypass_id=pending_request.bypass_id,
        requester=people.oncall,
    )
    changed = text(peer.get(path, headers=HTMX))
    assert f'id="taken-{pending_request.bypass_id}" hx-swap-oob="true"' in changed
    assert f"{pending_request.bypass_id}: Withdrawn by Oncall" in changed
    told = text(client_for(charlie).get(path, headers=HTMX))
    assert "Withdrawn" not in told, "a stranger hears nothing of it"
    Tenant.objects.update(is_active=False)
    told = text(peer.get(path, headers=HTMX))
    assert "Withdrawn" not in told, "nor does anybody of a tenant that is switched off"


@pytest.mark.parametrize("tab", ["", "others", "decided"])
def test_many_rows_take_as_many_queries_as_few(
    client_for, acme, people, gate, high_request, tab, django_assert_max_num_queries
):
    reader = client_for(people.approver1)
    reader.get(INBOX)
    with django_assert_max_num_queries(20) as few:
        reader.get(INBOX, {"tab": tab})
    for service in ("a", "b", "c"):
        factories.request(acme, people.oncall, gate, service=service, impact="high")
    with django_assert_max_num_queries(20) as many:
        reader.get(INBOX, {"tab": tab})
    assert len(many) == len(few)
