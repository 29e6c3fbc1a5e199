"""Who may ask, decide and close, with the reasons that the page shows."""

from collections.abc import Sequence
from dataclasses import dataclass

from breakglass.rules.approval import Person
from breakglass.rules.tiers import Requirement
from breakglass.texts import any_of, plural, text


@dataclass(frozen=True, slots=True)
class Answer:
    """Yes, or no with every reason; `reasons` is empty exactly when allowed."""

    allowed: bool
    reasons: tuple[str, ...]


def may_request(
    *,
    active: bool,
    member: bool,
    may_ask_gate: bool,
    gate_active: bool,
    open_requests: int,
    open_limit: int,
) -> Answer:
    """
    Says whether somebody may open a request for a gate.

    Machines may ask too; they only never approve (I-03). `open_requests` are the
    ones they have pending now, refused from `open_limit` on.
    """
    reasons: list[str] = []
    if not active:
        reasons.append(
            text("This account is deactivated. An administrator can restore it.")
        )
    if not member:
        reasons.append(text("You are not a member of this team."))
    if not may_ask_gate:
        reasons.append(
            text(
                "You may not ask for this gate. An administrator of the team can let "
                "you."
            )
        )
    if not gate_active:
        reasons.append(text("This gate is not in use."))
    if open_requests >= open_limit:
        reasons.append(
            plural(
                "You have %(count)s open request and the limit is %(limit)s. "
                "Withdraw one, or wait until one is decided.",
                "You have %(count)s open requests and the limit is %(limit)s. "
                "Withdraw one, or wait until one is decided.",
                count=open_requests,
                limit=open_limit,
            )
        )
    return _answer(reasons=reasons)


def may_close(
    *, is_requester: bool, is_eligible_approver: bool, holds_close_right: bool
) -> Answer:
    """
    Says whether somebody may end a grant early (design.md section 12).

    Any one of the three is enough: ending a bypass is always the safe side.
    """
    if is_requester or is_eligible_approver or holds_close_right:
        return _answer(reasons=[])
    why = text(
        "Only the person who asked, an approver of this tier, or somebody with "
        "the right to close grants may end this early."
    )
    return _answer(reasons=[why])


def may_decide(
    *,
    person: Person,
    requester_id: int,
    requirements_pinned: Sequence[Requirement],
    requirements_current: Sequence[Requirement],
    already_approved: bool,
) -> Answer:
    """
    Says whether this person may approve or reject a request.

    A group of the pinned or of the current policy is enough to decide: both sets
    must be met in the end, and each may need other people. The requester hears
    only that somebody else must decide (I-02).
    """
    if person.id == requester_id:
        return _answer(
            reasons=[
                text("You asked for this bypass, so someone else must approve it.")
            ]
        )
    reasons: list[str] = []
    if not person.human:
        reasons.append(text("Machines may ask for a bypass, but never approve one."))
    if not person.active:
        reasons.append(text("This account is deactivated, so it may not approve."))
    required = (*requirements_pinned, *requirements_current)
    if not person.groups.intersection(_groups(required=required)):
        reasons.append(_not_in_group(required=required))
    if already_approved:
        reasons.append(text("You already approved."))
    return _answer(reasons=reasons)


def _groups(*, required: Sequence[Requirement]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(requirement.group for requirement in required))


def _not_in_group(*, required: Sequence[Requirement]) -> str:
    groups = _groups(required=required)
    if not groups:
        return text("This tier names no groups, so nobody may approve it.")
    return text(
        "You are not in one of the groups that may approve this: %(groups)s.",
        groups=any_of(groups),
    )


def _answer(*, reasons: Sequence[str]) -> Answer:
    return Answer(allowed=not reasons, reasons=tuple(reasons))
