"""What every approval and grant of the log has to stand on."""

from dataclasses import replace
from hashlib import sha256

import pytest

from breakglass.audit import chain, verify
from breakglass.audit.verify import Checked, Report, StoredBundle

DIGEST = "9f" * 32
PEER = "peer@acme.example"


def bundle(raw=b"{}", *, identity=PEER, subject=DIGEST, signs=DIGEST, kind="approval"):
    statement = chain.canonical({"subject": [{"digest": {"sha256": signs}}]})
    return StoredBundle(
        raw=raw,
        statement=statement,
        identity=identity,
        kind=kind,
        subject_sha256=subject,
    )


def accepts(*signed):
    """A verifier to whom every signature is good."""


def refuses(*signed):
    raise ValueError("the signature is bad")


def held_of(*bundles):
    return verify.check_bundles(
        bundles, verify=verify.in_turn(accepts), report=Report()
    )


def entry(event, facts, *, actor=PEER):
    return Checked(
        seq=7,
        entry_hash=bytes(32),
        content={"event": event, "actor": {"name": actor}, "facts": facts},
    )


def found(checked, held):
    report = Report()
    verify.check_evidence(checked, held=held, report=report)
    return [(finding.seq, finding.message) for finding in report.findings]


def name_of(raw):
    return sha256(raw).hexdigest()


def approved(raw=b"{}", **facts):
    return entry(
        "request.approved",
        {"bundle_sha256": name_of(raw), "digest": DIGEST, **facts},
    )


def test_a_bundle_that_verifies_is_held_by_the_hash_of_its_bytes():
    one = bundle(b'{"one":1}')

    assert held_of(one) == {name_of(b'{"one":1}'): replace(one, raw=b"")}


def test_a_bundle_that_does_not_verify_is_a_finding_and_not_held():
    report = Report()

    held = verify.check_bundles(
        [bundle()], verify=verify.in_turn(refuses), report=report
    )

    assert held == {}
    assert report.bundles == 1
    assert "peer@acme.example: the signature is bad" in report.findings[0].message


def test_a_bundle_over_another_subject_is_a_finding_and_not_held():
    report = Report()

    held = verify.check_bundles(
        [bundle(signs="00" * 32)], verify=verify.in_turn(accepts), report=report
    )

    assert held == {}
    assert "signs another subject" in report.findings[0].message


def test_a_statement_without_a_subject_is_a_finding():
    report = Report()
    odd = StoredBundle(b"{}", b'{"subject":[]}', PEER, "approval", DIGEST)

    assert (
        verify.check_bundles([odd], verify=verify.in_turn(accepts), report=report) == {}
    )
    assert len(report.findings) == 1


def test_an_approval_with_its_own_bundle_stands():
    assert found(approved(), held_of(bundle())) == []


def test_an_approval_without_a_bundle_does_not_stand():
    message = "names an approval bundle that does not verify"

    assert found(approved(), {}) == [(7, message)]
    assert found(entry("request.approved", {}), held_of(bundle())) == [(7, message)]


def test_an_approval_signed_by_somebody_else_does_not_stand():
    held = held_of(bundle(identity="mallory@acme.example"))

    assert found(approved(), held) == [
        (7, "was signed by somebody else than its actor")
    ]


def test_an_approval_of_another_request_does_not_stand():
    held = held_of(bundle(subject="00" * 32, signs="00" * 32))

    assert found(approved(), held) == [(7, "was signed over another request")]


@pytest.mark.parametrize(
    ("signers", "quorum", "stands"),
    [
        (["a@x.example"], 1, True),
        (["a@x.example", "b@x.example"], 2, True),
        (["a@x.example"], 2, False),
        (["a@x.example", "a@x.example"], 2, False),
        ([], 1, False),
    ],
)
def test_a_grant_stands_on_as_many_different_signers_as_its_quorum(
    signers, quorum, stands
):
    given = [
        bundle(f'{{"n":{n}}}'.encode(), identity=who) for n, who in enumerate(signers)
    ]
    facts = {
        "digest": DIGEST,
        "quorum": quorum,
        "approval_bundles": [name_of(one.raw) for one in given],
    }

    problems = found(entry("grant.issued", facts), held_of(*given))

    assert (problems == []) is stands


def test_a_grant_that_names_bundles_nobody_has_does_not_stand():
    facts = {"quorum": 1, "approval_bundles": ["ab" * 32]}

    assert found(entry("grant.issued", facts), held_of(bundle())) == [
        (7, "is a grant without its quorum of signatures")
    ]


def test_other_events_need_no_evidence():
    assert found(entry("request.opened", {}), {}) == []


def test_signatures_over_another_request_make_no_quorum():
    other = "00" * 32
    given = [bundle(subject=other, signs=other)]
    facts = {"digest": DIGEST, "quorum": 1, "approval_bundles": [name_of(b"{}")]}

    assert found(entry("grant.issued", facts), held_of(*given)) == [
        (7, "is a grant without its quorum of signatures")
    ]


def test_the_portals_own_signature_is_not_a_person_of_the_quorum():
    own = bundle(b"[]", identity="portal@breakglass.internal", kind="grant")
    facts = {
        "digest": DIGEST,
        "quorum": 2,
        "approval_bundles": [name_of(b"{}"), name_of(b"[]")],
    }

    assert found(entry("grant.issued", facts), held_of(bundle(), own))


@pytest.mark.parametrize(
    "facts",
    [
        {"quorum": 0, "approval_bundles": []},
        {"quorum": -1, "approval_bundles": []},
        {"quorum": "1", "approval_bundles": []},
        {"quorum": 1, "approval_bundles": None},
        {"quorum": 1, "approval_bundles": [["nested"], {}]},
        {},
    ],
    ids=str,
)
def test_odd_facts_of_a_grant_are_a_finding_and_no_crash(facts):
    assert found(entry("grant.issued", facts), held_of(bundle()))
