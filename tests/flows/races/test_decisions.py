"""Deploys, revocations and sweeps that meet."""

import pytest
from django.db import transaction

from breakglass import clock
from breakglass.errors import Conflict
from breakglass.models import Deploy, Grant, PostMortem
from breakglass.queries import access
from breakglass.services import deploys, grants
from breakglass.services.postmortems import deadlines, opening
from breakglass.states import DeployState
from tests import factories
from tests.flows.races.threads import Meanwhile, at_once, failures, held, later
from tests.flows.services import steps

pytestmark = pytest.mark.django_db(transaction=True)


def revoke(grant, person):
    return grants.revoke(
        tenant=grant.tenant,
        bypass_id=grant.request.bypass_id,
        person=person,
        reason="Done.",
    )


def granted(tenant, people, gate, **fields):
    bypass = factories.request(tenant, people.oncall, gate, **fields)
    return factories.approve(bypass, people.peer).grant


def verdicts(outcomes):
    return sorted(steps.verdict(answer)[0] for answer in outcomes)


def test_one_deploy_asked_about_eight_times_at_once_is_one_deploy(
    acme, gate, active_grant
):
    for number in range(4):
        outcomes = at_once(*[lambda n=number: steps.ask(gate, f"gha-{n}")] * 8)

        assert failures(outcomes) == []
        assert verdicts(outcomes) == ["bypass"] * 8
        assert {answer.deploy.deploy_id for answer in outcomes} == {f"gha-{number}"}

    assert Deploy.objects.count() == 4
    assert steps.events(acme).count("deploy.admitted") == 4


def test_a_limit_of_one_deploy_holds_against_six_at_once(acme, people, gate):
    steps.publish(acme, max_deploys=1)
    for number in range(4):
        grant = granted(acme, people, gate, service=f"s{number}")

        outcomes = at_once(
            *[
                lambda d=f"gha-{number}-{deploy}", s=f"s{number}": steps.ask(
                    gate, d, service=s
                )
                for deploy in range(6)
            ]
        )

        assert failures(outcomes) == []
        assert verdicts(outcomes) == ["bypass"] + ["enforce"] * 5
        assert grant.deploys.count() == 1


def test_no_bypass_is_answered_after_a_revocation_has_committed(
    people, gate, active_grant
):
    with held(lambda: revoke(active_grant, people.oncall)):
        asked = Meanwhile(lambda: steps.ask(gate))
        asked.until_it_waits()

    answer = asked.join()
    assert steps.verdict(answer) == ("enforce", "no_grant")
    assert not Deploy.objects.exists()


def test_a_deploy_admitted_just_before_the_revocation_is_reverted_by_it(
    people, gate, active_grant
):
    with held(lambda: steps.ask(gate)) as answer:
        closing = Meanwhile(lambda: revoke(active_grant, people.oncall))
        closing.until_it_waits()
        assert steps.verdict(answer)[0] == "bypass"

    assert closing.join().state == "revoked"
    assert Deploy.objects.get().state == DeployState.REVERTED


def test_a_decision_that_waited_past_the_end_is_judged_by_the_time_after_the_wait(
    people, gate, active_grant, advance
):
    with transaction.atomic():
        access.lock_grant(pk=active_grant.pk)
        asked = Meanwhile(lambda: steps.ask(gate))
        asked.until_it_waits()
        advance((active_grant.expires_at - clock.db_now()).total_seconds())

    assert steps.verdict(asked.join())[0] == "enforce"
    assert not Deploy.objects.exists()


def test_revoking_and_asking_at_once_never_leaves_a_deploy_in_flight(
    acme, people, gate
):
    for number in range(8):
        grant = granted(acme, people, gate, service=f"s{number}")

        outcomes = at_once(
            lambda g=grant: revoke(g, people.oncall),
            lambda s=f"s{number}", d=f"gha-{number}": steps.ask(gate, d, service=s),
        )

        assert failures(outcomes) == []
        assert not grant.deploys.filter(state=DeployState.ADMITTED).exists()
        admitted = steps.verdict(outcomes[1])[0] == "bypass"
        assert grant.deploys.filter(state=DeployState.REVERTED).exists() == admitted


def test_of_two_sweeps_at_once_each_grant_is_expired_by_one(
    acme, people, gate, advance
):
    made = [granted(acme, people, gate, service=f"s{n}") for n in range(4)]
    steps.ask(gate, "gha-1", service="s0")
    advance(15 * steps.MINUTE)

    outcomes = at_once(
        grants.expire_due,
        grants.expire_due,
        deploys.revert_due,
        opening.open_due,
    )

    assert failures(outcomes) == []
    while grants.expire_due():  # a sweep leaves to the other what that one holds
        pass
    assert set(Grant.objects.values_list("state", flat=True)) == {"expired"}
    assert set(PostMortem.objects.values_list("state", flat=True)) == {"open"}
    written = steps.events(acme)
    assert written.count("grant.expired") == written.count("postmortem.opened") == 4
    assert written.count("deploy.reverted") == 1
    assert len(made) == 4


def test_of_a_revocation_and_the_expiry_exactly_one_closes_the_grant(
    acme, people, gate, active_grant
):
    with held(lambda: revoke(active_grant, people.oncall)):
        later(15 * steps.MINUTE)
        sweep = Meanwhile(grants.expire_due)
        assert sweep.join() == 0, "a sweep does not wait for what somebody closes"

    assert Grant.objects.get().state == "revoked"
    assert grants.expire_due() == 0


def test_two_revocations_at_once_are_one(acme, people, active_grant):
    outcomes = at_once(
        lambda: revoke(active_grant, people.oncall),
        lambda: revoke(active_grant, people.security),
    )

    assert failures(outcomes, Conflict) == []
    assert len(failures(outcomes)) == 1
    assert steps.events(acme).count("grant.revoked") == 1


def test_two_reports_of_one_deploy_at_once_agree_on_the_first(acme, gate, active_grant):
    steps.ask(gate)
    outcomes = at_once(
        *[
            lambda s=state: deploys.finish(gate=gate, deploy_id="gha-1", state=s)
            for state in (DeployState.SUCCEEDED, DeployState.FAILED)
        ]
    )

    assert failures(outcomes, Conflict) == []
    assert len(failures(outcomes)) == 1
    assert steps.events(acme).count("deploy.finished") == 1


def test_two_reminders_at_once_tell_once_that_a_postmortem_is_overdue(
    acme, active_grant
):
    later((active_grant.postmortem.due_at - clock.db_now()).total_seconds())
    with transaction.atomic():
        access.lock_grant(pk=active_grant.pk)  # both have looked before either writes
        sweeps = [Meanwhile(deadlines.remind_due) for _ in range(2)]
        for sweep in sweeps:
            sweep.until_it_waits()

    assert sorted(sweep.join() for sweep in sweeps) == [0, 1]
    assert steps.events(acme).count("postmortem.overdue") == 1
