"""What a gate is told. Anything in doubt is enforce."""

from dataclasses import replace
from datetime import timedelta

import pytest

from breakglass.rules.decision import Decision, Reason, Verdict, decide
from tests.unit.rules.make import (
    DIGEST,
    HOUR,
    MINUTE,
    NOON,
    deploy,
    grant,
    question,
    scope,
    window,
)

TICK = timedelta(microseconds=1)
NO_GRANT = Decision(Verdict.ENFORCE, Reason.NO_GRANT)


def ask(*grants, known=None, now=NOON, **parts):
    return decide(question=question(**parts), grants=grants, deploy=known, now=now)


def test_without_a_grant_the_gate_enforces():
    assert ask() == NO_GRANT


def test_a_grant_in_force_lets_a_new_deploy_through():
    answer = ask(grant(), now=NOON + 10 * MINUTE)
    assert answer == Decision(
        Verdict.BYPASS,
        Reason.GRANT_IN_FORCE,
        bypass_id="BG-7Q4MZK",
        expires_at=NOON + HOUR,
        seconds_left=50 * 60,
        assurance="sigstore",
        admits=True,
    )


def test_the_seconds_left_are_rounded_down():
    assert ask(grant(), now=NOON + HOUR - TICK).seconds_left == 0
    assert ask(grant(), now=NOON + TICK).seconds_left == 3599


@pytest.mark.parametrize("now", [NOON - TICK, NOON + HOUR, NOON + 9 * HOUR])
def test_a_grant_is_over_when_its_time_is_over_whatever_its_state(now):
    assert ask(grant(state="active"), now=now) == NO_GRANT


@pytest.mark.parametrize("state", ["revoked", "expired", "", "ACTIVE", "unheard-of"])
def test_a_closed_grant_is_over_although_its_window_is_open(state):
    assert ask(grant(state=state)) == NO_GRANT


@pytest.mark.parametrize("part", ["gate", "service", "branch", "artifact"])
def test_out_of_scope_is_answered_like_no_grant_at_all(part):
    narrow = grant(scope=scope(branch="main", artifact="v1"))
    asked = {"branch": "main", "artifact": "v1"}
    assert ask(narrow, **asked).verdict is Verdict.BYPASS
    assert ask(narrow, **{**asked, part: "other"}) == NO_GRANT


def test_of_several_grants_the_one_that_ends_last_answers():
    short, long = grant("BG-000001"), grant("BG-000002", window=window(lasts=2 * HOUR))
    for order in ([short, long], [long, short]):
        assert ask(*order).bypass_id == "BG-000002"


def test_grants_that_end_together_answer_the_same_in_any_order():
    one, two = grant("BG-000001"), grant("BG-000002")
    assert ask(one, two) == ask(two, one)


def test_the_deploy_limit_is_reached_at_the_limit():
    assert ask(grant(max_deploys=2, deploys_used=1)).verdict is Verdict.BYPASS
    for used in (2, 3):
        answer = ask(grant(max_deploys=2, deploys_used=used))
        assert answer == Decision(Verdict.ENFORCE, Reason.DEPLOY_LIMIT_REACHED)


def test_a_limit_of_none_is_no_limit_and_of_zero_is_one():
    assert ask(grant(max_deploys=None, deploys_used=99)).verdict is Verdict.BYPASS
    assert ask(grant(max_deploys=0)).reason is Reason.DEPLOY_LIMIT_REACHED


def test_a_used_up_grant_makes_way_for_the_next():
    spent = grant(
        "BG-000002", window=window(lasts=2 * HOUR), max_deploys=1, deploys_used=1
    )
    assert ask(spent, grant("BG-000001")).bypass_id == "BG-000001"


def test_a_used_up_grant_out_of_scope_or_force_is_not_told():
    spent = {"max_deploys": 1, "deploys_used": 1}
    assert ask(grant(**spent), service="other") == NO_GRANT
    assert ask(grant(**spent), now=NOON + HOUR) == NO_GRANT


def test_an_answer_that_is_kept_ends_before_its_last_use_would_be_too_late():
    kept = {"cached_for": 3 * MINUTE}
    last = NOON + HOUR - 3 * MINUTE - TICK
    assert ask(grant(), now=last, **kept).verdict is Verdict.BYPASS
    answer = ask(grant(), now=last + TICK, **kept)
    assert answer == Decision(Verdict.ENFORCE, Reason.CLOSING)
    assert ask(grant(), now=last + TICK).verdict is Verdict.BYPASS


def test_a_known_deploy_is_told_early_too_and_is_not_reverted():
    now = NOON + HOUR - MINUTE
    answer = ask(known=deploy(), now=now, cached_for=MINUTE)
    assert answer == Decision(Verdict.ENFORCE, Reason.CLOSING, bypass_id="BG-7Q4MZK")
    assert not answer.reverts


def test_of_two_grants_the_one_that_outlives_the_cache_answers():
    long = grant("BG-000001", window=window(lasts=2 * HOUR))
    now = NOON + HOUR - MINUTE
    answer = ask(grant("BG-000002"), long, now=now, cached_for=2 * MINUTE)
    assert answer.bypass_id == "BG-000001"


def test_where_no_deploy_is_counted_a_limited_grant_does_not_answer():
    limited = grant(max_deploys=5)
    answer = ask(limited, is_counted=False)
    assert answer == Decision(Verdict.ENFORCE, Reason.NOT_COUNTED)
    assert ask(limited, grant("BG-000001"), is_counted=False).bypass_id == "BG-000001"


@pytest.mark.parametrize("artifact", ["", "v1", "sha256:9f", DIGEST.upper()])
def test_a_grant_that_demands_a_digest_refuses_anything_else(artifact):
    answer = ask(grant(digest_required=True), artifact=artifact)
    assert answer == Decision(Verdict.ENFORCE, Reason.DIGEST_REQUIRED)
    assert ask(grant(digest_required=False), artifact=artifact).admits


def test_a_grant_that_demands_a_digest_takes_one():
    assert ask(grant(digest_required=True), artifact=DIGEST).admits


def test_a_known_deploy_stays_admitted_while_its_grant_is_in_force():
    answer = ask(known=deploy(), now=NOON + 30 * MINUTE)
    assert answer.verdict is Verdict.BYPASS
    assert answer.bypass_id == "BG-7Q4MZK"
    assert answer.seconds_left == 1800
    assert not answer.admits
    assert not answer.reverts


def test_a_known_deploy_does_not_use_up_the_limit_again():
    single = grant(max_deploys=1, deploys_used=1)
    assert ask(single, known=deploy(grant=single)).verdict is Verdict.BYPASS


@pytest.mark.parametrize("state", ["admitted", "succeeded", "reverted"])
def test_a_known_deploy_with_another_scope_gets_no_grant(state):
    known = deploy(state=state, scope=scope(branch="other"))
    assert ask(grant(), known=known) == NO_GRANT


def test_the_row_of_another_deploy_answers_nothing():
    assert ask(grant(), known=deploy(deploy_id="gha-2")) == NO_GRANT


def test_a_deploy_whose_grant_does_not_cover_it_is_not_let_through():
    known = deploy(grant=grant(scope=scope(service="other")))
    assert ask(known=known) == NO_GRANT


@pytest.mark.parametrize("state", ["succeeded", "failed", "unheard-of"])
@pytest.mark.parametrize("grant_state", ["active", "expired", "revoked"])
def test_an_ended_deploy_is_not_let_through_again(state, grant_state):
    known = deploy(state=state, grant=grant(state=grant_state))
    answer = ask(grant(), known=known)
    assert answer == Decision(Verdict.ENFORCE, Reason.ENDED, bypass_id="BG-7Q4MZK")


@pytest.mark.parametrize(
    ("grant_state", "now", "reason"),
    [
        ("revoked", NOON, Reason.REVOKED),
        ("revoked", NOON + HOUR, Reason.REVOKED),
        ("expired", NOON, Reason.EXPIRED),
        ("expired", NOON + HOUR, Reason.EXPIRED),
        ("active", NOON + HOUR, Reason.EXPIRED),
    ],
)
def test_a_deploy_in_flight_is_reverted_when_its_grant_is_over(
    grant_state, now, reason
):
    known = deploy(grant=grant(state=grant_state))
    answer = ask(known=known, now=now)
    assert answer == Decision(
        Verdict.ENFORCE, reason, bypass_id="BG-7Q4MZK", reverts=True
    )


def test_a_deploy_that_may_finish_is_told_the_same_and_not_reverted():
    held = deploy(grant=grant(state="revoked"))
    told = ask(known=held)

    answer = ask(known=replace(held, may_finish=True))

    assert told.reverts
    assert answer == replace(told, reverts=False)


@pytest.mark.parametrize("state", ["reverted", "unknown"])
def test_a_reverted_or_silent_deploy_hears_how_its_grant_closed(state):
    def hears(now=NOON, **changes):
        known = deploy(state=state, grant=grant(**changes))
        answer = ask(known=known, now=now)
        assert answer.verdict is Verdict.ENFORCE
        assert not answer.reverts
        return answer.reason

    assert hears(state="revoked") is Reason.REVOKED
    assert hears(state="expired") is Reason.EXPIRED
    assert hears(now=NOON + HOUR) is Reason.EXPIRED
    assert hears() is Reason.ENDED


@pytest.mark.parametrize("state", ["succeeded", "reverted", "unknown", "admitted"])
def test_a_known_deploy_never_moves_to_another_grant(state):
    known = deploy(state=state, grant=grant("BG-000001", state="revoked"))
    assert ask(grant("BG-000002"), known=known).verdict is Verdict.ENFORCE


def test_the_codes_are_the_ones_that_gates_rely_on():
    assert {code.value for code in Reason} == {
        "no_grant",
        "grant_in_force",
        "deploy_limit_reached",
        "digest_required",
        "assurance_too_low",
        "expired",
        "revoked",
        "ended",
        "closing",
        "not_counted",
        "degraded",
        "drill",
    }
    assert {verdict.value for verdict in Verdict} == {"enforce", "bypass"}


def test_a_gate_that_requires_sigstore_takes_no_grant_of_the_fallback():
    weaker = grant(assurance="offline_quorum")
    strict = replace(question(), requires_sigstore=True)

    assert ask(weaker).verdict == Verdict.BYPASS
    refused = decide(question=strict, grants=[weaker], deploy=None, now=NOON)
    assert (refused.verdict, refused.reason) == (
        Verdict.ENFORCE,
        Reason.ASSURANCE_TOO_LOW,
    )
    unknown = grant(assurance="")
    assert (
        decide(question=strict, grants=[unknown], deploy=None, now=NOON).reason
        == Reason.ASSURANCE_TOO_LOW
    )


def test_beside_one_of_the_fallback_an_ordinary_grant_answers_a_strict_gate():
    weaker = grant("BG-LONGER", assurance="offline_quorum", window=window(lasts=HOUR))
    good = grant("BG-SHORT1", window=window(lasts=HOUR / 2))
    strict = replace(question(), requires_sigstore=True)

    answer = decide(question=strict, grants=[weaker, good], deploy=None, now=NOON)

    assert (answer.bypass_id, answer.assurance) == ("BG-SHORT1", "sigstore")
