"""What a request's page says while signing is down, or was: who can do what."""

from dataclasses import dataclass
from typing import Final

from breakglass.models import Intent, User
from breakglass.queries import approvers, outage, policies
from breakglass.queries.requests import RequestDetail
from breakglass.signing import fallback
from breakglass.states import IntentState

BLOCKED: Final = "blocked"
NOT_SET_UP: Final = "not_set_up"
BARE: Final = "bare"
OPEN: Final = "open"


@dataclass(frozen=True, slots=True)
class OutageCard:
    """
    One state card. `offline`: the request goes on under the fallback already.

    `way` says what is left to do: nothing (`blocked`, `not_set_up`, `bare`), or to
    approve with a passkey (`open`), `missing` people more.
    """

    offline: bool
    way: str
    missing: int
    needed: int
    bare: list[User]
    able: list[User]
    unable: list[User]
    unsigned: list[Intent]


def card(detail: RequestDetail) -> OutageCard | None:
    """Returns the card of a pending request, or None while signing works."""
    if detail.status != "pending":
        return None
    bypass = detail.bypass
    offline = outage.is_offline(bypass=bypass)
    unsigned = [
        intent
        for intent in detail.intents
        if intent.last_error and intent.state == IntentState.COMMITTED
    ]
    if not offline and not unsigned:
        return None
    bare = outage.bare(bypass=bypass)
    people = approvers.eligible_users(bypass=bypass)
    holders = outage.with_passkeys(tenant=bypass.tenant, people=people)
    further = 0 if offline else 1  # the quorum on the page counts it once it is
    needed = detail.quorum.needed + further
    return OutageCard(
        offline=offline,
        way=_way(detail, bare),
        missing=max(0, needed - detail.quorum.filled),
        needed=needed,
        bare=bare,
        able=[person for person in people if person.pk in holders],
        unable=[person for person in people if person.pk not in holders],
        unsigned=unsigned,
    )


def _way(detail: RequestDetail, bare: list[User]) -> str:
    if not policies.terms_of(bypass=detail.bypass).offline_quorum:
        return BLOCKED
    if not fallback.fallback_signers():
        return NOT_SET_UP
    return BARE if bare else OPEN
