"""
Walks the state machine: many quick walks, a few with real signatures, and `make soak`.

`PLANTED` are bugs that the walk has to find: what proves that it looks.
"""

from dataclasses import replace

import pytest
from django.db import IntegrityError
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from breakglass.models import RoleGroup
from breakglass.queries import approvers, grants
from breakglass.rules import approval, decision, eligibility, window
from breakglass.services.approving import counting
from breakglass.services.logs.verification import verify_tenant
from tests.property.lifecycle import machine

QUIET = {
    "deadline": None,
    "database": None,  # an example is bound to this run's rows
    "suppress_health_check": list(HealthCheck),
    "print_blob": False,
    "report_multiple_bugs": False,  # it would go on looking for a thousand more
}


def walk(examples, length, walker=machine.Lifecycle, **how):
    run_state_machine_as_test(
        machine.on_stage(walker),
        settings=settings(
            max_examples=examples, stateful_step_count=length, **QUIET, **how
        ),
    )


class Verified(machine.Lifecycle):
    """Ends each walk with the whole verification: every signature, every row."""

    def teardown(self):
        if hasattr(self, "world"):
            assert verify_tenant(tenant=self.acme).findings == []
        super().teardown()


def no_second_person(patch):
    patch.setattr(counting, "require_second_person", lambda **_: None)
    patch.setattr(
        counting,
        "may_decide",
        lambda **_: eligibility.Answer(allowed=True, reasons=()),
    )


def no_window(patch):
    patch.setattr(window.Window, "covers", lambda self, moment: True)


def only_the_pinned_policy(patch):
    patch.setattr(
        approvers,
        "stricter_quorum",
        lambda *, pinned, current, **rest: approval.count_quorum(
            requirements=pinned, **rest
        ),
    )


def approvers_of_yesterday(patch):
    """People count by the roles that they once had."""
    was = approvers.standing

    def everybody(*, bypass):
        groups = frozenset(RoleGroup.objects.values_list("slug", flat=True))
        return [replace(one, groups=groups) for one in was(bypass=bypass)]

    patch.setattr(approvers, "standing", everybody)


def no_deploy_limit(patch):
    patch.setattr(decision, "_used_up", lambda *, grant: False)


def no_scope(patch):
    patch.setattr(decision, "covers", lambda **_: True)
    patch.setattr(
        grants, "candidates", lambda *, gate, service: list(gate.grants.all())
    )


PLANTED = (
    no_second_person,
    no_window,
    only_the_pinned_policy,
    approvers_of_yesterday,
    no_deploy_limit,
    no_scope,
)


@pytest.fixture(autouse=True)
def kept_outside(settings, tmp_path):
    settings.CHECKPOINT_DIR = str(tmp_path / "checkpoints")


@pytest.mark.timeout(600)  # 2 to 3 minutes on a machine under load
@pytest.mark.django_db
def test_no_walk_breaks_a_promise(monkeypatch):
    machine.Signatures(monkeypatch, real=False)
    walk(8, 30)


@pytest.mark.timeout(600)
@pytest.mark.django_db
def test_a_walk_with_real_signatures_leaves_a_log_that_verifies(monkeypatch):
    machine.Signatures(monkeypatch, real=True)
    walk(2, 25, Verified, phases=[Phase.generate])


@pytest.mark.soak
@pytest.mark.timeout(0)
@pytest.mark.django_db
def test_no_long_walk_breaks_a_promise(monkeypatch):
    machine.Signatures(monkeypatch, real=False)
    walk(500, 80)


@pytest.mark.soak
@pytest.mark.timeout(0)
@pytest.mark.parametrize("bug", PLANTED, ids=lambda bug: bug.__name__)
@pytest.mark.django_db
def test_a_planted_bug_is_found(monkeypatch, bug):
    machine.Signatures(monkeypatch, real=False)
    bug(monkeypatch)

    with pytest.raises((AssertionError, IntegrityError)):
        walk(300, 40, phases=[Phase.generate])
