"""Whatever people read: the log, what is signed and what is answered is English."""

import pytest
from django.conf import settings as django_settings
from django.utils import translation

from breakglass.models import (
    AuditEntry,
    BypassRequest,
    Grant,
    Intent,
    Notification,
    PostMortem,
)
from breakglass.services.telling import delivery
from breakglass.texts import text
from tests import factories, pseudo

pytestmark = pytest.mark.django_db(transaction=True)

REQUESTS = "/t/acme/requests"
FORM = {
    "gate": "prod-deploy",
    "service": "checkout",
    "impact": "low",
    "justification": "Checkout returns 5xx for a third of all users.",
    "ttl": "15",
}


@pytest.fixture
def german(settings, tmp_path):
    """German is a language in which every text is in brackets."""
    pseudo.install(settings, tmp_path)
    with translation.override(pseudo.LANGUAGE):
        yield


@pytest.fixture
def reads_german(client_for):
    """Logs somebody in who chose German."""

    def enter(person):
        client = client_for(person)
        client.cookies[django_settings.LANGUAGE_COOKIE_NAME] = pseudo.LANGUAGE
        return client

    return enter


def is_translated(value):
    return pseudo.OPEN in (
        bytes(value).decode() if isinstance(value, bytes | memoryview) else str(value)
    )


def test_a_bypass_asked_for_and_closed_in_german_is_english_on_record(
    german, acme, people, gate, reads_german
):
    client = reads_german(people.oncall)
    page = client.get(f"{REQUESTS}/new")
    assert is_translated(page.content), "the page itself is not translated"

    assert client.post(f"{REQUESTS}/new", FORM).status_code == 302
    bypass = BypassRequest.objects.get()
    factories.approve(bypass, people.peer, comment="Sieht gut aus.")
    address = f"{REQUESTS}/{bypass.bypass_id}"
    assert client.post(f"{address}/close", {"reason": "Behoben."}).status_code == 302
    assert client.get(f"/t/acme/postmortems/{bypass.bypass_id}").status_code == 200
    delivery.drain()

    entries = AuditEntry.objects.filter(bypass_id=bypass.bypass_id)
    assert {"request.opened", "request.approved", "grant.revoked"} <= set(
        entries.values_list("event", flat=True)
    )
    stored = [
        *(row.body for row in AuditEntry.objects.all()),
        *(row.statement for row in Intent.objects.all()),
        bypass.body,
        Grant.objects.get().close_reason,
        PostMortem.objects.get().body,
    ]
    assert [value for value in stored if is_translated(value)] == []


def test_a_refusal_of_the_api_is_english_also_in_the_middle_of_a_german_page(
    german, client
):
    answer = client.post("/api/v1/decisions", headers={"accept-language": "de"})

    assert not is_translated(answer.content)
    assert answer.json()["decision"] == "enforce"


def test_a_message_is_in_the_language_of_whom_it_is_for(
    german, acme, people, gate, settings
):
    people.peer.language = "de"
    people.peer.save(update_fields=["language"])
    factories.join(acme, people.approver1, "peers")

    factories.request(acme, people.oncall, gate)
    delivery.drain()

    told = {row.address: row for row in Notification.objects.all()}
    assert is_translated(told[people.peer.email].subject)
    assert is_translated(told[people.peer.email].body)
    english = told[people.approver1.email]
    assert not is_translated(english.subject + english.body)
    assert english.subject.endswith(
        "needs your approval: checkout on prod-deploy (low)"
    )


def test_a_language_that_we_no_longer_have_is_english(acme, people, gate):
    people.peer.language = "tlh"
    people.peer.save(update_fields=["language"])

    factories.request(acme, people.oncall, gate)
    delivery.drain()

    assert "needs your approval" in Notification.objects.get().subject


def test_a_text_that_is_stored_or_joined_is_english(german):
    said = text("this is over")

    assert f"{said}" == "this is over"
    assert ": ".join([said, said]) == "this is over: this is over"
