"""When something is not there, not allowed or broken, the page says what helps."""

import pytest
from django.db import OperationalError, connection
from django.test import Client

from breakglass.models import Tenant
from tests.flows.pages.account.test_profile_page import text

pytestmark = pytest.mark.django_db
EMERGENCY = "Call +49 30 555 and follow RUNBOOK-7 <now>."


@pytest.fixture
def peer(client_for, acme, people):
    Tenant.objects.filter(pk=acme.pk).update(emergency_text=EMERGENCY)
    client = client_for(people.peer)
    client.raise_request_exception = False
    return client


def breaks(monkeypatch, error):
    def broken(**_):
        raise error

    monkeypatch.setattr("breakglass.queries.dashboard.overview", broken)


def test_a_missing_page_names_one_s_own_teams_and_no_others(peer, charlie):
    for path in ("/t/globex/requests", "/t/acme/requests/BG-000000", "/nowhere"):
        answer = peer.get(path)
        assert answer.status_code == 404
        page = text(answer)
        assert '<a href="/t/acme/requests">Acme</a>' in page
        assert "Globex" not in page


def test_a_refusal_says_whence_rights_come(peer):
    page = text(peer.get("/outbox"))
    assert "Sent messages are for people who run a tenant" in page
    assert "What you may do comes from your roles" in page


def test_a_breakdown_says_that_nothing_was_recorded_and_what_to_do_instead(
    peer, monkeypatch, caplog
):
    breaks(monkeypatch, RuntimeError("boom"))
    answer = peer.get("/")
    assert answer.status_code == 500
    page = text(answer)
    assert "not recorded" in page
    assert "RUNBOOK-7 &lt;now&gt;" in page
    assert "boom" not in page
    reference = page.split("<code>")[1].split("</code>")[0]
    assert answer.headers["X-Request-ID"].startswith(reference)
    assert len(reference) == 8


def test_a_breakdown_can_be_read_while_the_database_is_down(peer, monkeypatch):
    def down(*_, **__):
        raise OperationalError("the server closed the connection")

    with monkeypatch.context() as broken:
        broken.setattr(connection, "cursor", down)
        answer = peer.get("/")
    assert answer.status_code == 500
    assert "Sorry, something went wrong" in text(answer)
    assert "RUNBOOK-7" not in text(answer)


def test_a_form_of_an_ended_session_leads_to_the_sign_in_and_back(people, acme):
    strict = Client(enforce_csrf_checks=True)
    page = "http://testserver/t/acme/requests/new"
    answer = strict.post(page, {"service": "checkout"}, headers={"Referer": page})
    assert answer.status_code == 403
    shown = text(answer)
    assert "Your session ended while the page was open" in shown
    assert "Your text is kept on this device." in shown
    assert "/accounts/login/?next=%2Ft%2Facme%2Frequests%2Fnew" in shown
