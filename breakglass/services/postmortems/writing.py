"""Post-mortems: written in parts by several people, and published."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from hashlib import sha256

from django.db import transaction

from breakglass import clock
from breakglass.audit import events, ledger
from breakglass.errors import Conflict, InvalidInput, PolicyViolation
from breakglass.models import ActionItem, PostMortem, PostMortemRevision, Tenant, User
from breakglass.queries.postmortems import drafting as queries
from breakglass.queries.postmortems import history
from breakglass.rules import postmortem as rules
from breakglass.rules import postmortem_answers as answers
from breakglass.rules import postmortem_body
from breakglass.rules.identifiers import check_text, check_url
from breakglass.rules.postmortem_answers import Choice
from breakglass.rules.postmortem_body import Clash, SectionClash
from breakglass.services.postmortems import opening
from breakglass.states import (
    POSTMORTEM_MOVES,
    GateBlame,
    PostMortemState,
    require_move,
)
from breakglass.texts import joined, text

BODY_MAXIMUM = 100_000
ITEMS_MAXIMUM = 50


@dataclass(frozen=True, slots=True)
class ActionItemInput:
    """One action item as the editor sends it; an empty text drops the row."""

    text: str
    owner: str
    is_done: bool
    due_on: date | None = None
    link: str = ""


@dataclass(frozen=True, slots=True)
class Answers:
    """Everything beside the sections; the bases are digests of what was shown."""

    action_items: Sequence[ActionItemInput]
    no_action_reason: str
    gate_blamed: str
    items_base: str
    gate_base: str


@transaction.atomic
def save_draft(
    *,
    tenant: Tenant,
    bypass_id: str,
    person: User,
    body: str,
    action_items: Sequence[ActionItemInput],
    no_action_reason: str,
    revision: int,
    gate_blamed: str | None = None,
) -> PostMortem:
    """
    Stores the whole text and the action items as a new revision.

    `revision` is the one that the editor loaded: Conflict when somebody saved since.
    A `gate_blamed` of None leaves the answer as it is. Raises NotPermitted unless the
    person is the assignee or manages the tenant.
    """
    postmortem = opening.editable(tenant=tenant, bypass_id=bypass_id, person=person)
    if postmortem.revision != revision:
        msg = text(
            "%(who)s saved this post-mortem while you were writing. "
            "Your text is below.",
            who=postmortem.saved_by.name if postmortem.saved_by else text("Somebody"),
        )
        raise Conflict(msg)
    postmortem.body = body
    if gate_blamed is not None:
        _judge_gate(postmortem=postmortem, gate_blamed=gate_blamed)
    _replace_items(postmortem=postmortem, items=action_items, why=no_action_reason)
    return _store(postmortem=postmortem, person=person)


@transaction.atomic
def save_sections(
    *,
    tenant: Tenant,
    bypass_id: str,
    person: User,
    edits: Sequence[postmortem_body.Edit],
    given: Answers,
) -> PostMortem:
    """
    Stores what this person changed, whatever others changed elsewhere meanwhile.

    Raises SectionClash, with both texts, where somebody changed the same section;
    nothing is stored then. Saving what is stored already writes nothing.
    """
    postmortem = opening.editable(tenant=tenant, bypass_id=bypass_id, person=person)
    merged = postmortem_body.merge(
        body=postmortem.body,
        hidden=postmortem.hidden_lines,
        edits=edits,
        signed=queries.signed_lines(grant=postmortem.grant),
    )
    mine, stored = _in_words(given), history.items_in_words(postmortem=postmortem)
    items = answers.choose(
        mine=postmortem_body.digest(mine),
        base=given.items_base,
        stored=postmortem_body.digest(stored),
    )
    gate = answers.choose(
        mine=given.gate_blamed, base=given.gate_base, stored=postmortem.gate_blamed
    )
    clashes = [*merged.clashes]
    if items is Choice.CLASH:
        clashes.append(Clash(rules.ITEMS, "", mine, stored))
    if gate is Choice.CLASH:
        theirs = postmortem.gate_blamed
        clashes.append(Clash(rules.GATE, "", given.gate_blamed, theirs))
    if clashes:
        raise SectionClash(clashes=clashes)
    postmortem.drafts.filter(person=person).delete()
    is_new = Choice.MINE in (items, gate) or merged.body != postmortem.body
    if not is_new and list(merged.hidden) == postmortem.hidden_lines:
        return postmortem
    postmortem.body, postmortem.hidden_lines = merged.body, list(merged.hidden)
    if gate is Choice.MINE:
        _judge_gate(postmortem=postmortem, gate_blamed=given.gate_blamed)
    if items is Choice.MINE:
        _replace_items(
            postmortem=postmortem,
            items=given.action_items,
            why=given.no_action_reason,
        )
    return _store(postmortem=postmortem, person=person)


@transaction.atomic
def publish(*, tenant: Tenant, bypass_id: str, person: User) -> PostMortem:
    """
    Ends the writing; PolicyViolation names what is still missing.

    Conflict while somebody reviews it: then it is theirs to say that it is done.
    """
    postmortem = opening.editable(tenant=tenant, bypass_id=bypass_id, person=person)
    if postmortem.reviews.filter(ended_at__isnull=True).exists():
        msg = text("this is in review: wait for the answer, or take it back first")
        raise Conflict(msg)
    return finish(postmortem=postmortem, person=person)


def finish(*, postmortem: PostMortem, person: User) -> PostMortem:
    """Publishes a locked post-mortem that is complete, for whoever may say so."""
    items = list(postmortem.action_items.all())
    require_complete(postmortem=postmortem)
    bypass_id = postmortem.grant.request.bypass_id
    postmortem.state = require_move(
        POSTMORTEM_MOVES,
        current=PostMortemState(postmortem.state),
        to=PostMortemState.PUBLISHED,
        what="post-mortem",
    )
    postmortem.published_at = clock.db_now()
    postmortem.published_by = person
    postmortem.save(update_fields=["state", "published_at", "published_by"])
    postmortem.drafts.all().delete()
    ledger.append(
        tenant=postmortem.tenant,
        event=events.POSTMORTEM_GATE_JUDGED,
        actor=person.as_actor(),
        bypass_id=bypass_id,
        facts={
            "gate": postmortem.grant.gate.slug,
            "gate_blamed": postmortem.gate_blamed,
        },
    )
    ledger.append(
        tenant=postmortem.tenant,
        event=events.POSTMORTEM_PUBLISHED,
        actor=person.as_actor(),
        bypass_id=bypass_id,
        facts={
            "revision": postmortem.revision,
            "body_sha256": text_digest(postmortem),
            "action_items": [item.text for item in items],
        },
    )
    return postmortem


def require_complete(*, postmortem: PostMortem) -> None:
    """Raises PolicyViolation, saying all of it, while something is missing."""
    missing = queries.missing_of(postmortem=postmortem)
    if missing:
        msg = joined([rules.in_words(part) for part in missing], between=" ")
        raise PolicyViolation(msg, field="body")


def text_digest(postmortem: PostMortem) -> str:
    """Returns the SHA-256 of the text, as the log has it."""
    return sha256(postmortem.body.encode()).hexdigest()


def _store(*, postmortem: PostMortem, person: User) -> PostMortem:
    """Writes the next revision, and its entry; the person's draft is in it."""
    postmortem.body = check_text(
        postmortem.body, field="body", minimum=0, maximum=BODY_MAXIMUM
    )
    postmortem.revision += 1
    postmortem.saved_at = clock.db_now()
    postmortem.saved_by = person
    postmortem.save(
        update_fields=[
            *("body", "hidden_lines", "gate_blamed", "no_action_reason"),
            *("revision", "saved_at", "saved_by"),
        ]
    )
    postmortem.drafts.filter(person=person).delete()
    PostMortemRevision.objects.create(
        postmortem=postmortem,
        revision=postmortem.revision,
        body=postmortem.body,
        answers=history.answers_of(postmortem=postmortem),
        saved_at=postmortem.saved_at,
        saved_by=person,
    )
    ledger.append(
        tenant=postmortem.tenant,
        event=events.POSTMORTEM_SAVED,
        actor=person.as_actor(),
        bypass_id=postmortem.grant.request.bypass_id,
        facts={
            "revision": postmortem.revision,
            "body_sha256": text_digest(postmortem),
        },
    )
    return postmortem


def _judge_gate(*, postmortem: PostMortem, gate_blamed: str) -> None:
    if gate_blamed and gate_blamed not in GateBlame.values:
        raise InvalidInput(text("say yes, partly, no or unknown"), field="gate_blamed")
    postmortem.gate_blamed = gate_blamed


def _replace_items(
    *, postmortem: PostMortem, items: Sequence[ActionItemInput], why: str
) -> None:
    """Stores the rows that say something, in their order, and the reason for none."""
    kept = [item for item in items if item.text.strip()]
    if len(kept) > ITEMS_MAXIMUM:
        most = ITEMS_MAXIMUM
        msg = text("a post-mortem holds at most %(most)s action items", most=most)
        raise PolicyViolation(msg, field="action_items")
    postmortem.no_action_reason = check_text(
        why, field="no_action_reason", minimum=0, maximum=1000
    )
    postmortem.action_items.all().delete()
    ActionItem.objects.bulk_create(
        ActionItem(
            postmortem=postmortem,
            position=position,
            text=check_text(item.text, field="action_items", minimum=1, maximum=300),
            owner=check_text(item.owner, field="action_items", minimum=0, maximum=100),
            due_on=item.due_on,
            link=check_url(item.link, field="action_items") if item.link else "",
            is_done=item.is_done,
        )
        for position, item in enumerate(kept, start=1)
    )


def _in_words(given: Answers) -> str:
    """As `history.items_in_words`, of what an editor sent."""
    return answers.in_words(
        items=[
            answers.Item(
                text=item.text.strip(),
                owner=item.owner.strip(),
                due_on=item.due_on.isoformat() if item.due_on else "",
                link=item.link,
                is_done=item.is_done,
            )
            for item in given.action_items
            if item.text.strip()
        ],
        why=given.no_action_reason.replace("\r\n", "\n"),
    )
