"""Which gate a machine's token speaks for, and for which deploy: or why for none."""

import logging
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from breakglass.models import Gate
from breakglass.queries.gates import machines as queries
from breakglass.queries.gates.machines import Bound
from breakglass.rules import machine_identity as rules
from breakglass.rules.machine_identity import Refusal, Refused
from breakglass.services.gates import issuers
from breakglass.services.gates import machines as services
from portal.api import machine_tokens
from portal.api.machine_tokens import Read, TokenRefused

logger: Final = logging.getLogger(__name__)

UNKNOWN: Final = "id_unknown"
"""What a gate's page calls a machine whose token is good and that is not bound."""


@dataclass(frozen=True, slots=True)
class Machine:
    """A machine whose token holds: the gate it speaks for, and the token's own name."""

    gate: Gate
    short: str
    issuer_id: int
    jti: str
    expires_at: datetime

    def speaks_for(self, deploy_id: str, *, dry_run: bool) -> bool:
        """
        Says whether its token is for this deploy: of each, the first one it named.

        A token lives for minutes in a job's environment. Whoever takes it from there
        can ask about the deploy that its owner asked about, and about no other.
        """
        ask = services.was_for if dry_run else None
        words = {"issuer_id": self.issuer_id, "jti": self.jti, "gate": self.gate}
        is_for = (
            ask(**words, deploy_id=deploy_id)  # type: ignore[arg-type]
            if ask
            else services.use_once(
                **words,  # type: ignore[arg-type]
                deploy_id=deploy_id,
                expires_at=self.expires_at,
            )
        )
        if not is_for:
            _log(Refused(Refusal.USED), gate=self.gate, machine=self.short)
        return is_for


@dataclass(frozen=True, slots=True)
class Turned:
    """
    A token that was turned away, and the gate whose people may know why.

    Only after the issuer's signature held is there one: nobody else may write on a
    gate's page.
    """

    refused: Refused
    gate: Gate | None = None
    short: str = UNKNOWN


def of_token(raw: str) -> Machine | Turned:
    """Returns the machine behind a token, or why there is none. Asks no network."""
    try:
        return _judged(machine_tokens.read(raw))
    except TokenRefused as error:
        return _turned(Turned(Refused(error.reason)))


def _judged(token: Read) -> Machine | Turned:
    known = queries.issuer_named(token.issuer) if token.issuer else None
    if known is None:
        raise TokenRefused(Refusal.ISSUER)
    issuer, now = known
    try:
        machine_tokens.require_signed(token, issuer=issuer, now=now)
    except TokenRefused as error:
        if error.reason in {Refusal.KEY, Refusal.KEYS_STALE}:
            issuers.ask_for_a_look(issuer, now=now)
        raise
    audience = rules.audience_of(claims=token.claims)
    found = queries.bound_to(issuer=issuer, audience=audience) if audience else ()
    if not found:
        raise TokenRefused(Refusal.AUDIENCE)
    first: Turned | None = None
    for bound in found:
        judged = _of(bound, token, now)
        if isinstance(judged, Machine):
            return judged
        first = first or judged
    assert first is not None  # noqa: S101  # there was at least one
    return _turned(first)


def _of(bound: Bound, token: Read, now: datetime) -> Machine | Turned:
    identity = bound.identity
    refused = rules.judge(
        kind=identity.kind, bound=identity.claims, claims=token.claims, now=now
    )
    if refused is not None:
        return Turned(refused, identity.gate)
    if not bound.gate_in_use:
        return Turned(Refused(Refusal.GATE_OFF), identity.gate, identity.short)
    stated = rules.times(claims=token.claims)
    if stated is None:  # judged above
        return Turned(Refused(Refusal.CLAIMS), identity.gate)
    return Machine(
        gate=identity.gate,
        short=identity.short,
        issuer_id=identity.issuer_id,
        jti=token.claims["jti"],
        expires_at=stated.expires_at,
    )


def _turned(turned: Turned) -> Turned:
    _log(turned.refused, gate=turned.gate, machine=turned.short)
    return turned


def _log(refused: Refused, *, gate: Gate | None, machine: str) -> None:
    """Tells the operators why; never the token, nor what it says."""
    logger.warning(
        "identity.refused",
        extra={
            "reason": refused.reason.value,
            "claim": refused.claim,
            "gate": f"{gate.tenant.slug}/{gate.slug}" if gate else "",
            "machine": machine,
        },
    )
