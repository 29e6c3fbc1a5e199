"""What the answers for people say, in every language that has room for a sentence."""

from typing import Final
from urllib.parse import urlencode

from django.conf import settings

from breakglass.models import Gate
from portal.api.reasons import REASONS
from portal.api.schemas import DecisionAnswer, DecisionQuestion
from portal.api.strict_json import Json

NO_DEPLOY: Final = "none"
"""Stands where a question needs a deploy ID and is about no deploy in particular."""


def flat(gate: Gate, asked: DecisionQuestion, told: DecisionAnswer) -> dict[str, Json]:
    """Returns the answer as policies read it: a few names, one level deep."""
    is_bypass = told.decision == "bypass"
    found: dict[str, Json] = told.model_dump(
        mode="json", include={"bypass_id", "expires_at", "assurance", "evaluated_at"}
    )
    said = admitted(told) if is_bypass else why_not(gate, asked, told)
    return {
        "mode": told.decision,
        "reason": told.reason.value,
        **found,
        "message": said,
    }


def request_link(gate: Gate, asked: DecisionQuestion) -> str:
    """Returns the address of the request form, filled in with what was asked about."""
    scope = {
        "gate": gate.slug,
        "service": asked.service,
        "branch": asked.branch,
        "artifact": asked.artifact,
    }
    query = urlencode({name: value for name, value in scope.items() if value})
    return f"{settings.BASE_URL}/t/{gate.tenant.slug}/requests/new?{query}"


def why_not(gate: Gate, asked: DecisionQuestion, told: DecisionAnswer) -> str:
    """Returns why a deploy is held, and the link with which to ask for a bypass."""
    return (
        f"The gate {gate.slug} enforces ({told.reason}): {REASONS[told.reason]} "
        f"Ask for a bypass: {request_link(gate, asked)}"
    )


def admitted(told: DecisionAnswer) -> str:
    """Returns under what a deploy passes, in at most 120 characters."""
    until = f"{told.expires_at:%H:%M} UTC" if told.expires_at else ""
    if told.dry_run:
        return f"Dry run: bypass {told.bypass_id} would let this pass until {until}."
    return f"Passes under bypass {told.bypass_id}, in force until {until}. On record."


def weaker(told: DecisionAnswer) -> str:
    """Returns a warning where the bypass stands on less than Sigstore, else nothing."""
    if told.assurance is None or told.assurance == "sigstore":
        return ""
    return f"Bypass {told.bypass_id} was signed under the outage fallback."
