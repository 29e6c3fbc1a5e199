"""What people see while signing is down, and of a bypass not countersigned."""

import pytest

from breakglass.errors import SigningFailed
from breakglass.services.approving import countersigning, signatures
from tests import database, factories, fallback
from tests.flows.services import steps

pytestmark = pytest.mark.django_db
DAY = 24 * 3600


@pytest.fixture
def tolerant(acme, settings, tmp_path):
    fallback.seal(settings, tmp_path)
    fallback.allow(acme, "low")
    return acme


@pytest.fixture
def granted(tolerant, people, gate):
    grant = fallback.grant(tolerant, people, gate)
    bundle = fallback.sign_down(grant.statement)
    signatures._record(intent=grant.statement, bundle=bundle)
    return grant


def page_of(client, bypass):
    return client.get(f"/t/{bypass.tenant.slug}/requests/{bypass.bypass_id}")


def text(answer):
    assert answer.status_code == 200
    return " ".join(answer.content.decode().split())


def stuck(bypass, person):
    """A decision that the signing service did not answer to."""
    intent = steps.commit(factories.intend(bypass, person), person)
    error = SigningFailed("no answer", stage="network", retryable=True)
    signatures._postpone(intent=intent, error=error)


@pytest.mark.parametrize("path", ["/", "/t/acme/requests", "/t/acme/gates", "/live"])
def test_the_loud_bar_is_on_every_page_of_the_tenant(granted, people, client_for, path):
    page = text(client_for(people.peer).get(path))

    assert "Signed without the signing service:" in page
    assert granted.request.bypass_id in page


def test_the_bar_stays_after_the_window_until_it_is_countersigned(
    granted, people, client_for, monkeypatch
):
    database.advance(2 * 3600)
    client = client_for(people.peer)
    assert "not countersigned yet" in text(client.get("/t/acme/requests"))

    monkeypatch.setattr(countersigning, "_instance_is_back", lambda _grant: True)
    countersigning.countersign_due()
    granted.countersignature.refresh_from_db()
    statement = granted.countersignature.statement
    signatures._record(intent=statement, bundle=steps.sign_here(statement))

    assert "signing service" not in text(client.get("/t/acme/requests"))


def test_strangers_see_no_bar(granted, charlie, client_for):
    assert "signing service" not in text(client_for(charlie).get("/"))


def test_an_unverified_one_says_so_on_its_page_in_the_list_and_in_the_bar(
    granted, people, client_for
):
    database.advance(DAY + 60)
    countersigning.countersign_due()
    client = client_for(people.peer)

    page = text(page_of(client, granted.request))
    assert "It stays unverified" in page
    assert "Unverified:" in page
    assert "tag-fail" in text(client.get("/t/acme/requests"))


def test_the_page_of_the_fallback_says_who_signed_and_what_is_owed(
    granted, people, client_for
):
    page = text(page_of(client_for(people.peer), granted.request))

    assert "by the sealed local key, under the fallback" in page
    assert "Signed under the fallback" in page
    assert "must countersign this by" in page


def test_while_signing_is_down_the_page_says_what_would_help(
    tolerant, people, gate, client_for
):
    other = fallback.second_peer(tolerant)
    fallback.passkey(other)
    bypass = factories.request(tolerant, people.oncall, gate)
    stuck(bypass, people.peer)

    page = text(page_of(client_for(people.oncall), bypass))

    assert "The signing service does not answer." in page
    assert "2 people, one more than usual" in page
    assert "Can approve with a passkey: Second Peer." in page
    assert "No passkey: Peer." in page


def test_a_tier_that_blocks_says_that_it_waits(
    acme, people, pending_request, client_for
):
    stuck(pending_request, people.peer)

    page = text(page_of(client_for(people.oncall), pending_request))

    assert "Low impact tier waits for the signing service" in page


def test_a_site_without_fallback_says_so(tolerant, people, gate, client_for, settings):
    settings.SEALED_KEY_PASSPHRASE = ""
    bypass = factories.request(tolerant, people.oncall, gate)
    stuck(bypass, people.peer)

    page = text(page_of(client_for(people.oncall), bypass))

    assert "nothing that could stand in for it" in page


def test_a_request_of_the_fallback_says_how_many_more(
    tolerant, people, gate, client_for
):
    bypass = factories.request(tolerant, people.oncall, gate)
    fallback.second_peer(tolerant)
    fallback.approve(bypass, people.peer)

    page = text(page_of(client_for(people.oncall), bypass))

    assert "this request goes on under the outage fallback" in page
    assert "Waiting for 1 more approval" in page
    assert "1 more from any of the groups, since signing was down" in page


def test_the_entry_of_a_sealed_approval_says_what_it_proves(
    granted, people, client_for, acme
):
    seq = steps.events(acme).index("request.approved") + 1

    page = text(client_for(people.auditor).get(f"/t/acme/audit/{seq}"))

    assert "by the sealed local key, since the signing service was down" in page
    assert "This entry does not check out" not in page


def test_the_policy_in_words_says_what_an_outage_means(tolerant, people, client_for):
    gate = factories.gate(tolerant, "words")

    page = text(client_for(people.admin).get(f"/t/acme/gates/{gate.slug}"))

    assert "2 people with passkeys may open it for 1 hour at most" in page
