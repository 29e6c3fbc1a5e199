"""What a gate is told, and what is written before it is told."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction

from breakglass.errors import Unavailable
from breakglass.models import AuditEntry, Deploy
from breakglass.queries import deciding
from breakglass.services import deploys, grants
from breakglass.states import DeployState
from tests import factories
from tests.flows.services import steps

BYPASS = ("bypass", "grant_in_force")
NO_GRANT = ("enforce", "no_grant")
MICROSECOND = timedelta(microseconds=1)
OTHER = "sha256:" + "00" * 32


@pytest.fixture
def grant(acme, people, gate):
    """A grant of 15 minutes on any branch and artefact of `checkout`."""
    return steps.grant(acme, people, gate)


def revoke(grant, people):
    grants.revoke(
        tenant=grant.tenant,
        bypass_id=grant.request.bypass_id,
        person=people.oncall,
        reason="The fix is out.",
    )


def test_a_bypass_names_its_grant_and_is_on_record_when_it_is_answered(
    acme, gate, grant
):
    answer = steps.ask(gate, "gha-1", branch="main", artifact=steps.DIGEST, actor="ci")

    assert steps.verdict(answer) == BYPASS
    assert answer.decision.bypass_id == grant.request.bypass_id
    assert answer.decision.expires_at == grant.expires_at
    assert 0 < answer.decision.seconds_left <= 900
    assert answer.policy_version == 1
    deploy = Deploy.objects.get()
    assert (deploy.deploy_id, deploy.state) == (
        answer.deploy.deploy_id,
        answer.deploy.state,
    )
    assert deploy.state == DeployState.ADMITTED
    assert (deploy.service, deploy.branch, deploy.artifact, deploy.actor) == (
        "checkout",
        "main",
        steps.DIGEST,
        "ci",
    )
    entry = AuditEntry.objects.get(tenant=acme, event="deploy.admitted")
    assert (entry.bypass_id, entry.actor) == (grant.request.bypass_id, gate.slug)
    assert b'"deploy_id":"gha-1"' in bytes(entry.body)


def test_enforce_writes_nothing(acme, gate, pending_request):
    before = steps.size(acme)

    assert steps.verdict(steps.ask(gate)) == NO_GRANT

    assert steps.size(acme) == before
    assert not Deploy.objects.exists()


def test_a_dry_run_says_the_same_and_writes_nothing(acme, gate, grant):
    before = steps.size(acme)

    assert steps.verdict(steps.ask(gate, dry_run=True)) == BYPASS

    assert steps.size(acme) == before
    assert not Deploy.objects.exists()


def test_a_grant_ends_at_its_end_and_no_sweep_is_needed(gate, grant, stop_clock):
    stop_clock(grant.expires_at - MICROSECOND)
    assert steps.verdict(steps.ask(gate, "early")) == BYPASS

    stop_clock(grant.expires_at)
    assert steps.verdict(steps.ask(gate, "late")) == NO_GRANT
    grant.refresh_from_db()
    assert grant.state == "active", "no sweep has run"

    stop_clock(grant.starts_at - MICROSECOND)
    assert steps.verdict(steps.ask(gate, "before")) == NO_GRANT


def test_the_running_clock_ends_a_grant_too(gate, grant, advance):
    advance(14 * steps.MINUTE)
    assert steps.verdict(steps.ask(gate, "early")) == BYPASS

    advance(steps.MINUTE)
    assert steps.verdict(steps.ask(gate, "late")) == NO_GRANT


def test_a_revoked_grant_lets_nothing_through(people, gate, grant):
    revoke(grant, people)

    assert steps.verdict(steps.ask(gate)) == NO_GRANT


def test_the_same_deploy_asked_again_is_the_same_deploy(acme, gate, grant):
    first = steps.ask(gate, "gha-1", branch="main")
    second = steps.ask(gate, "gha-1", branch="main")

    assert steps.verdict(second) == BYPASS
    assert second.deploy == first.deploy
    assert Deploy.objects.count() == 1
    assert steps.events(acme).count("deploy.admitted") == 1


@pytest.mark.parametrize(
    "other", [{"service": "payments"}, {"branch": "main"}, {"artifact": OTHER}], ids=str
)
def test_a_known_deploy_with_another_scope_gets_nothing(
    acme, people, gate, grant, other
):
    steps.grant(acme, people, gate, service="payments")
    steps.ask(gate, "gha-1")

    assert steps.verdict(steps.ask(gate, "gha-1", **other)) == NO_GRANT
    assert Deploy.objects.get().state == DeployState.ADMITTED


def test_a_known_deploy_asked_after_the_end_is_reverted_before_any_sweep(
    acme, gate, grant, stop_clock
):
    steps.ask(gate, "gha-1")
    stop_clock(grant.expires_at)

    answer = steps.ask(gate, "gha-1")

    assert steps.verdict(answer) == ("enforce", "expired")
    assert answer.deploy.state == DeployState.REVERTED
    assert steps.events(acme)[-1] == "deploy.reverted"
    again = steps.ask(gate, "gha-1")
    assert steps.verdict(again) == ("enforce", "expired")
    assert steps.events(acme).count("deploy.reverted") == 1


def test_a_dry_run_after_the_end_reverts_nothing(gate, grant, stop_clock):
    steps.ask(gate, "gha-1")
    stop_clock(grant.expires_at)

    assert steps.verdict(steps.ask(gate, "gha-1", dry_run=True)) == (
        "enforce",
        "expired",
    )
    assert Deploy.objects.get().state == DeployState.ADMITTED


def test_a_known_deploy_asked_after_a_revocation_is_told_so(people, gate, grant):
    steps.ask(gate, "gha-1")
    revoke(grant, people)

    assert steps.verdict(steps.ask(gate, "gha-1")) == ("enforce", "revoked")
    assert Deploy.objects.get().state == DeployState.REVERTED


def test_a_deploy_that_ended_gets_no_second_bypass(gate, grant):
    steps.ask(gate, "gha-1")
    deploys.finish(gate=gate, deploy_id="gha-1", state=DeployState.FAILED)

    assert steps.verdict(steps.ask(gate, "gha-1")) == ("enforce", "ended")
    assert steps.verdict(steps.ask(gate, "gha-2")) == BYPASS


def test_no_other_service_gate_or_tenant_is_let_through(
    acme, people, gate, database_gate, grant, charlie
):
    theirs = factories.gate(factories.tenant_of(charlie), gate.slug)

    answers = {
        "service": steps.ask(gate, service="payments"),
        "service in capitals": steps.ask(gate, service="Checkout"),
        "gate": steps.ask(database_gate),
        "tenant, same gate name": steps.ask(theirs),
    }

    assert {name: steps.verdict(a) for name, a in answers.items()} == dict.fromkeys(
        answers, NO_GRANT
    )
    assert not Deploy.objects.exists()


def test_the_deploy_of_one_gate_is_unknown_to_another(
    acme, people, gate, database_gate, grant
):
    steps.ask(gate, "gha-1")
    other = factories.request(acme, people.oncall, database_gate)
    steps.approve(other, people.senior)
    steps.approve(other, people.approver1)

    answer = steps.ask(database_gate, "gha-1")

    assert steps.verdict(answer) == BYPASS
    assert answer.decision.bypass_id == other.bypass_id
    assert Deploy.objects.count() == 2


def test_a_named_branch_and_artifact_are_matched_exactly(acme, people, gate):
    steps.grant(acme, people, gate, branch="hotfix/oom", artifact=steps.DIGEST)
    exact = {"branch": "hotfix/oom", "artifact": steps.DIGEST}
    refused = {
        "no branch": {**exact, "branch": ""},
        "another branch": {**exact, "branch": "hotfix/oom2"},
        "a shorter branch": {**exact, "branch": "hotfix"},
        "a branch in capitals": {**exact, "branch": "Hotfix/oom"},
        "no artifact": {**exact, "artifact": ""},
        "another artifact": {**exact, "artifact": OTHER},
    }

    assert {n: steps.verdict(steps.ask(gate, **s)) for n, s in refused.items()} == (
        dict.fromkeys(refused, NO_GRANT)
    )
    assert steps.verdict(steps.ask(gate, **exact)) == BYPASS


def test_of_two_grants_the_one_that_ends_last_answers(acme, people, gate, grant):
    longer = steps.grant(acme, people, gate, ttl=timedelta(hours=1))

    assert steps.ask(gate).decision.bypass_id == longer.request.bypass_id


def test_a_deploy_limit_holds_and_the_admitted_deploy_may_ask_again(acme, people, gate):
    steps.publish(acme, max_deploys=1)
    steps.grant(acme, people, gate)

    assert steps.verdict(steps.ask(gate, "one")) == BYPASS
    assert steps.verdict(steps.ask(gate, "two")) == ("enforce", "deploy_limit_reached")
    assert steps.verdict(steps.ask(gate, "one")) == BYPASS
    deploys.finish(gate=gate, deploy_id="one", state=DeployState.SUCCEEDED)
    assert steps.verdict(steps.ask(gate, "two")) == ("enforce", "deploy_limit_reached")
    assert Deploy.objects.count() == 1


def test_where_a_digest_is_demanded_a_tag_is_not_enough(acme, people, gate):
    steps.publish(acme, digest_required=True)
    steps.grant(acme, people, gate)

    for artifact in ("", "v1.2.3", "sha256:9f", steps.DIGEST.upper()):
        assert steps.verdict(steps.ask(gate, artifact=artifact)) == (
            "enforce",
            "digest_required",
        )
    assert steps.verdict(steps.ask(gate, artifact=steps.DIGEST)) == BYPASS


# ------------------------------------------------------------ in the database


def test_a_deploys_scope_and_grant_are_frozen_and_its_end_is_final(gate, grant):
    steps.ask(gate, "gha-1")
    rows = Deploy.objects.all()

    with pytest.raises(IntegrityError, match="frozen"), transaction.atomic():
        rows.update(service="payments")
    deploys.finish(gate=gate, deploy_id="gha-1", state=DeployState.FAILED)
    with pytest.raises(IntegrityError, match="already failed"), transaction.atomic():
        rows.update(state="admitted", ended_at=None)
    with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
        rows._raw_delete("default")


def test_where_grants_changed_while_they_were_waited_for_they_are_taken_again(
    gate, grant, monkeypatch
):
    take, calls = deciding.take, []

    def at_the_second_try(**words):
        calls.append(words)
        return take(**words) if len(calls) > 1 else None

    monkeypatch.setattr(deciding, "take", at_the_second_try)

    assert steps.verdict(steps.ask(gate, "gha-1")) == BYPASS
    assert len(calls) == 2
    assert Deploy.objects.count() == 1


def test_grants_that_change_too_fast_are_not_judged(gate, grant, monkeypatch):
    monkeypatch.setattr(deciding, "take", lambda **_: None)

    with pytest.raises(Unavailable):
        steps.ask(gate)
    assert not Deploy.objects.exists()
