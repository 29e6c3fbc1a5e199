"""Approving with a passkey: what counts, and what is refused without a trace."""

import json
from dataclasses import replace

import pytest

from breakglass import clock
from breakglass.errors import (
    Conflict,
    NotFound,
    PasskeyRefused,
    PasskeyRequired,
    ReauthenticationRequired,
)
from breakglass.models import Approval, Assertion, Authentication, Credential
from breakglass.queries import approvers
from breakglass.rules.evidence import Proof
from breakglass.services.approving import approvals, counting
from tests import authenticator, factories
from tests.authenticator import DAY, UP, UV, Authenticator
from tests.flows.services import steps

pytestmark = pytest.mark.django_db


@pytest.fixture
def key(acme, people, advance):
    """The peer's passkey, which has cooled down."""
    made = authenticator.enrol(people.peer)
    advance(DAY)
    return made


def commit(intent, person, proof):
    return approvals._commit(intent_id=intent.public_id, approver=person, proof=proof)


def proven(key, intent, **bent):
    return key.proof(intent, clock.db_now(), **bent)


def test_an_approval_with_a_passkey_keeps_the_assertion_whole_in_the_log(
    acme, people, key, pending_request
):
    intent = factories.intend(pending_request, people.peer)
    proof = proven(key, intent)

    intent = commit(intent, people.peer, proof)
    outcome = counting.record(intent=intent, bundle=steps.sign_here(intent))

    said = steps.facts(acme, "request.approved")
    assert outcome.grant is not None
    assert said["authentication"]["method"] == "passkey"
    assert said["passkey"] == {
        "credential": authenticator.b64(key.credential_id),
        "authenticator_data": authenticator.b64(proof.passkey.authenticator_data),
        "client_data": authenticator.b64(proof.passkey.client_data),
        "signature": authenticator.b64(proof.passkey.signature),
    }
    client_data = json.loads(proof.passkey.client_data)
    assert client_data["challenge"] == authenticator.b64(
        bytes.fromhex(said["statement_sha256"])
    )
    credential = Credential.objects.get()
    assert credential.sign_count == 1
    assert credential.last_used_at >= proof.at


@pytest.mark.parametrize("algorithm", [-7, -8, -257])
def test_each_algorithm_is_enrolled_and_its_answer_holds(
    acme, people, gate, advance, algorithm
):
    made = authenticator.enrol(
        people.peer, authenticator=Authenticator(algorithm=algorithm)
    )
    advance(DAY)
    bypass = factories.request(acme, people.oncall, gate)
    intent = factories.intend(bypass, people.peer)

    commit(intent, people.peer, proven(made, intent))

    assert Assertion.objects.get().credential == made.credential


BENT = {
    "origin": {"origin": "https://evil.example"},
    "subdomain": {"origin": "http://x.localhost:8000"},
    "relying party": {"rp_id": "evil.example"},
    "nobody verified": {"flags": UP},
    "nobody there": {"flags": UV},
    "type": {"kind": "webauthn.create"},
    "frame": {"crossOrigin": True},
}


@pytest.mark.parametrize("bent", BENT.values(), ids=BENT)
def test_an_answer_that_does_not_hold_records_nothing(
    people, key, pending_request, bent
):
    intent = factories.intend(pending_request, people.peer)

    with pytest.raises(PasskeyRefused):
        commit(intent, people.peer, proven(key, intent, **bent))

    nothing_recorded(intent, key)


def nothing_recorded(intent, key):
    """The decision is still a draft, and the passkey was not used."""
    intent.refresh_from_db()
    assert intent.state == "draft"
    assert not Assertion.objects.filter(intent=intent).exists()
    assert not Authentication.objects.filter(intent=intent).exists()
    key.credential.refresh_from_db()
    assert key.credential.sign_count == 0
    assert key.credential.last_used_at is None


def changed(passkey, name):
    """Flips the last bit of one part."""
    raw = bytearray(getattr(passkey, name))
    raw[-1] ^= 1
    return replace(passkey, **{name: bytes(raw)})


@pytest.mark.parametrize(
    "name", ["credential_id", "authenticator_data", "client_data", "signature"]
)
def test_one_changed_bit_records_nothing(people, key, pending_request, name):
    intent = factories.intend(pending_request, people.peer)
    proof = proven(key, intent)

    with pytest.raises(PasskeyRefused):
        commit(
            intent,
            people.peer,
            replace(proof, passkey=changed(proof.passkey, name)),
        )

    nothing_recorded(intent, key)


@pytest.mark.parametrize("part", ["authenticator_data", "client_data", "signature"])
@pytest.mark.parametrize("raw", [b"", b"\xff" * 37, b"{}", b"[]", b"x" * 5000])
def test_bytes_that_are_no_answer_record_nothing(
    people, key, pending_request, part, raw
):
    intent = factories.intend(pending_request, people.peer)
    proof = proven(key, intent)

    bad = replace(proof, passkey=replace(proof.passkey, **{part: raw}))
    with pytest.raises(PasskeyRefused):
        commit(intent, people.peer, bad)

    nothing_recorded(intent, key)


def test_an_answer_to_another_decision_is_no_answer_to_this_one(
    acme, people, gate, key, pending_request
):
    other = factories.request(acme, people.oncall, gate, service="mail")
    first = factories.intend(other, people.peer)
    replayed = proven(key, first)
    intent = factories.intend(pending_request, people.peer)

    with pytest.raises(PasskeyRefused, match="another question"):
        commit(intent, people.peer, replayed)

    nothing_recorded(intent, key)


def test_the_same_decision_taken_anew_needs_an_answer_of_its_own(
    people, key, pending_request
):
    old = factories.intend(pending_request, people.peer, comment="Same words.")
    replayed = proven(key, old)
    intent = factories.intend(pending_request, people.peer, comment="Same words.")

    with pytest.raises(PasskeyRefused):
        commit(intent, people.peer, replayed)


def test_another_persons_passkey_is_refused(people, key, pending_request, acme):
    factories.join(acme, people.approver1, "peers")
    intent = factories.intend(pending_request, people.approver1)

    with pytest.raises(PasskeyRefused, match="does not belong to your account"):
        commit(intent, people.approver1, proven(key, intent))

    nothing_recorded(intent, key)


def test_a_removed_passkey_is_refused(people, key, pending_request):
    intent = factories.intend(pending_request, people.peer)
    authenticator.remove(people.peer, key)

    with pytest.raises(PasskeyRefused):
        commit(intent, people.peer, proven(key, intent))

    nothing_recorded(intent, key)


def test_a_new_passkey_cannot_approve_before_its_cool_down_is_over(
    people, pending_request, advance, acme, gate
):
    made = authenticator.enrol(people.peer)
    advance(DAY - 60)
    bypass = factories.request(acme, people.oncall, gate, service="mail")
    intent = factories.intend(bypass, people.peer)
    with pytest.raises(PasskeyRefused, match="This passkey is new: it can approve"):
        commit(intent, people.peer, proven(made, intent))
    nothing_recorded(intent, made)

    advance(60)
    commit(intent, people.peer, proven(made, intent))
    assert Assertion.objects.get().intent == intent


def test_a_counter_that_goes_back_is_refused_and_one_that_stays_zero_is_not(
    acme, people, gate, key, advance
):
    def intend(person, service):
        bypass = factories.request(acme, people.oncall, gate, service=service)
        return factories.intend(bypass, person)

    key.counter = 7
    first = intend(people.peer, "a")
    commit(first, people.peer, proven(key, first))
    for counter in (0, 5, 7):
        key.counter = counter
        second = intend(people.peer, f"b{counter}")
        key.counts = False
        with pytest.raises(PasskeyRefused, match="counter went backwards"):
            commit(second, people.peer, proven(key, second))

    still = authenticator.enrol(
        people.senior, authenticator=Authenticator(counts=False)
    )
    factories.join(acme, people.senior, "peers")
    advance(DAY)
    for service in ("c", "d"):
        intent = intend(people.senior, service)
        commit(intent, people.senior, proven(still, intent))
    assert Assertion.objects.count() == 3


# ----------------------------------------------------------------- required by a tier


def test_a_tier_that_asks_for_a_passkey_refuses_a_password_alone(
    acme, people, gate, key
):
    steps.publish(acme, passkey_required=True)
    bypass = factories.request(acme, people.oncall, gate)
    intent = factories.intend(bypass, people.peer)

    with pytest.raises(PasskeyRequired, match="asks for a passkey"):
        commit(intent, people.peer, factories.proof())
    nothing_recorded(intent, key)

    beside = replace(proven(key, intent), method="password")
    intent = commit(intent, people.peer, beside)
    outcome = counting.record(intent=intent, bundle=steps.sign_here(intent))
    assert outcome.grant is not None
    assert Authentication.objects.get().method == "password"


def test_a_policy_that_got_stricter_meanwhile_counts_before_the_signature(
    acme, people, key, pending_request
):
    intent = factories.intend(pending_request, people.peer)
    steps.publish(acme, passkey_required=True)

    with pytest.raises(PasskeyRequired):
        commit(intent, people.peer, factories.proof())


@pytest.mark.django_db(transaction=True)
def test_a_policy_that_got_stricter_while_signing_leaves_the_request_pending(
    acme, people, pending_request
):
    intent = steps.commit(factories.intend(pending_request, people.peer), people.peer)
    bundle = steps.sign_here(intent)
    steps.publish(acme, passkey_required=True)

    with pytest.raises(PasskeyRequired):
        counting.record(intent=intent, bundle=bundle)

    pending_request.refresh_from_db()
    intent.refresh_from_db()
    assert pending_request.state == "pending"
    assert not Approval.objects.exists()
    assert (intent.state, "passkey" in intent.last_error) == ("refused", True)


def test_an_approval_without_a_passkey_stops_standing_when_the_policy_asks_for_one(
    acme, people, high_request
):
    steps.approve(high_request, people.approver1)
    assert approvers.quorum(bypass=high_request).filled == 1

    steps.publish(acme, tier="high", passkey_required=True)

    assert approvers.standing(bypass=high_request) == []
    assert approvers.quorum(bypass=high_request).filled == 0


@pytest.mark.django_db(transaction=True)
def test_a_passkey_removed_before_the_approval_counts_takes_it_back(
    people, key, pending_request
):
    intent = factories.intend(pending_request, people.peer)
    intent = commit(intent, people.peer, proven(key, intent))
    bundle = steps.sign_here(intent)
    authenticator.remove(people.peer, key)

    with pytest.raises(PasskeyRefused, match="removed before"):
        counting.record(intent=intent, bundle=bundle)
    assert not Approval.objects.exists()


def test_what_a_passkey_approved_stays_counted_after_its_removal(
    acme, people, high_request, advance
):
    made = authenticator.enrol(people.approver1)
    advance(DAY)
    bypass = factories.request(acme, people.oncall, high_request.gate, impact="high")
    intent = factories.intend(bypass, people.approver1)
    intent = commit(intent, people.approver1, proven(made, intent))
    counting.record(intent=intent, bundle=steps.sign_here(intent))

    authenticator.remove(people.approver1, made)

    assert approvers.quorum(bypass=bypass).filled == 1


def test_a_proof_by_passkey_without_one_is_no_proof(people, key, pending_request):
    intent = factories.intend(pending_request, people.peer)

    with pytest.raises(ReauthenticationRequired):
        commit(intent, people.peer, Proof(method="passkey", at=clock.db_now()))


# ------------------------------------------------------------ added while signing waits


def test_a_passkey_can_be_added_to_a_decision_that_waits_for_its_signature(
    people, key, pending_request
):
    draft = factories.intend(pending_request, people.peer)
    words = {"intent_id": draft.public_id, "approver": people.peer}
    passkey = key.answer(draft.digest)
    with pytest.raises(Conflict):
        approvals.add_passkey(**words, passkey=passkey)
    intent = steps.commit(draft, people.peer)

    for _ in range(2):
        approvals.add_passkey(**words, passkey=passkey)

    assert bytes(Assertion.objects.get().signature) == passkey.signature
    with pytest.raises(Conflict):
        approvals.add_passkey(**words, passkey=key.answer(draft.digest))
    with pytest.raises(NotFound):
        approvals.add_passkey(
            intent_id=draft.public_id, approver=people.senior, passkey=passkey
        )
    steps.sign_here(intent)
    with pytest.raises(Conflict):
        approvals.add_passkey(**words, passkey=passkey)
