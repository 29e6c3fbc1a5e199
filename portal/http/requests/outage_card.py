"""What a request's page says while signing is down, or was: who can do what."""

from dataclasses import dataclass
from typing import Final

from breakglass.models import Approval, Intent, User
from breakglass.queries import outage
from breakglass.queries.requests.detail import RequestDetail
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
    offline = detail.reach.is_offline
    unsigned = [
        intent
        for intent in detail.intents
        if intent.last_error and intent.state == IntentState.COMMITTED
    ]
    if not offline and not unsigned:
        return None
    bare = [one.approver for one in detail.approvals if not _is_asserted(one)]
    people = _left(detail)
    holders = outage.with_passkeys(tenant=detail.bypass.tenant, people=people)
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


def _is_asserted(approval: Approval) -> bool:
    """Whether the approver's own passkey answered."""
    given = getattr(approval.bundle.intent, "assertion", None)
    return given is not None and given.credential.user_id == approval.approver_id


def _left(detail: RequestDetail) -> list[User]:
    """Everybody who may still approve, by name."""
    done = {detail.reach.requester_id, *detail.reach.approved}
    held = detail.reach.members.values()
    people = {user for members in held for user in members if user.pk not in done}
    return sorted(people, key=lambda user: user.name)


def _way(detail: RequestDetail, bare: list[User]) -> str:
    if not (detail.pinned.offline_quorum and detail.latest.offline_quorum):
        return BLOCKED
    if not fallback.fallback_signers():
        return NOT_SET_UP
    return BARE if bare else OPEN
