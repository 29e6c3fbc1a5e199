"""What a post-mortem's page shows: who may do what, how far it is, what is missing."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.utils.translation import gettext as _

from breakglass.models import PostMortem, PostMortemReview, Tenant, User
from breakglass.queries import access
from breakglass.queries.postmortems import drafting as queries
from breakglass.queries.postmortems import history
from breakglass.rules import postmortem as rules
from breakglass.states import PostMortemState, ReviewOutcome

_SUMMARY: Final = "summary"


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the strip on top, done or not."""

    word: str
    is_done: bool
    target: str


def may_write(*, user: User, tenant: Tenant, found: PostMortem) -> bool:
    """Says whether the page is an editor for this person; the service asks again."""
    if found.state == PostMortemState.PUBLISHED:
        return False
    return owns(user=user, tenant=tenant, found=found)


def owns(*, user: User, tenant: Tenant, found: PostMortem) -> bool:
    """Says whether it is this person's, or of a tenant that they manage."""
    if found.assignee_id == user.pk:
        return True
    return access.may(user=user, permission="manage_tenant", on=tenant)


def state_of(
    *, found: PostMortem, now: datetime, review: PostMortemReview | None
) -> str:
    """Returns the word to show: by predicate, whatever the sweeps did."""
    if found.state == PostMortemState.PUBLISHED:
        return "done"
    if not queries.is_open(postmortem=found, now=now):
        return "scheduled"
    return queries.progress(postmortem=found, is_in_review=review is not None)


def body_of(found: PostMortem) -> str:
    """The stored text; until the opening froze it, the facts as they are now."""
    if found.state == PostMortemState.SCHEDULED and not found.body:
        # Rendered once a page; the row itself is never saved from here.
        found.body = queries.draft_body(postmortem=found)
    return found.body


def steps(
    *, missing: tuple[rules.Missing, ...], has_timeline: bool, reviewed: bool
) -> list[Step]:
    """Returns the task strip; each step is done when nothing of it is missing."""
    lacks = {part.key for part in missing}
    causes = lacks - {_SUMMARY, rules.ITEMS}
    strip = [Step(_("Summary"), _SUMMARY not in lacks, "section-0")]
    if has_timeline:
        strip.append(Step(_("Timeline"), is_done=True, target="timeline"))
    return [
        *strip,
        Step(_("Causes"), not causes, "gate"),
        Step(_("Action items"), rules.ITEMS not in lacks, "items"),
        Step(_("Review"), reviewed, "review"),
    ]


def people_context(
    *, user: User, tenant: Tenant, found: PostMortem, chosen: list[str]
) -> dict[str, Any]:
    """Returns who could own or review it, for whoever may write it."""
    members = history.members_of(tenant=tenant)
    wrote = history.writers_of(postmortem=found)
    able = [
        one for one in members if one.pk not in {*wrote, found.assignee_id, user.pk}
    ]
    return {
        "members": members,
        "owners": [one for one in members if one.pk != found.assignee_id],
        "able": [(one, str(one.public_id) in chosen) for one in able],
    }


def review_context(*, user: User, found: PostMortem) -> dict[str, Any]:
    """Returns the review that goes on, the last answer, and whether it is mine."""
    reviews = history.reviews_of(postmortem=found)
    current = next((one for one in reviews if one.ended_at is None), None)
    ended = [one for one in reviews if one.ended_at is not None]
    asked = [one for one in ended if one.outcome == ReviewOutcome.CHANGES_ASKED]
    return {
        "review": current,
        "reviews": reviews,
        "is_reviewer": current is not None and user in current.reviewers.all(),
        "changes": asked[0] if asked and ended[0] == asked[0] else None,
    }


def ids(values: list[str]) -> list[UUID]:
    """Returns public ids as they were sent; what is none is left out."""
    found = []
    for value in values:
        try:
            found.append(UUID(value))
        except ValueError:
            continue
    return found
