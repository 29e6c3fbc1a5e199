"""Freeze a request: the exact bytes whose digest approvers sign."""

import secrets
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from typing import Final
from uuid import UUID

from breakglass import clock
from breakglass.audit import chain
from breakglass.errors import Conflict, InvalidInput, SentAlready
from breakglass.models import BypassRequest, Gate, Policy, Tenant, Tier, User
from breakglass.queries import access
from breakglass.rules.identifiers import BYPASS_ID_ALPHABET, is_bypass_id
from breakglass.signing.statements import REQUEST_TYPE
from breakglass.texts import text

_ID_LENGTH: Final = 6


@dataclass(frozen=True, slots=True)
class RequestWish:
    """What the on-call filled in, as text but for the length."""

    gate: str
    service: str
    branch: str
    artifact: str
    impact: str
    justification: str
    incident_url: str
    ttl: timedelta
    form_key: UUID | None = None
    renews: str = ""


def freeze(
    *,
    tenant: Tenant,
    gate: Gate,
    requester: User,
    wish: RequestWish,
    policy: Policy,
    tier: Tier,
) -> BypassRequest:
    """
    Stores the checked wish under a fresh bypass ID, and returns the row.

    Everything that an approver is shown stands in `body`; approvers sign its plain
    SHA-256, so that the stock CLI can check it as a subject.
    """
    now = clock.db_now()
    lapses_at = now + timedelta(seconds=tier.pending_seconds)
    bypass_id = _fresh_id()
    renewed = _renewed(tenant=tenant, bypass_id=wish.renews)
    body = chain.canonical(
        {
            **_asked(tenant=tenant, gate=gate, requester=requester, wish=wish),
            "bypass_id": bypass_id,
            "policy": {
                "version": policy.version,
                "digest": bytes(policy.digest or b"").hex(),
            },
            "tier": tier.slug,
            "renews": renewed.bypass_id if renewed else "",
            "opened_at": chain.timestamp(now),
            "lapses_at": chain.timestamp(lapses_at),
        }
    )
    return BypassRequest.objects.create(
        bypass_id=bypass_id,
        tenant=tenant,
        gate=gate,
        requester=requester,
        policy=policy,
        tier=tier,
        service=wish.service,
        branch=wish.branch,
        artifact=wish.artifact,
        impact=wish.impact,
        justification=wish.justification,
        incident_url=wish.incident_url,
        ttl_seconds=int(wish.ttl.total_seconds()),
        renews=renewed,
        form_key=wish.form_key,
        body=body,
        digest=sha256(body).digest(),
        opened_at=now,
        lapses_at=lapses_at,
    )


def sent_before(
    *, tenant: Tenant, requester: User, wish: RequestWish
) -> BypassRequest | None:
    """
    Returns what this form made when it was sent before; None the first time.

    Raises SentAlready when its words or its tenant have changed since: that is another
    request, and must neither get lost nor be taken for the first one.
    """
    if wish.form_key is None:
        return None
    sent = (
        BypassRequest.objects.filter(requester=requester, form_key=wish.form_key)
        .select_related("tenant", "gate", "renews")
        .first()
    )
    if sent is None:
        return None
    if sent.tenant_id == tenant.pk and _is_wish_of(sent, wish=wish):
        return sent
    msg = text(
        "This form was sent already, as %(bypass)s, and you changed it since. Open "
        "that request, or send once more to ask for another bypass",
        bypass=sent.bypass_id,
    )
    raise SentAlready(msg, bypass_id=sent.bypass_id)


def _is_wish_of(bypass: BypassRequest, *, wish: RequestWish) -> bool:
    """Says whether this is, word for word, what the request was made from."""
    asked = (
        bypass.gate.slug,
        bypass.service,
        bypass.branch,
        bypass.artifact,
        bypass.impact,
        bypass.justification,
        bypass.incident_url,
        bypass.renews.bypass_id if bypass.renews else "",
    )
    return bypass.ttl == wish.ttl and asked == (
        wish.gate,
        wish.service,
        wish.branch,
        wish.artifact,
        wish.impact,
        wish.justification,
        wish.incident_url,
        wish.renews,
    )


def _asked(
    *, tenant: Tenant, gate: Gate, requester: User, wish: RequestWish
) -> dict[str, object]:
    """Returns who asks for what, in the words of the frozen body."""
    return {
        "type": REQUEST_TYPE,
        "tenant": {"id": str(tenant.public_id), "slug": tenant.slug},
        "requester": dict(requester.as_actor().facts()),
        "gate": gate.slug,
        "environment": gate.environment,
        "data_class": gate.data_class,
        "service": wish.service,
        "branch": wish.branch,
        "artifact": wish.artifact,
        "impact": wish.impact,
        "justification": wish.justification,
        "incident_url": wish.incident_url,
        "ttl_seconds": int(wish.ttl.total_seconds()),
    }


def _renewed(*, tenant: Tenant, bypass_id: str) -> BypassRequest | None:
    if not bypass_id:
        return None
    if not is_bypass_id(bypass_id):
        msg = text("The request that this one follows is named like BG-7Q4MZK")
        raise InvalidInput(msg, field="renews")
    return access.request_for(tenant=tenant, bypass_id=bypass_id)


def _fresh_id() -> str:
    """Returns an unused ID; 32^6 of them make a second try rare."""
    for _ in range(5):
        letters = (secrets.choice(BYPASS_ID_ALPHABET) for _ in range(_ID_LENGTH))
        bypass_id = f"BG-{''.join(letters)}"
        if not BypassRequest.objects.filter(bypass_id=bypass_id).exists():
            return bypass_id
    msg = text("no free bypass ID was found: try again")
    raise Conflict(msg)
