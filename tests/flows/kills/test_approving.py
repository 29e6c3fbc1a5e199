"""
`kill -9` between every two steps of approve: once each, and 25 times in a soak.

Nothing that was signed and lost counts, no yes is lost, and every decision ends: it is
recorded, it lapses, or it is dropped on record.
"""

from collections import Counter

import pytest

from breakglass.models import Approval, AuditEntry, Bundle, Grant, Intent
from breakglass.models.signing import IntentKind
from breakglass.services.approving import approvals, signatures
from breakglass.services.logs import verification
from breakglass.signing import SignerIdentity, statements
from breakglass.signing.keyless import signer_from_settings, verifier_from_settings
from breakglass.states import IntentState, RequestState
from tests import database, factories, fallback
from tests.flows.kills.child import (
    FALLBACK_SIGNED,
    STATEMENT_RECORDED,
    STATEMENT_STORED,
    STEPS,
    killed,
)

pytestmark = pytest.mark.django_db(transaction=True)
soak = pytest.mark.soak

TIMES = [pytest.param(1, id="once"), pytest.param(25, id="many", marks=soak)]
VARIATIONS = [pytest.param(1, id="once"), pytest.param(6, id="many", marks=soak)]
AFTER_THE_LEASE = 60
AFTER_THE_DRAFT = 601


@pytest.fixture
def room_for_all(settings):
    """No limit in the way; and signing is warm, which every child then inherits."""
    settings.OPEN_REQUEST_LIMIT = 250
    portal = SignerIdentity(
        subject=settings.SIGNING_WORKLOAD, email=settings.SIGNING_WORKLOAD
    )
    warm = statements.statement(
        name="warm", sha256=bytes(32), predicate_type="warm", predicate={}
    )
    raw = signer_from_settings().sign(statement=warm, identity=portal)
    verifier_from_settings().verify(bundle=raw, statement=warm, email=portal.email)


@pytest.fixture
def asked(acme, people, gate, room_for_all):
    """Makes requests of a low impact; each needs one yes, which the peer decides on."""
    return lambda times: [
        factories.request(acme, people.oncall, gate, service=f"service-{number}")
        for number in range(times)
    ]


def recover():
    """What beat does, until nothing is due; long enough after the kill."""
    database.advance(AFTER_THE_LEASE)
    while approvals.resume_due(limit=1000) or signatures.sign_due(limit=1000):
        pass


def decisions():
    return Intent.objects.filter(kind=IntentKind.APPROVAL)


def states():
    return Counter(decisions().values_list("state", flat=True))


def events(tenant):
    rows = AuditEntry.objects.filter(tenant=tenant)
    return Counter(rows.values_list("event", flat=True))


def nothing_counts_twice_or_without_evidence(tenant):
    """Each approval has its own person, bundle and entry; each grant its quorum."""
    given = Approval.objects.values_list("request_id", "approver_id")
    assert len(set(given)) == len(given)
    signed = Bundle.objects.filter(intent__kind=IntentKind.APPROVAL)
    assert set(signed.values_list("pk", flat=True)) >= set(
        Approval.objects.values_list("bundle_id", flat=True)
    )
    counted = events(tenant)
    assert counted["request.approved"] == Approval.objects.count()
    assert counted["grant.issued"] == Grant.objects.count()


def everything_is_granted_once(tenant, *, times):
    assert Approval.objects.count() == Grant.objects.count() == times
    assert Bundle.objects.filter(intent__kind=IntentKind.APPROVAL).count() == times
    assert events(tenant)["grant.signed"] == times
    assert not Intent.objects.filter(
        state__in=(IntentState.DRAFT, IntentState.COMMITTED, IntentState.SIGNED)
    ).exists()
    nothing_counts_twice_or_without_evidence(tenant)
    assert verification.verify_tenant(tenant=tenant).findings == []


@pytest.mark.parametrize("times", TIMES)
@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.name)
def test_killed_after_any_step_every_approval_counts_exactly_once(
    acme, people, asked, step, times
):
    for bypass in asked(times):
        intent = factories.intend(bypass, people.peer)
        killed(lambda i=intent: factories.confirm(i, people.peer), after=step)
    nothing_counts_twice_or_without_evidence(acme)

    recover()

    assert states() == {IntentState.RECORDED: times}
    everything_is_granted_once(acme, times=times)


@pytest.mark.parametrize("times", TIMES)
def test_killed_with_the_decision_only_it_lapses_and_can_be_made_again(
    acme, people, asked, times
):
    waiting = asked(times)
    for bypass in waiting:
        killed(lambda b=bypass: factories.intend(b, people.peer))
    database.advance(AFTER_THE_DRAFT)

    recover()

    assert states() == {IntentState.LAPSED: times}
    assert not Approval.objects.exists()
    for bypass in waiting:
        factories.approve(bypass, people.peer)
    recover()
    assert states() == {IntentState.LAPSED: times, IntentState.RECORDED: times}
    everything_is_granted_once(acme, times=times)


@pytest.mark.parametrize("times", VARIATIONS)
@pytest.mark.parametrize(
    "step", [STEPS[0], STEPS[3], STEPS[5], STEPS[6]], ids=lambda step: step.name
)
def test_killed_and_then_the_request_ends_the_yes_is_dropped_on_record(
    acme, people, asked, step, times
):
    other = fallback.second_peer(acme)
    waiting = asked(times)
    for bypass in waiting:
        intent = factories.intend(bypass, people.peer)
        killed(lambda i=intent: factories.confirm(i, people.peer), after=step)
        approvals.reject(
            tenant=acme,
            bypass_id=bypass.bypass_id,
            approver=other,
            digest=bypass.digest_hex,
            comment="No.",
        )

    recover()

    assert states() == {IntentState.REFUSED: times}
    assert events(acme)["request.approval_dropped"] == times
    assert not Approval.objects.exists()
    assert not Grant.objects.exists()
    for bypass in waiting:
        bypass.refresh_from_db()
        assert bypass.state == RequestState.REJECTED
    assert verification.verify_tenant(tenant=acme).findings == []


@pytest.mark.parametrize("times", VARIATIONS)
@pytest.mark.parametrize(
    "step", [STEPS[5], STEPS[7], STEPS[10]], ids=lambda step: step.name
)
def test_killed_at_the_first_of_two_the_second_still_completes_it(
    acme, people, gate, room_for_all, step, times
):
    asked = [
        factories.request(
            acme, people.oncall, gate, impact="high", service=f"service-{number}"
        )
        for number in range(times)
    ]
    for bypass in asked:
        intent = factories.intend(bypass, people.approver1)
        killed(lambda i=intent: factories.confirm(i, people.approver1), after=step)
    recover()
    assert Approval.objects.count() == times
    assert not Grant.objects.exists()

    for bypass in asked:
        assert factories.approve(bypass, people.approver2).grant is not None

    nothing_counts_twice_or_without_evidence(acme)
    assert Grant.objects.count() == times


@pytest.mark.parametrize("times", TIMES)
@pytest.mark.parametrize(
    "step", [STATEMENT_STORED, STATEMENT_RECORDED], ids=lambda step: step.name
)
def test_killed_while_the_portal_signs_every_grant_is_signed_once(
    acme, people, asked, step, times
):
    waiting = asked(times)
    for bypass in waiting:
        factories.approve(bypass, people.peer)
    for _ in waiting:
        if Intent.objects.filter(kind=IntentKind.GRANT, state="committed").exists():
            killed(signatures.sign_due, after=step)

    recover()

    everything_is_granted_once(acme, times=times)


@pytest.mark.parametrize("times", VARIATIONS)
def test_killed_after_the_fallback_signed_the_stricter_terms_hold(
    acme, people, asked, settings, tmp_path, times
):
    settings.AUTHORITY_URL = "http://127.0.0.1:9"
    fallback.seal(settings, tmp_path)
    fallback.allow(acme, "low")
    other = fallback.second_peer(acme)
    waiting = asked(times)
    for person in (people.peer, other):
        for bypass in waiting:
            intent = factories.intend(bypass, person)
            fallback.passkey(person)
            killed(
                lambda i=intent, p=person: fallback.confirm(i, p),
                after=FALLBACK_SIGNED,
            )
        recover()
        assert states()[IntentState.COMMITTED] == 0

    assert Approval.objects.count() == 2 * times
    assert set(Grant.objects.values_list("assurance", "quorum")) == {
        ("offline_quorum", 2)
    }
    assert Grant.objects.count() == times
    nothing_counts_twice_or_without_evidence(acme)
    assert verification.verify_tenant(tenant=acme).findings == []
