"""
What a decision looks at, in one statement: grants, the known deploy, policy and clock.

Database functions (migration 0018): the ORM would take several statements, each with
more work for this process than for the database, and the planner's work each time.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.db import connection

from breakglass.models import Gate
from breakglass.rules import flight
from breakglass.rules.decision import DeployView, GrantView
from breakglass.rules.scopes import Scope
from breakglass.rules.window import Window


@dataclass(frozen=True, slots=True)
class Seen:
    """
    One look, as `rules.decision` takes it.

    `grants` holds those that no sweep has closed yet, and the known deploy's in any
    state. `now` is the database's clock as the look began; `is_read_only`: the log of
    one of them takes no entries.
    """

    grants: dict[int, GrantView]
    open_ones: tuple[GrantView, ...]
    deploy: DeployView | None
    deploy_key: int | None
    deploy_grant: int | None
    is_read_only: bool
    policy_version: int | None
    now: datetime

    def narrowed(self, *, to: Collection[int]) -> "Seen | None":
        """Leaves out other open grants; None where the deploy's is not among them."""
        if self.deploy_grant is not None and self.deploy_grant not in to:
            return None
        kept = {key: grant for key, grant in self.grants.items() if key in to}
        some = tuple(grant for grant in self.open_ones if grant in kept.values())
        return replace(self, grants=kept, open_ones=some)


def look(*, gate: Gate, service: str, deploy_id: str) -> Seen:
    """Returns what a decision about this deploy has to look at, as of one moment."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT * FROM bg_decision_look(%s, %s, %s)", [gate.pk, service, deploy_id]
        )
        rows = cursor.fetchall()
    return _seen(rows, gate=gate, service=service, deploy_id=deploy_id)


def lock_and_look(
    *, gate: Gate, service: str, deploy_id: str, grants: Collection[int]
) -> Seen | None:
    """
    Locks the grants until commit, then looks, at them only.

    For services, inside a transaction; FOR NO KEY UPDATE as `access.lock_grant`. None
    where the deploy went under a grant that is not among them.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT * FROM bg_decision_lock(%s, %s, %s, %s)",
            [gate.pk, service, deploy_id, sorted(grants)],
        )
        rows = cursor.fetchall()
    seen = _seen(rows, gate=gate, service=service, deploy_id=deploy_id)
    return seen.narrowed(to=grants)


def _seen(
    rows: Sequence[tuple[Any, ...]], *, gate: Gate, service: str, deploy_id: str
) -> Seen:
    now, version = rows[0][:2]
    grants, open_ones = {}, []
    deploy, deploy_key, deploy_grant = None, None, None
    is_read_only = False
    for _, _, read_only, key, *rest in rows:
        if key is None:
            break
        is_read_only = is_read_only or read_only
        grant = grants[key] = _grant(gate, rest)
        if grant.state == "active" and grant.scope.service == service:
            open_ones.append(grant)
        known, *scope, state = rest[11:]
        if known is not None:
            deploy_key, deploy_grant = known, key
            deploy = DeployView(
                deploy_id,
                Scope(gate.slug, *scope),
                state,
                grant,
                may_finish=flight.may_finish(at_close=gate.at_close),
            )
    return Seen(
        grants=grants,
        open_ones=tuple(open_ones),
        deploy=deploy,
        deploy_key=deploy_key,
        deploy_grant=deploy_grant,
        is_read_only=is_read_only,
        policy_version=version,
        now=now,
    )


def _grant(gate: Gate, values: Sequence[Any]) -> GrantView:
    state, bypass_id, service, branch, artifact, starts_at, expires_at = values[:7]
    max_deploys, used, digest_required, assurance = values[7:11]
    return GrantView(
        bypass_id=bypass_id,
        scope=Scope(gate.slug, service, branch, artifact),
        window=Window(starts_at=starts_at, expires_at=expires_at),
        state=state,
        max_deploys=max_deploys,
        deploys_used=used,
        digest_required=digest_required,
        assurance=assurance,
    )
