"""Who wrote what of a post-mortem when: revisions, reviews, owners, kept drafts."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from breakglass.models import (
    PostMortem,
    PostMortemDraft,
    PostMortemNote,
    PostMortemReview,
    PostMortemRevision,
    RoleMember,
    Tenant,
    User,
)
from breakglass.rules import postmortem as rules
from breakglass.rules import postmortem_answers as answers
from breakglass.rules import postmortem_body

_LOOKED_AT: Final = 50


@dataclass(frozen=True, slots=True)
class Change:
    """Who last changed a part, and when."""

    by: User
    at: datetime


def items_in_words(*, postmortem: PostMortem) -> str:
    """Returns the stored action items and the reason for none, as comparable text."""
    return answers.in_words(
        items=[
            answers.Item(
                text=row.text,
                owner=row.owner,
                due_on=row.due_on.isoformat() if row.due_on else "",
                link=row.link,
                is_done=row.is_done,
            )
            for row in postmortem.action_items.all()
        ],
        why=postmortem.no_action_reason,
    )


def answers_of(*, postmortem: PostMortem) -> dict[str, str]:
    """Returns what a revision keeps beside the text: comparable, by part."""
    items = items_in_words(postmortem=postmortem)
    return {
        rules.ITEMS: postmortem_body.digest(items),
        rules.GATE: postmortem.gate_blamed,
    }


def last_change(*, postmortem: PostMortem, key: str) -> Change | None:
    """
    Returns who last changed a section (or GATE, or ITEMS) and when.

    None where no revision that is looked at changed it.
    """
    found = list(
        postmortem.revisions.select_related("saved_by").order_by("-revision")[
            :_LOOKED_AT
        ]
    )
    older: list[PostMortemRevision | None] = [*found[1:], None]
    for one, before in zip(found, older, strict=True):
        if before is None or _part(one, key) != _part(before, key):
            return Change(one.saved_by, one.saved_at)
    return None


def _part(revision: PostMortemRevision, key: str) -> str:
    if key in (rules.ITEMS, rules.GATE):
        return str(revision.answers.get(key, ""))
    for section in postmortem_body.split(revision.body):
        if section.key == key:
            return postmortem_body.base_of(section=section, hidden=())
    return ""


def open_review(*, postmortem: PostMortem) -> PostMortemReview | None:
    """Returns the review that goes on, with its reviewers, if there is one."""
    return (
        postmortem.reviews.filter(ended_at__isnull=True)
        .select_related("asked_by")
        .prefetch_related("reviewers")
        .first()
    )


def reviews_of(*, postmortem: PostMortem) -> list[PostMortemReview]:
    """Returns every review of it, newest first, with the people in it."""
    return list(
        postmortem.reviews.select_related("asked_by", "ended_by")
        .prefetch_related("reviewers")
        .order_by("-asked_at", "-pk")
    )


def typed_by(*, postmortem: PostMortem, person: User) -> PostMortemDraft | None:
    """Returns what this person typed and has not saved."""
    return postmortem.drafts.filter(person=person).first()


def members_of(*, tenant: Tenant) -> list[User]:
    """Returns the active people whose role lets them see the tenant, by name."""
    holds = RoleMember.objects.filter(
        role__tenant=tenant, role__tenant_permissions__contains=["view_tenant"]
    )
    people = User.objects.filter(
        pk__in=holds.values("user"), is_active=True, kind="human"
    )
    return list(people.order_by("name", "email"))


def writers_of(*, postmortem: PostMortem) -> set[int]:
    """Returns the ids of everybody who saved any of it."""
    return set(
        postmortem.revisions.values_list("saved_by", flat=True).order_by().distinct()
    )


def notes_of(*, postmortem: PostMortem) -> list[PostMortemNote]:
    """Returns what was added after the publication, oldest first."""
    return list(postmortem.notes.select_related("author").order_by("at", "pk"))


def may_review(*, postmortem: PostMortem) -> list[User]:
    """Returns who may review it: members who neither own it nor wrote any of it."""
    own = {postmortem.assignee_id, *writers_of(postmortem=postmortem)}
    members = members_of(tenant=postmortem.tenant)
    return [person for person in members if person.pk not in own]
