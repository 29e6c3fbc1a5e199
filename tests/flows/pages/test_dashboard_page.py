"""The dashboard, the frame around every page, and the pages for errors."""

import re

import pytest
from django.conf import settings
from django.test import Client

HTMX = {"HX-Request": "true"}
BACK = {"HX-Request": "true", "HX-History-Restore-Request": "true"}
pytestmark = pytest.mark.django_db


def text(answer):
    return answer.content.decode()


def test_somebody_logged_out_is_sent_to_the_login(client):
    assert client.get("/").headers["Location"].startswith("/accounts/login/")


def test_the_login_page_asks_only_for_the_sign_on_providers(
    client, django_assert_max_num_queries
):
    with django_assert_max_num_queries(1):  # allauth's list of identity providers
        answer = client.get("/accounts/login/")
    assert 'name="login"' in text(answer)
    assert 'name="password"' in text(answer)


def test_it_shows_what_waits_for_whom(
    client_for, people, pending_request, django_assert_max_num_queries
):
    peer = client_for(people.peer)
    with django_assert_max_num_queries(20):
        shown = text(peer.get("/"))
    assert pending_request.bypass_id in shown
    assert "No gate is bypassed right now." in shown
    assert "No contact" in shown
    own = text(client_for(people.oncall).get("/"))
    assert "Your pending requests" in own


@pytest.mark.django_db(transaction=True)
def test_an_active_bypass_counts_down_on_the_dashboard_and_in_the_bar(
    client_for, people, active_grant
):
    shown = text(client_for(people.peer).get("/"))
    assert shown.count("data-deadline=") >= 2
    assert "1 gate is bypassed" in shown


def test_charlie_sees_nothing_of_acme(client_for, charlie, pending_request):
    shown = text(client_for(charlie).get("/"))
    assert pending_request.bypass_id not in shown
    assert "acme" not in shown.lower()


def test_it_polls_until_something_changes(client_for, people, pending_request):
    peer = client_for(people.peer)
    version = re.search(r'hx-get="/\?v=(\w+)"', text(peer.get("/")))[1]
    assert peer.get("/", {"v": version}, headers=HTMX).status_code == 204
    client_for(people.oncall).post(
        f"/t/acme/requests/{pending_request.bypass_id}/withdraw"
    )
    changed = peer.get("/", {"v": version}, headers=HTMX)
    assert text(changed).lstrip().startswith('<div id="live"')
    assert "<html" in text(peer.get("/", headers=BACK))


def test_somebody_without_a_team_is_told_what_to_do(client_for, people):
    assert "is not a member of any team" in text(client_for(people.peer).get("/"))


def test_a_team_without_gates_is_told_how_to_start(client_for, people, acme):
    assert "Set up breakglass" in text(client_for(people.admin).get("/"))


def test_the_menu_offers_only_what_the_person_may_do(client_for, people, gate):
    auditor = text(client_for(people.auditor).get("/"))
    assert "/t/acme/requests/new" not in re.sub(r'data-new="[^"]*"', "", auditor)
    assert "Audit log" in auditor
    oncall = text(client_for(people.oncall).get("/"))
    assert "/t/acme/requests/new" in oncall


def test_an_unknown_address_is_a_page_that_tells_nothing(client_for, people, acme):
    answer = client_for(people.peer).get("/t/acme/nothing-here")
    assert answer.status_code == 404
    assert "Page not found" in text(answer)


def test_a_form_without_its_token_gets_a_page_and_changes_nothing(
    people, pending_request
):
    client = Client(enforce_csrf_checks=True)
    client.force_login(people.oncall)
    path = f"/t/acme/requests/{pending_request.bypass_id}/withdraw"
    answer = client.post(path)
    assert answer.status_code == 403
    assert "Your session ended" in text(answer)
    pending_request.refresh_from_db()
    assert pending_request.state == "pending"


def test_the_colours_are_kept_on_the_device(client_for, people):
    client = client_for(people.peer)
    answer = client.post(
        "/preferences/theme", {"theme": "dark", "next": "https://evil.example"}
    )
    assert answer.headers["Location"] == "/"
    assert 'data-bs-theme="dark"' in text(client.get("/"))
    client.post("/preferences/theme", {"theme": '"><script>'})
    assert 'data-theme-choice="auto"' in text(client.get("/"))


def test_every_page_carries_the_headers(client_for, people, acme):
    headers = client_for(people.peer).get("/").headers
    assert headers["Cache-Control"] == "no-store"
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert "camera=()" in headers["Permissions-Policy"]
    assert headers["X-Frame-Options"] == "DENY"
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy


def test_no_template_needs_what_the_csp_forbids():
    forbidden = re.compile(
        r"""\s(on\w+|hx-on[:\w-]*|hx-confirm|hx-boost|style)=|<style|<script(?![^>]*src=)"""
        r"""|hx-vals=['"]js:"""
    )
    for path in (settings.BASE_DIR / "templates").rglob("*.html"):
        found = forbidden.search(path.read_text())
        assert found is None, f"{path}: {found and found[0]}"
