"""The tokens that gates ask with: issue, rotate, revoke. Only hashes are stored."""

import secrets
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final

from django.conf import settings
from django.db import transaction

from breakglass import clock
from breakglass.actors import Actor
from breakglass.audit import chain, events, ledger
from breakglass.errors import Conflict, NotFound
from breakglass.models import Gate, GateToken
from breakglass.texts import text

TOKEN_PREFIX: Final = "bg_live_"  # noqa: S105 - what secret scanners look for
PREFIX_SHOWN: Final = len(TOKEN_PREFIX) + 4
OVERLAP: Final = timedelta(hours=1)


@transaction.atomic
def issue(*, gate: Gate, actor: Actor) -> str:
    """
    Returns a new token, 256 bits of it, for the only time: its hash is stored.

    It works for as long as the platform's settings say; another one takes its place.
    """
    token, _ = _make(gate=gate, actor=actor)
    return token


@transaction.atomic
def rotate(*, gate: Gate, token_id: int, actor: Actor) -> tuple[str, GateToken]:
    """
    Issues a token in place of another, which works for one hour more.

    Returns the new one, for the only time, and the old one with its end, which is
    never moved again. NotFound for another gate's, Conflict when it ends already.
    """
    old = _lock(gate=gate, token_id=token_id)
    if old.expires_at is not None:
        msg = text(
            "the token %(token)s was rotated already, and ends by itself",
            token=str(old),
        )
        raise Conflict(msg)
    token, new = _make(gate=gate, actor=actor)
    old.expires_at = clock.db_now() + OVERLAP
    old.save(update_fields=["expires_at"])
    facts = {"gate": gate.slug, "token": old.prefix, "replaced_by": new.prefix}
    ledger.append(
        tenant=gate.tenant,
        event=events.TOKEN_SUPERSEDED,
        actor=actor,
        facts={**facts, "expires_at": chain.timestamp(old.expires_at)},
    )
    return token, old


@transaction.atomic
def revoke(*, gate: Gate, token_id: int, actor: Actor) -> GateToken:
    """Ends a token at once; NotFound for another gate's, Conflict when it is over."""
    token = _lock(gate=gate, token_id=token_id)
    _end(token=token, gate=gate, actor=actor, now=clock.db_now())
    return token


def revoke_all(*, gate: Gate, actor: Actor, now: datetime) -> int:
    """Ends every token of a gate, in the caller's transaction; returns how many."""
    live = gate.tokens.select_for_update(of=("self",), no_key=True).filter(
        revoked_at__isnull=True
    )
    tokens = list(live.order_by("pk"))
    for token in tokens:
        _end(token=token, gate=gate, actor=actor, now=now)
    return len(tokens)


def _make(*, gate: Gate, actor: Actor) -> tuple[str, GateToken]:
    if gate.is_retired:
        msg = text("%(gate)s is retired: it gets no tokens", gate=gate.slug)
        raise Conflict(msg)
    token = TOKEN_PREFIX + secrets.token_urlsafe(32)
    now = clock.db_now()
    lives_for: timedelta | None = settings.TOKEN_LIFETIME
    row = GateToken.objects.create(
        gate=gate,
        prefix=token[:PREFIX_SHOWN],
        token_hash=sha256(token.encode()).digest(),
        created_at=now,
        created_by=actor.name,
        lives_until=now + lives_for if lives_for else None,
    )
    ledger.append(
        tenant=gate.tenant,
        event=events.TOKEN_ISSUED,
        actor=actor,
        facts={"gate": gate.slug, "token": row.prefix},
    )
    return token, row


def _lock(*, gate: Gate, token_id: int) -> GateToken:
    token = (
        GateToken.objects.select_for_update(of=("self",), no_key=True)
        .filter(gate=gate, pk=token_id)
        .first()
    )
    if token is None:
        msg = text("this gate has no such token")
        raise NotFound(msg)
    if token.revoked_at is not None:
        msg = text("this token is revoked already")
        raise Conflict(msg)
    return token


def _end(*, token: GateToken, gate: Gate, actor: Actor, now: datetime) -> None:
    token.revoked_at = now
    token.save(update_fields=["revoked_at"])
    ledger.append(
        tenant=gate.tenant,
        event=events.TOKEN_REVOKED,
        actor=actor,
        facts={"gate": gate.slug, "token": token.prefix},
    )
