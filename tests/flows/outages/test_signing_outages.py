"""
Approving while a service of the Sigstore instance refuses, fails, lies or stalls.

Whatever it does: an answer in time, nothing counted, nothing lost, and the decision is
taken up by itself when the service is back.
"""

import time

import pytest

from breakglass.errors import SigningFailed
from breakglass.models import Approval, Bundle, Grant, Intent
from breakglass.services.approving import approvals
from breakglass.states import IntentState
from tests import factories, hostile
from tests.flows.outages.conftest import DEADLINE, FULCIO, REKOR, STAGES, STAMP, TOKEN
from tests.flows.services import steps

pytestmark = pytest.mark.django_db(transaction=True)

BOUND = DEADLINE.total_seconds() + 2  # by the requirement: 12 s for a deadline of 10
MODES = (*hostile.QUICK, *hostile.SLOW)


def refused(intent, approver):
    """Confirms, and returns how that failed and how long it took."""
    began = time.monotonic()
    with pytest.raises(SigningFailed) as caught:
        factories.confirm(intent, approver)
    return caught.value, time.monotonic() - began


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("stage", STAGES)
def test_nothing_counts_nothing_is_lost_and_it_resumes_by_itself(
    acme, people, pending_request, broken, advance, stage, mode
):
    before = steps.events(acme)
    draft = factories.intend(pending_request, people.peer, comment="Go.")
    with broken(stage, mode):
        error, took = refused(draft, people.peer)

    assert took < BOUND, f"{took:.1f} s"
    assert error.stage in {"identity", "service", "network"}
    intent = Intent.objects.get(pk=draft.pk)
    assert (intent.state, intent.attempts) == (IntentState.COMMITTED, 1)
    assert intent.last_error.startswith(f"{error.stage}: ")
    assert intent.next_try_at is not None
    assert not Bundle.objects.exists()
    assert not Approval.objects.exists()
    assert steps.events(acme) == before

    advance(10)
    assert approvals.resume_due() == 1
    assert Grant.objects.get().request == pending_request
    assert Approval.objects.get().comment == "Go."


@pytest.mark.parametrize("mode", MODES)
def test_without_a_timestamp_the_logs_own_promise_says_when(
    people, pending_request, broken, mode
):
    """The stock client goes on without; the log's signed entry time proves the hour."""
    began = time.monotonic()
    with broken(STAMP, mode):
        outcome = factories.approve(pending_request, people.peer)

    assert time.monotonic() - began < BOUND
    assert outcome.grant is not None


@pytest.mark.parametrize(
    ("stage", "mode", "retryable"),
    [
        (TOKEN, hostile.DENIES, False),
        (FULCIO, hostile.DENIES, False),
        (REKOR, hostile.FAILS, True),
        (FULCIO, hostile.WRONG_TYPE, True),
        (REKOR, hostile.GARBAGE, True),
        (FULCIO, hostile.SILENT, True),
    ],
)
def test_a_failure_says_whether_a_retry_may_help(
    people, pending_request, broken, stage, mode, retryable
):
    draft = factories.intend(pending_request, people.peer)
    with broken(stage, mode):
        error, _ = refused(draft, people.peer)

    assert error.retryable is retryable


def test_a_silent_service_is_tried_once_a_sweep_and_then_left_alone(
    acme, people, broken, advance, gate
):
    """Two decisions wait: a sweep that tries both would hold its worker twice."""
    for service in ("checkout", "payments"):
        bypass = factories.request(acme, people.oncall, gate, service=service)
        steps.commit(factories.intend(bypass, people.peer), people.peer)
    advance(20)
    began = time.monotonic()
    with broken(FULCIO, hostile.SILENT):
        assert approvals.resume_due() == 0
        assert approvals.resume_due() == 0, "nothing is due in the pause"
    assert time.monotonic() - began < BOUND
    assert sorted(Intent.objects.values_list("attempts", flat=True)) == [0, 1]

    advance(20)
    assert approvals.resume_due() == 2


def test_a_refusal_of_one_person_does_not_hold_up_the_next(
    acme, people, gate, broken, advance
):
    for service in ("checkout", "payments"):
        bypass = factories.request(acme, people.oncall, gate, service=service)
        steps.commit(factories.intend(bypass, people.peer), people.peer)
    advance(20)
    with broken(FULCIO, hostile.DENIES):
        assert approvals.resume_due() == 0

    assert list(Intent.objects.values_list("attempts", flat=True)) == [1, 1]


def test_with_every_slot_taken_the_decision_is_kept_and_due_at_once(
    people, pending_request, settings, monkeypatch
):
    from breakglass.signing import deadline  # noqa: PLC0415 - beside its patch

    monkeypatch.setattr(deadline, "PATIENCE_SECONDS", 0.0)
    settings.SIGNING_SLOTS = 1
    draft = factories.intend(pending_request, people.peer)
    ticket = deadline.slots(1).take()
    try:
        error, _ = refused(draft, people.peer)
    finally:
        deadline.slots(1).give_back(ticket)

    assert error.stage == "busy"
    assert Intent.objects.get().attempts == 0, "nothing was tried"
    monkeypatch.setattr(deadline, "PATIENCE_SECONDS", 5.0)
    assert approvals.resume_due() == 1


@pytest.mark.parametrize(
    ("stage", "mode", "words"),
    [
        (FULCIO, hostile.SILENT, "The signing service did not answer"),
        (REKOR, hostile.FAILS, "The signing service cannot sign at the moment"),
    ],
)
def test_the_page_says_that_the_decision_waits_for_its_signature(
    client_for, people, pending_request, broken, stage, mode, words
):
    peer = client_for(people.peer)
    page = f"/t/acme/requests/{pending_request.bypass_id}"
    began = time.monotonic()
    with broken(stage, mode):
        peer.post(f"{page}/approve", {"digest": pending_request.digest_hex})
    assert time.monotonic() - began < BOUND

    shown = peer.get(page).content.decode()
    assert words in shown
    assert "Nothing was granted, and your decision is kept" in shown
    assert "waiting for the signature" in shown
