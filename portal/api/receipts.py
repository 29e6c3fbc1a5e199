"""
POST /api/v1/decisions/receipt: the same decision, and a signature over its bypass.

An address of its own, so that the answer of /api/v1/decisions keeps its shape. Only a
bypass gets a receipt: whoever checks a signature and forgets to read what it says must
not take a signed "no" for a "yes", and a missing receipt means enforce by itself.
"""

import json
from typing import Final

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from breakglass.errors import ReceiptsOff
from breakglass.models import Gate
from breakglass.signing import receipts
from breakglass.signing.receipts import Claims, Keys
from portal.api import asking, decisions, keeping
from portal.api.edge import Endpoint
from portal.api.schemas import DecisionAnswer, ReceiptAnswer, ReceiptQuestion

KEYS_MAX_AGE: Final = 300
"""Seconds for which a gate may keep the published keys; a new one is older first."""


def _receipt(request: HttpRequest) -> ReceiptAnswer:
    gate, asked = asking.gate_and_body(request, ReceiptQuestion)
    # Before anything is decided: no deploy is admitted by an answer that cannot leave.
    keys = receipts.keys_in(settings.RECEIPT_KEYS)
    answer = decisions.answered(request, gate=gate, asked=asked)
    keeping.forget(request)  # the signature lives shorter than any answer
    signed = _signed(keys, gate=gate, asked=asked, answer=answer)
    return ReceiptAnswer(**dict(answer), receipt=signed)


def _signed(
    keys: Keys, *, gate: Gate, asked: ReceiptQuestion, answer: DecisionAnswer
) -> str | None:
    """Signs a bypass, by what was committed before; nothing else is ever signed."""
    if (
        answer.decision != "bypass"
        or answer.dry_run
        or answer.expires_at is None
        or answer.assurance is None
        or not answer.bypass_id
    ):
        return None
    claims = Claims(
        issuer=settings.BASE_URL,
        tenant=gate.tenant.slug,
        gate=gate.slug,
        service=asked.service,
        branch=asked.branch,
        artifact=asked.artifact,
        deploy_id=asked.deploy_id,
        bypass_id=answer.bypass_id,
        reason=answer.reason.value,
        assurance=answer.assurance.value,
        decision_id=str(answer.decision_id),
        nonce=asked.nonce,
    )
    return receipts.issue(
        keys=keys,
        claims=claims,
        decided_at=answer.evaluated_at,
        grant_ends_at=answer.expires_at,
    )


receipt: Final = Endpoint("receipts", {"POST": _receipt})


@login_not_required
@require_safe
def keys(_request: HttpRequest) -> HttpResponse:
    """Publishes the public keys of receipts (RFC 7517); an empty set when none is."""
    try:
        published = receipts.keys_in(settings.RECEIPT_KEYS).published
    except ReceiptsOff:
        published = ()
    age = f"public, max-age={KEYS_MAX_AGE}" if published else "no-store"
    return HttpResponse(
        json.dumps({"keys": published}),
        content_type="application/jwk-set+json",
        headers={"Cache-Control": age, "Cross-Origin-Resource-Policy": "cross-origin"},
    )
