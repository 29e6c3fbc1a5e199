"""
What a decision looks at, in one statement: grants, the known deploy, policy and clock.

Database functions (migrations 0018 and 0020): the ORM would take several statements,
each with more work for this process than for the database, and the planner's work.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.db import connection

from breakglass.models import Gate
from breakglass.rules import flight
from breakglass.rules.decision import DeployView, GrantView
from breakglass.rules.scopes import Scope
from breakglass.rules.window import Window

Rows = Sequence[tuple[Any, ...]]


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


def look(*, gate: Gate, service: str, deploy_id: str) -> Seen:
    """Returns what a decision about this deploy has to look at, as of one moment."""
    rows = _rows(_LOOK, gate=gate, service=service, deploy_id=deploy_id)
    return _seen_by(gate, rows, service=service, deploy_id=deploy_id)


def take(*, gate: Gate, service: str, deploy_id: str) -> Seen | None:
    """
    Locks the grants in question until commit, then looks, at them only.

    For services, inside a transaction; FOR NO KEY UPDATE as `access.lock_grant`. None
    where a grant came while the lock was waited for, and none that is locked is left.
    """
    rows = _rows(TAKE, gate=gate, service=service, deploy_id=deploy_id)
    if not rows:
        return None
    return _seen_by(gate, rows, service=service, deploy_id=deploy_id)


TAKE: Final = "SELECT * FROM bg_decision_take(%s, %s, %s)"
"""`take` as a statement: the gate's key, the service, the deploy ID."""

_LOOK: Final = "SELECT * FROM bg_decision_look(%s, %s, %s)"


def _rows(statement: str, *, gate: Gate, service: str, deploy_id: str) -> Rows:
    with connection.cursor() as cursor:
        cursor.execute(statement, [gate.pk, service, deploy_id])
        return list(cursor.fetchall())


def _seen_by(gate: Gate, rows: Rows, *, service: str, deploy_id: str) -> Seen:
    may_finish = flight.may_finish(at_close=gate.at_close)
    return seen(
        rows,
        gate=gate.slug,
        service=service,
        deploy_id=deploy_id,
        may_finish=may_finish,
    )


def seen(
    rows: Rows, *, gate: str, service: str, deploy_id: str, may_finish: bool = False
) -> Seen:
    """
    Reads the rows of a look, of which there is one at least; `gate` is its slug.

    `may_finish`: what the gate lets its deploys do after the close. No `bypass` ever
    depends on it.
    """
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
                Scope(gate, *scope),
                state,
                grant,
                may_finish=may_finish,
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


def _grant(gate: str, values: Sequence[Any]) -> GrantView:
    state, bypass_id, service, branch, artifact, starts_at, expires_at = values[:7]
    max_deploys, used, digest_required, assurance = values[7:11]
    return GrantView(
        bypass_id=bypass_id,
        scope=Scope(gate, service, branch, artifact),
        window=Window(starts_at=starts_at, expires_at=expires_at),
        state=state,
        max_deploys=max_deploys,
        deploys_used=used,
        digest_required=digest_required,
        assurance=assurance,
    )
