"""Passkeys in the portal: one's own list, signing in, and approving with one."""

import json
from urllib.parse import urlencode

import pytest

from breakglass.models import (
    Approval,
    AuditEntry,
    Authentication,
    Credential,
    Intent,
)
from breakglass.queries import policies
from breakglass.services.approving import signatures
from tests import authenticator, factories
from tests.authenticator import DAY, Authenticator, b64
from tests.flows.services import steps

PAGE, OPTIONS, ADD = (
    "/profile/passkeys",
    "/profile/passkeys/options",
    "/profile/passkeys/add",
)
STEPUP = "/accounts/reauthenticate/"
LOGIN, LOGIN_OPTIONS = "/accounts/passkey/", "/accounts/passkey/options"
pytestmark = pytest.mark.django_db
signs = pytest.mark.django_db(transaction=True)


def text(answer):
    return answer.content.decode()


def fields(passkey):
    """What passkeys.js puts into the form."""
    return {
        "credential_id": b64(passkey.credential_id),
        "authenticator_data": b64(passkey.authenticator_data),
        "client_data": b64(passkey.client_data),
        "signature": b64(passkey.signature),
    }


def made(answer, name="Laptop"):
    return {
        "name": name,
        "client_data": b64(answer.client_data),
        "attestation_object": b64(answer.attestation_object),
        "transports": "internal hybrid nonsense",
    }


def challenge_of(answer):
    raw = json.loads(answer.content)["challenge"]
    return authenticator.unb64(raw)


@pytest.fixture
def peer(client_for, people, acme):
    return client_for(people.peer)


@pytest.fixture
def key(people, acme, advance):
    """The peer's passkey, which can approve."""
    found = authenticator.enrol(people.peer, name="Key on my ring")
    advance(DAY)
    return found


# -------------------------------------------------------------------- one's own list


@pytest.mark.parametrize(
    "path", [PAGE, OPTIONS, ADD, f"{PAGE}/{'0' * 8}-0000-4000-8000-{'0' * 12}/remove"]
)
def test_nobody_logged_out_sees_or_changes_a_list(client, path):
    for answer in (client.get(path), client.post(path)):
        assert answer.status_code in (302, 405)
        assert answer.status_code == 405 or "/accounts/login/" in answer["Location"]


def test_a_passkey_is_added_and_the_page_says_from_when_it_approves(peer, people):
    key = Authenticator()
    options = peer.post(OPTIONS)
    assert json.loads(options.content)["rp"] == {
        "id": "localhost",
        "name": "breakglass",
    }
    answer = key.attest(challenge_of(options))

    done = peer.post(ADD, made(answer))

    assert done.headers["Location"] == PAGE
    shown = text(peer.get(PAGE))
    credential = Credential.objects.get(user=people.peer)
    usable = credential.notices.get().usable_from
    assert f"can approve from {usable:%Y-%m-%d %H:%M} UTC" in shown
    assert "Cannot approve yet" in shown
    assert "This is your only one" in shown
    assert credential.transports == ["hybrid", "internal"]


def test_a_challenge_makes_one_passkey_and_only_soon(peer, advance):
    options = peer.post(OPTIONS)
    first = Authenticator().attest(challenge_of(options))
    second = Authenticator().attest(challenge_of(options))
    peer.post(ADD, made(first))

    again = peer.post(ADD, made(second))
    assert again.status_code == 422
    assert "answered already" in text(again)

    late = Authenticator().attest(challenge_of(peer.post(OPTIONS)))
    advance(299)
    peer.post(STEPUP, {"password": factories.PASSWORD})
    advance(2)
    assert "took too long" in text(peer.post(ADD, made(late)))
    assert Credential.objects.count() == 1


def test_an_old_session_signs_in_again_before_it_adds_one(peer, advance):
    answer = Authenticator().attest(challenge_of(peer.post(OPTIONS)))
    advance(301)

    assert peer.post(OPTIONS).status_code == 403
    assert peer.post(ADD, made(answer)).headers["Location"] == (
        f"{STEPUP}?{urlencode({'next': PAGE})}"
    )
    assert f"{STEPUP}?next={PAGE}" in text(peer.get(PAGE))
    assert not Credential.objects.exists()


@pytest.mark.parametrize(
    "broken",
    [
        {"name": ""},
        {"client_data": ""},
        {"attestation_object": "%%%"},
        {"client_data": "e30"},
    ],
    ids=str,
)
def test_a_broken_answer_is_said_on_the_page(peer, broken):
    answer = Authenticator().attest(challenge_of(peer.post(OPTIONS)))

    refused = peer.post(ADD, {**made(answer), **broken})

    assert refused.status_code == 422
    assert "There is a problem" in text(refused)
    assert not Credential.objects.exists()


def test_a_passkey_is_removed_with_a_reason_and_by_nobody_else(
    peer, people, key, client_for
):
    page = f"{PAGE}/{key.credential.public_id}/remove"
    other = client_for(people.approver1)
    assert other.get(page).status_code == 404
    assert other.post(page, {"reason": "Mine."}).status_code == 404
    assert "Remove Key on my ring?" in text(peer.get(page))
    assert peer.post(page, {"reason": ""}).status_code == 422

    done = peer.post(page, {"reason": "Lost on the train."})

    assert done.headers["Location"] == PAGE
    key.credential.refresh_from_db()
    assert key.credential.revoked_at is not None
    assert "You have no passkey yet" in text(peer.get(PAGE))
    assert peer.get(page).status_code == 404


def test_another_address_than_the_portals_own_is_said(peer, settings):
    assert "Passkeys work on" in text(peer.get(PAGE))
    settings.BASE_URL = "http://testserver"
    assert "Passkeys work on" not in text(peer.get(PAGE))


# -------------------------------------------------------------------------- approving


def approve(client, bypass, **more):
    page = f"/t/acme/requests/{bypass.bypass_id}/approve"
    return client.post(page, {"digest": bypass.digest_hex, "comment": "Yes.", **more})


def asked_for(people, gate):
    return factories.request(
        factories.tenant_of(people.peer), people.oncall, gate, service="mail"
    )


@signs
def test_a_passkey_approves_exactly_the_decision_that_the_page_shows(
    peer, people, gate, key
):
    bypass = asked_for(people, gate)
    peer = peer_again(peer, people)
    page = f"/t/acme/requests/{bypass.bypass_id}"
    assert "With your passkey…" in text(peer.get(page))
    assert "With your passkey…" in text(peer.get("/inbox"))
    answer = approve(peer, bypass, **{"with": "passkey"})
    intent = Intent.objects.get(kind="approval")
    assert answer.headers["Location"] == f"{STEPUP}?intent={intent.public_id}"
    shown = text(peer.get(answer.headers["Location"]))
    assert "Approve with your passkey" in shown
    assert b64(intent.digest) in shown
    assert b64(key.credential_id) in shown

    data = {"intent": intent.public_id, **fields(key.answer(intent.digest))}
    done = peer.post(STEPUP, data)

    assert done.headers["Location"] == page
    assert Approval.objects.get().approver == people.peer
    assert Authentication.objects.get().method == "passkey"
    page = text(peer.get(page))
    assert "approved and signed as peer@acme.example" in page
    assert "with passkey “Key on my ring”" in page
    assert "with a passkey" in page


def peer_again(client, people):
    client.post(
        "/accounts/login/",
        {"login": people.peer.email, "password": factories.PASSWORD},
    )
    return client


@signs
def test_a_bad_answer_is_said_and_the_decision_waits(peer, people, gate, key):
    bypass = asked_for(people, gate)
    approve(peer, bypass, **{"with": "passkey"})
    intent = Intent.objects.get(kind="approval")
    page = f"{STEPUP}?intent={intent.public_id}"

    other = {"intent": intent.public_id, **fields(key.answer(b"\1" * 32))}
    assert peer.post(STEPUP, other).headers["Location"] == page
    assert "Nothing was recorded. The passkey answered another question" in text(
        peer.get(page)
    )
    half = {"intent": intent.public_id, "credential_id": "AAAA"}
    assert peer.post(STEPUP, half).status_code == 422
    assert not Approval.objects.exists()
    intent.refresh_from_db()
    assert intent.state == "draft"


@signs
def test_a_tier_that_needs_a_passkey_says_so_and_takes_no_password(
    people, acme, gate, key, client_for
):
    steps.publish(acme, passkey_required=True)
    bypass = asked_for(people, gate)
    peer = client_for(people.peer)
    page = text(peer.get(f"/t/acme/requests/{bypass.bypass_id}"))
    assert "Each approval needs a passkey." in page
    assert "Ready with theirs: Peer." in page
    assert "Your passkey answers for it on the next page." in page

    answer = approve(peer, bypass)  # a fresh session does not sign at once
    intent = Intent.objects.get(kind="approval")
    step = answer.headers["Location"]
    assert step == f"{STEPUP}?intent={intent.public_id}"
    shown = text(peer.get(step))
    assert "Each approval of this tier needs a" in shown
    assert 'name="password"' not in shown
    for data in ({}, {"password": factories.PASSWORD}):
        forced = peer.post(STEPUP, {"intent": intent.public_id, **data})
        assert forced.headers["Location"] == step
    assert not Approval.objects.exists()

    peer.post(STEPUP, {"intent": intent.public_id, **fields(key.answer(intent.digest))})
    assert Approval.objects.get().request == bypass


@signs
def test_a_policy_that_gets_stricter_while_signing_leads_back_to_the_request(
    people, acme, gate, client_for, monkeypatch
):
    bypass = asked_for(people, gate)
    peer = client_for(people.peer)
    fulfil = signatures.fulfil

    def meanwhile(*, intent, **how):
        bundle = fulfil(intent=intent, **how)
        steps.publish(acme, passkey_required=True)
        return bundle

    monkeypatch.setattr(signatures, "fulfil", meanwhile)
    answer = approve(peer, bypass)

    page = f"/t/acme/requests/{bypass.bypass_id}"
    assert answer.headers["Location"] == page
    assert "Nothing was recorded. This tier asks for a passkey" in text(peer.get(page))
    assert not Approval.objects.exists()


def test_who_has_none_or_a_new_one_is_told_what_to_do(people, acme, gate, client_for):
    steps.publish(acme, passkey_required=True)
    bypass = asked_for(people, gate)
    peer = client_for(people.peer)
    page = f"/t/acme/requests/{bypass.bypass_id}"
    assert "Nobody who is waited for has one that can approve yet" in text(
        peer.get(page)
    )
    assert "you have none that can approve yet" in text(peer.get(page))
    step = approve(peer, bypass).headers["Location"]
    assert "You have none" in text(peer.get(step))

    authenticator.enrol(people.peer)

    assert "Yours is new: it can approve from" in text(peer.get(step))


def test_the_preview_says_who_has_a_passkey(people, acme, gate, key, client_for):
    steps.publish(acme, passkey_required=True)
    asking = client_for(people.oncall)
    address = "/t/acme/requests/preview?gate=prod-deploy&service=checkout&impact=low"

    assert "Ready with theirs: Peer." in text(asking.get(address))
    assert policies.current(tenant=acme).version == 2


# ------------------------------------------------------------------- the entry's page


@signs
def test_the_entry_of_an_approval_checks_its_passkey_again(
    people, acme, gate, key, client_for
):
    with_key, without = asked_for(people, gate), asked_for(people, gate)
    intent = factories.intend(with_key, people.peer)
    factories.confirm_with(intent, people.peer, key)
    factories.approve(without, people.peer)
    auditor = client_for(people.auditor)

    def entry(bypass):
        seq = AuditEntry.objects.get(
            event="request.approved", bypass_id=bypass.bypass_id
        ).seq
        return text(auditor.get(f"/t/acme/audit/{seq}"))

    assert "The passkey “Key on my ring” answered with the digest" in entry(with_key)
    assert "None: this approval stands on its sign-in" in entry(without)
