"""Requests: the list, the form with its preview, the page, close, withdraw, reject."""

import re

import pytest

from breakglass.models import BypassRequest
from breakglass.services import grants
from tests import factories

LIST = "/t/acme/requests"
NEW = f"{LIST}/new"
PREVIEW = f"{LIST}/preview"
HTMX = {"HX-Request": "true"}
BACK = {"HX-Request": "true", "HX-History-Restore-Request": "true"}
pytestmark = pytest.mark.django_db


@pytest.fixture
def oncall(client_for, gate, people):
    return client_for(people.oncall)


def text(answer):
    return answer.content.decode()


def page_of(bypass):
    return f"{LIST}/{bypass.bypass_id}"


def filled(**fields):
    return {
        "gate": "prod-deploy",
        "service": "checkout",
        "branch": "",
        "artifact": "",
        "impact": "low",
        "justification": "Checkout returns 5xx for a third of all users.",
        "incident_url": "",
        "ttl": "15",
        **fields,
    }


def decision(bypass, **fields):
    return {"digest": bypass.digest_hex, "comment": "", **fields}


@pytest.mark.parametrize("path", [LIST, NEW, PREVIEW])
def test_somebody_logged_out_is_sent_to_the_login(client, acme, path):
    answer = client.get(path)
    assert answer.status_code == 302
    assert answer.headers["Location"].startswith("/accounts/login/?next=")


def test_a_part_after_the_session_ended_moves_the_whole_page(client, pending_request):
    answer = client.get(page_of(pending_request), headers=HTMX)
    assert answer.status_code == 204
    assert answer.headers["HX-Redirect"].startswith("/accounts/login/")


def test_a_preview_after_the_session_ended_keeps_the_form_and_what_was_typed(
    client, acme
):
    seen = {**HTMX, "HX-Current-URL": f"http://testserver{NEW}?gate=prod-deploy"}
    answer = client.get(PREVIEW, {"gate": "prod-deploy"}, headers=seen)
    assert answer.status_code == 200
    assert "HX-Redirect" not in answer.headers
    assert answer.headers["HX-Retarget"] == "#preview .preview", "not the buttons"
    assert "You were signed out." in text(answer)
    assert "Your text is kept." in text(answer)
    back = "next=%2Ft%2Facme%2Frequests%2Fnew%3Fgate%3Dprod-deploy"
    assert f'href="/accounts/login/?{back}"' in text(answer)
    assert "<html" not in text(answer)


@pytest.mark.parametrize("tail", ["", "/close"])
def test_charlie_may_not_know_that_a_request_exists(
    client_for, charlie, pending_request, tail
):
    stranger = client_for(charlie)
    answer = stranger.get(page_of(pending_request) + tail)
    assert answer.status_code == 404
    assert pending_request.service not in text(answer)


@pytest.mark.parametrize("verb", ["approve", "reject", "withdraw", "close"])
def test_charlie_may_not_act_on_a_request(client_for, charlie, pending_request, verb):
    address = f"{page_of(pending_request)}/{verb}"
    data = decision(pending_request, comment="no", reason="no")
    assert client_for(charlie).post(address, data).status_code == 404
    pending_request.refresh_from_db()
    assert pending_request.state == "pending"


@pytest.mark.parametrize("path", [LIST, NEW, PREVIEW])
def test_charlie_gets_404_for_the_lists_and_forms(client_for, charlie, acme, path):
    assert client_for(charlie).get(path).status_code == 404


def test_the_list_is_whole_a_part_and_whole_on_back(
    oncall, pending_request, django_assert_max_num_queries
):
    oncall.get(LIST)  # remembers the tenant in the session
    with django_assert_max_num_queries(20):
        whole = oncall.get(LIST)
    assert "<html" in text(whole)
    assert pending_request.bypass_id in text(whole)
    assert "HX-Request" in whole.headers["Vary"]
    part = oncall.get(LIST, headers=HTMX)
    assert text(part).lstrip().startswith('<div id="rows"')
    assert "<html" in text(oncall.get(LIST, headers=BACK))


def test_the_list_filters_by_state(oncall, pending_request):
    assert pending_request.bypass_id in text(oncall.get(LIST, {"state": "pending"}))
    assert pending_request.bypass_id not in text(oncall.get(LIST, {"state": "lapsed"}))


def test_the_form_is_filled_in_from_the_address(oncall):
    query = {"gate": "prod-deploy", "service": "checkout", "ttl": "60"}
    form = oncall.get(NEW, query).context["form"]
    assert form["service"].value() == "checkout"
    assert form["ttl"].value() == "60"


def test_the_preview_says_who_must_approve_and_what_empty_fields_cover(oncall):
    query = {"gate": "prod-deploy", "service": "checkout", "impact": "high"}
    shown = text(oncall.get(PREVIEW, query, headers=HTMX))
    assert "<html" not in shown
    assert "2 from Designated approvers" in shown
    assert "Approver1" in shown
    assert "Approver2" in shown
    assert "Any branch and any artefact" in shown
    assert 'name="ttl"' in shown


def test_the_preview_offers_the_request_that_is_already_waiting(
    oncall, pending_request
):
    query = {"gate": "prod-deploy", "service": "checkout"}
    assert pending_request.bypass_id in text(oncall.get(PREVIEW, query, headers=HTMX))


def test_without_javascript_the_preview_keeps_what_was_typed(oncall):
    answer = oncall.post(PREVIEW, filled(justification="half a sentence"))
    assert answer.status_code == 200
    assert "half a sentence" in text(answer)
    assert "Who must approve" in text(answer)
    assert not BypassRequest.objects.exists()


def test_a_good_form_sends_the_request_and_leads_to_its_page(oncall, people):
    answer = oncall.post(NEW, filled(branch="hotfix/oom"))
    bypass = BypassRequest.objects.get()
    assert answer.status_code == 302
    assert answer.headers["Location"] == page_of(bypass)
    assert (bypass.requester, bypass.branch) == (people.oncall, "hotfix/oom")
    assert bypass.ttl_seconds == 900
    part = oncall.post(NEW, filled(service="search"), headers=HTMX)
    assert part.headers["HX-Redirect"].startswith(LIST)


def test_a_double_tap_makes_one_request(oncall):
    key = oncall.get(NEW).context["form"]["form_key"].value()
    first = oncall.post(NEW, filled(form_key=str(key)))
    second = oncall.post(NEW, filled(form_key=str(key)))
    assert first.headers["Location"] == second.headers["Location"]
    assert BypassRequest.objects.count() == 1


def test_an_empty_form_names_each_problem_on_top_and_at_the_field(oncall):
    answer = oncall.post(NEW, {"impact": "low"})
    assert answer.status_code == 422
    shown = text(answer)
    assert "<title>Error: " in shown
    for words, target in (
        ("Choose the gate to bypass", "id_gate"),
        ("Name the service", "id_service"),
        ("Say why the bypass is needed", "id_justification"),
    ):
        assert f'<a href="#{target}">{words}</a>' in shown
        assert shown.count(words) == 2


def test_a_form_in_error_keeps_the_text_and_answers_htmx_with_the_form(oncall):
    data = filled(service="not a name", justification="It is on fire, really.")
    answer = oncall.post(NEW, data, headers=HTMX)
    assert answer.status_code == 422
    assert text(answer).lstrip().startswith("<form")
    assert "It is on fire, really." in text(answer)
    assert "not a name" in text(answer)


def test_what_the_policy_refuses_is_put_on_its_field(oncall):
    answer = oncall.post(NEW, filled(ttl="77"))
    assert answer.status_code == 422
    assert "ttl" in answer.context["form"].errors


def test_a_link_with_another_scheme_is_refused(oncall):
    answer = oncall.post(NEW, filled(incident_url="javascript:alert(1)"))
    assert answer.status_code == 422
    assert "incident_url" in answer.context["form"].errors


def test_somebody_who_may_not_ask_is_told_so(client_for, gate, people):
    assert client_for(people.auditor).get(NEW).status_code == 403


def test_asking_again_fills_in_the_old_request_and_links_it(oncall, pending_request):
    form = oncall.get(NEW, {"renews": pending_request.bypass_id}).context["form"]
    assert form["justification"].value() == pending_request.justification
    answer = oncall.post(NEW, filled(renews=pending_request.bypass_id))
    assert answer.status_code == 302
    assert pending_request.renewals.count() == 1


def test_the_page_answers_what_is_awaited(
    oncall, pending_request, django_assert_max_num_queries
):
    oncall.get(LIST)
    with django_assert_max_num_queries(20):
        shown = text(oncall.get(page_of(pending_request)))
    assert "Waiting for 1 more approval" in shown
    assert "1 more from Peers" in shown
    assert "You asked for this bypass, so someone else must approve it." in shown
    assert "/approve" not in shown
    assert "bg:tick from:body" in shown


def test_the_page_polls_its_live_part_until_something_changes(oncall, pending_request):
    path = page_of(pending_request)
    version = re.search(r"\?v=(\w+)", text(oncall.get(path)))[1]
    same = oncall.get(path, {"v": version}, headers=HTMX)
    assert (same.status_code, same.content) == (204, b"")
    assert "<html" in text(oncall.get(path, {"v": version}, headers=BACK))
    oncall.post(f"{path}/withdraw")
    changed = oncall.get(path, {"v": version}, headers=HTMX)
    assert changed.status_code == 200
    assert "Withdrawn by Oncall" in text(changed)
    assert 'hx-trigger="bg:tick' not in text(changed), "a final state stops polling"


def test_an_approver_sees_what_opens_and_the_digest_that_is_decided_on(
    client_for, people, pending_request
):
    shown = text(client_for(people.peer).get(page_of(pending_request)))
    assert f'name="digest" value="{pending_request.digest_hex}"' in shown
    assert "Any branch" in shown
    assert "Any artefact" in shown


def test_rejecting_needs_a_reason(client_for, people, pending_request):
    peer = client_for(people.peer)
    path = f"{page_of(pending_request)}/reject"
    answer = peer.post(path, decision(pending_request))
    assert answer.status_code == 422
    assert "Say why you reject" in text(answer)
    assert peer.post(path, decision(pending_request, comment="No.")).status_code == 302
    pending_request.refresh_from_db()
    assert (pending_request.state, pending_request.end_comment) == ("rejected", "No.")
    assert "Rejected by Peer" in text(peer.get(page_of(pending_request)))


def test_rejecting_on_other_terms_is_a_conflict(client_for, people, pending_request):
    peer = client_for(people.peer)
    path = f"{page_of(pending_request)}/reject"
    answer = peer.post(path, {"digest": "00" * 32, "comment": "No."})
    assert answer.status_code == 409
    part = peer.post(path, {"digest": "00" * 32, "comment": "No."}, headers=HTMX)
    assert (part.status_code, part.headers["HX-Retarget"]) == (409, "#flash")
    assert "<html" not in text(part)


def test_only_the_requester_withdraws(client_for, people, pending_request):
    path = f"{page_of(pending_request)}/withdraw"
    assert client_for(people.peer).post(path).status_code == 403
    assert client_for(people.oncall).get(path).status_code == 405


@pytest.mark.django_db(transaction=True)
def test_closing_early_is_asked_once_and_needs_a_reason(
    oncall, client_for, people, active_grant
):
    path = f"{page_of(active_grant.request)}/close"
    assert "Close now" in text(oncall.get(path))
    assert oncall.post(path, {"reason": ""}).status_code == 422
    assert client_for(people.auditor).get(path).status_code == 403
    assert oncall.post(path, {"reason": "It is fixed."}).status_code == 302
    active_grant.refresh_from_db()
    assert (active_grant.state, active_grant.close_reason) == (
        "revoked",
        "It is fixed.",
    )
    assert oncall.get(path).status_code == 409
    assert "Closed early" in text(oncall.get(page_of(active_grant.request)))


@pytest.mark.django_db(transaction=True)
def test_an_active_page_counts_down_and_an_expired_one_says_so_without_a_sweep(
    oncall, active_grant, advance
):
    path = page_of(active_grant.request)
    shown = text(oncall.get(path))
    assert "Open for 1" in shown
    assert "data-deadline=" in shown
    assert "1 gate is bypassed" in shown
    advance(16 * 60)
    shown = text(oncall.get(path))
    assert "Closed by itself after 15 minutes" in shown
    assert "is bypassed" not in shown
    assert grants.expire_due() == 1


def test_text_from_people_is_escaped(acme, people, gate, client_for):
    bypass = factories.request(
        acme, people.oncall, gate, justification="<script>alert(1)</script> please"
    )
    shown = text(client_for(people.peer).get(page_of(bypass)))
    assert "<script>alert(1)" not in shown
    assert "&lt;script&gt;alert(1)" in shown
