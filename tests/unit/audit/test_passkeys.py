"""What the log alone proves about an approval's passkey, and what it gives away."""

from dataclasses import replace
from datetime import timedelta
from hashlib import sha256

import pytest

from breakglass.audit import chain, passkeys
from breakglass.audit.verify import Checked, Report, StoredBundle
from tests.authenticator import UP, UV, Authenticator, b64, spki
from tests.unit.audit.links import START

ORIGIN = "https://portal.acme.example"
RP = "acme.example"
STATEMENT = sha256(b"a statement").digest()
PEER = {"kind": "user", "id": "id-of-peer", "name": "peer@acme.example"}
SIGN_IN = {"method": "password"}


def entry(event, facts, *, at=START, actor=PEER, bypass_id="BG-7Q4MZK"):
    content = {
        "event": event,
        "actor": actor,
        "at": chain.timestamp(at),
        "bypass_id": bypass_id,
        "facts": facts,
    }
    return Checked(seq=7, entry_hash=bytes(32), content=content)


@pytest.fixture(params=[-7, -8, -257], ids=["ES256", "EdDSA", "RS256"], scope="module")
def key(request):
    return Authenticator(algorithm=request.param, rp_id=RP)


def enrolled(key, **changes):
    facts = {
        "person": PEER["name"],
        "id": PEER["id"],
        "credential": b64(key.credential_id),
        "public_key": spki(key),
        "rp_id": RP,
        "usable_from": chain.timestamp(START),
        "cool_down_seconds": 60,
    }
    at = START - timedelta(seconds=60)
    return entry("credential.enrolled", {**facts, **changes}, at=at)


def approved(key, *, challenge=STATEMENT, at=START, actor=PEER, facts=None, **bent):
    answer = key.answer(challenge, **{"origin": ORIGIN, **bent})
    said = {
        "statement_sha256": STATEMENT.hex(),
        "authentication": SIGN_IN,
        "passkey": {
            "credential": b64(answer.credential_id),
            "authenticator_data": b64(answer.authenticator_data),
            "client_data": b64(answer.client_data),
            "signature": b64(answer.signature),
        },
        **(facts or {}),
    }
    return entry("request.approved", said, at=at, actor=actor)


def found(*entries):
    known, messages = passkeys.Known(), []
    for one in entries:
        messages += list(passkeys.problems(one, known=known))
    return messages


def test_an_answer_under_the_key_in_the_log_stands(key):
    assert found(enrolled(key), approved(key)) == []


WRONG = {
    "another decision": ({"challenge": bytes(32)}, "to another decision"),
    "type": ({"kind": "webauthn.create"}, "another kind of answer"),
    "origin": ({"origin": "https://evil.example"}, "given on another site"),
    "look-alike": ({"origin": "https://xacme.example"}, "given on another site"),
    "plain http": ({"origin": "http://acme.example"}, "given on another site"),
    "frame": ({"crossOrigin": True}, "given on another site"),
    "relying party": ({"rp_id": "evil.example"}, "made for another site"),
    "nobody verified": ({"flags": UP}, "does not say who was there"),
    "nobody there": ({"flags": UV}, "does not say who was there"),
    "too new": ({"at": START - timedelta(seconds=1)}, "still too new"),
    "other person": ({"actor": {**PEER, "id": "x"}}, "somebody else's passkey"),
}


@pytest.mark.parametrize(("bent", "words"), WRONG.values(), ids=WRONG)
def test_each_thing_that_does_not_hold_is_a_finding(key, bent, words):
    (message,) = found(enrolled(key), approved(key, **bent))

    assert words in message


def test_a_passkey_that_was_not_enrolled_before_proves_nothing(key):
    (message,) = found(approved(key), enrolled(key))

    assert "did not enrol before" in message


def test_a_passkey_that_was_removed_before_proves_nothing(key):
    gone = entry("credential.revoked", {"credential": b64(key.credential_id)})

    assert found(enrolled(key), approved(key), gone) == []
    (message,) = found(enrolled(key), gone, approved(key))
    assert "removed before" in message


def test_another_key_in_the_log_does_not_take_the_signature(key):
    other = enrolled(Authenticator(rp_id=RP), credential=b64(key.credential_id))

    (message,) = found(other, approved(key))
    assert "signature does not hold" in message


@pytest.mark.parametrize("name", ["authenticator_data", "client_data", "signature"])
def test_one_changed_bit_is_a_finding(key, name):
    one = approved(key)
    passkey = dict(one.content["facts"]["passkey"])
    raw = bytearray(passkeys._bytes(passkey[name]))
    raw[-2] ^= 1
    passkey[name] = b64(bytes(raw))
    facts = {**one.content["facts"], "passkey": passkey}

    assert found(enrolled(key), entry("request.approved", facts))


def test_an_answer_counts_once(key):
    one = approved(key)

    (message,) = found(enrolled(key), one, one)
    assert "used before" in message


def test_a_key_enrolled_twice_or_usable_too_early_is_a_finding(key):
    (message,) = found(enrolled(key), enrolled(key))
    assert "knows already" in message
    (message,) = found(enrolled(key, cool_down_seconds=61))
    assert "before its cool-down" in message


def policy(*, required):
    tiers = [{"slug": "high", "passkey_required": required}, {"slug": "low"}]
    return entry("policy.published", {"version": 3, "policy": {"tiers": tiers}})


def opened(tier):
    return entry("request.opened", {"policy_version": 3, "tier": tier})


def bare(**facts):
    return entry("request.approved", {"passkey": None, **facts})


def test_an_approval_without_the_passkey_that_its_tier_asks_for_is_a_finding(key):
    (message,) = found(policy(required=True), opened("high"), bare())

    assert "without the passkey that its tier asks for" in message
    assert found(policy(required=True), opened("low"), bare()) == []
    assert found(policy(required=False), opened("high"), bare()) == []
    good = (policy(required=True), opened("high"), enrolled(key), approved(key))
    assert found(*good) == []


def test_a_sign_in_by_passkey_without_one_is_a_finding():
    (message,) = found(bare(authentication={"method": "passkey"}))

    assert "carries none" in message


@pytest.mark.parametrize(
    "passkey",
    [{}, [], "x", 7, {"credential": []}, {"credential": None}],
    ids=str,
)
def test_odd_facts_are_a_finding_and_no_crash(passkey):
    facts = {"passkey": passkey, "statement_sha256": "zz"}

    assert len(found(entry("request.approved", facts))) == 1


@pytest.mark.parametrize("event", ["credential.enrolled", "credential.revoked"])
def test_odd_enrolments_are_a_finding_and_no_crash(event):
    assert len(found(entry(event, {"credential": {}}))) == 1


def test_odd_bytes_of_an_answer_are_a_finding_and_no_crash(key):
    one = approved(key).content["facts"]
    for name in ("authenticator_data", "client_data", "signature"):
        for text in ("", "!", "AAAA", "e30", "W10"):
            facts = {**one, "passkey": {**one["passkey"], name: text}}
            assert found(enrolled(key), entry("request.approved", facts))


def test_the_passkeys_statement_is_the_one_that_the_signature_is_over(key):
    one = approved(key, facts={"bundle_sha256": "ab"})
    bundle = StoredBundle(b"{}", b"a statement", PEER["name"], "approval", "")

    for held, size in ((bundle, 0), (replace(bundle, statement=b"another"), 1)):
        report = Report()
        passkeys.check_statement(one, held={"ab": held}, report=report)
        assert len(report.findings) == size
