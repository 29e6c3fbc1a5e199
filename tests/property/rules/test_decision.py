"""A gate is never told bypass without a grant in force that covers the question."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from breakglass.rules.decision import (
    Decision,
    DeployView,
    GrantView,
    Question,
    Reason,
    Verdict,
    decide,
)
from breakglass.rules.identifiers import is_artifact_digest
from breakglass.rules.scopes import Scope
from breakglass.rules.window import Window
from tests.unit.rules.make import DIGEST, NOON

MOMENTS = st.integers(-3, 3).map(lambda n: NOON + timedelta(seconds=n))
SCOPES = st.builds(
    Scope,
    gate=st.sampled_from(["g", "G"]),
    service=st.sampled_from(["s", "s", "t"]),
    branch=st.sampled_from(["", "main"]),
    artifact=st.sampled_from(["", "v1", DIGEST]),
)
GRANTS = st.builds(
    GrantView,
    bypass_id=st.sampled_from(["BG-000001", "BG-000002", "BG-000003"]),
    scope=SCOPES,
    window=st.builds(Window, starts_at=MOMENTS, expires_at=MOMENTS),
    state=st.sampled_from(["active", "active", "expired", "revoked"]),
    max_deploys=st.none() | st.integers(0, 2),
    deploys_used=st.integers(0, 2),
    digest_required=st.booleans(),
)
DEPLOYS = st.builds(
    DeployView,
    deploy_id=st.sampled_from(["d1", "d1", "d2"]),
    scope=SCOPES,
    state=st.sampled_from(["admitted", "succeeded", "failed", "reverted", "unknown"]),
    grant=GRANTS,
    may_finish=st.booleans(),
)
QUESTIONS = st.builds(Question, scope=SCOPES, deploy_id=st.just("d1"))
ASKED = {
    "question": QUESTIONS,
    "grants": st.lists(GRANTS, max_size=4),
    "deploy": st.none() | DEPLOYS,
    "now": MOMENTS,
}


def permits(grant, question, now):
    """The rule once more, written the long way."""
    asked, granted = question.scope, grant.scope
    return (
        grant.state == "active"
        and grant.window.starts_at <= now < grant.window.expires_at
        and granted.gate == asked.gate
        and granted.service == asked.service
        and granted.branch in ("", asked.branch)
        and granted.artifact in ("", asked.artifact)
    )


@given(**ASKED)
def test_bypass_means_a_grant_in_force_covers_the_question(
    question, grants, deploy, now
):
    answer = decide(question=question, grants=grants, deploy=deploy, now=now)
    if answer.verdict is Verdict.ENFORCE:
        assert not answer.admits
        assert answer.seconds_left == 0
        assert answer.reason is not Reason.GRANT_IN_FORCE
        return
    candidates = grants if deploy is None else [deploy.grant]
    behind = [
        grant
        for grant in candidates
        if (grant.bypass_id, grant.window.expires_at)
        == (answer.bypass_id, answer.expires_at)
        and permits(grant, question, now)
    ]
    assert behind
    assert answer.reason is Reason.GRANT_IN_FORCE
    assert 0 <= answer.seconds_left <= (answer.expires_at - now).total_seconds()
    assert not answer.reverts
    assert answer.admits == (deploy is None)
    if answer.admits:
        assert any(
            (grant.max_deploys is None or grant.deploys_used < grant.max_deploys)
            and (
                not grant.digest_required or is_artifact_digest(question.scope.artifact)
            )
            for grant in behind
        )


@given(**ASKED)
def test_a_new_question_without_a_permitting_grant_hears_no_grant(
    question, grants, deploy, now
):
    useless = [grant for grant in grants if not permits(grant, question, now)]
    answer = decide(question=question, grants=useless, deploy=None, now=now)
    assert answer == Decision(Verdict.ENFORCE, Reason.NO_GRANT)


@given(**ASKED)
def test_grants_that_do_not_permit_never_change_the_answer(
    question, grants, deploy, now
):
    useful = [grant for grant in grants if permits(grant, question, now)]
    everything = decide(question=question, grants=grants, deploy=deploy, now=now)
    assert everything == decide(
        question=question, grants=useful, deploy=deploy, now=now
    )


@given(**ASKED, data=st.data())
def test_the_order_of_the_grants_never_changes_the_answer(
    question, grants, deploy, now, data
):
    shuffled = data.draw(st.permutations(grants))
    one = decide(question=question, grants=grants, deploy=deploy, now=now)
    other = decide(question=question, grants=shuffled, deploy=deploy, now=now)
    ids = [grant.bypass_id for grant in grants]
    if len(set(ids)) == len(ids):  # as in the database, where they are unique
        assert one == other


@given(**ASKED)
def test_only_an_admitted_deploy_of_a_closed_grant_is_reverted(
    question, grants, deploy, now
):
    answer = decide(question=question, grants=grants, deploy=deploy, now=now)
    if answer.reverts:
        assert deploy.state == "admitted"
        assert deploy.scope == question.scope
        assert not permits(deploy.grant, question, now)
        assert not deploy.may_finish
        assert answer.reason in (Reason.EXPIRED, Reason.REVOKED)
