"""What messages about a post-mortem say. Pure: frozen facts in, text out."""

from datetime import UTC, datetime

from breakglass.notify.facts import GrantFacts
from breakglass.notify.lines import line, quote, subject
from breakglass.notify.messages import Text

_NAME_MAX = 120


def due_soon(facts: GrantFacts) -> Text:
    """Warns the owner a day before the deadline."""
    body = [
        f"The post-mortem of {facts.bypass.bypass_id} is not published yet.",
        f"Due by: {_at(facts.postmortem_due_at)}",
        f"Assigned to: {_name(facts.assignee)}",
        *_scope(facts),
    ]
    what = f"post-mortem due by {_at(facts.postmortem_due_at)}"
    return _text(facts, what=what, body=body)


def still_overdue(facts: GrantFacts, *, days: int) -> Text:
    """Reminds each day after the deadline; `days` are whole ones since then."""
    late = f"{days} day" if days == 1 else f"{days} days"
    body = [
        f"The post-mortem of {facts.bypass.bypass_id} is still not published.",
        f"Was due by: {_at(facts.postmortem_due_at)}, {late} ago",
        f"Assigned to: {_name(facts.assignee)}",
        *_scope(facts),
    ]
    what = f"post-mortem overdue for {late} ({_name(facts.assignee)})"
    return _text(facts, what=what, body=body)


def handed_over(facts: GrantFacts, *, by: str, previous: str, note: str) -> Text:
    """Tells the new owner, and the one before."""
    body = [
        f"{_name(by)} handed over the post-mortem of {facts.bypass.bypass_id}.",
        f"Now it is with: {_name(facts.assignee)}",
        f"Before, it was with: {_name(previous)}",
        f"Due by: {_at(facts.postmortem_due_at)}",
        *(["Note:", quote(note)] if note else []),
        *_scope(facts),
    ]
    what = f"post-mortem handed over to {_name(facts.assignee)}"
    return _text(facts, what=what, body=body)


def review_asked(facts: GrantFacts, *, by: str) -> Text:
    """Asks the reviewers to read it."""
    body = [
        f"{_name(by)} asks you to review the post-mortem of {facts.bypass.bypass_id}.",
        "Mark it as done, or ask for changes, on its page.",
        f"Due by: {_at(facts.postmortem_due_at)}",
        *_scope(facts),
    ]
    what = "a post-mortem waits for your review"
    return _text(facts, what=what, body=body)


def review_ended(facts: GrantFacts, *, by: str, outcome: str, comment: str) -> Text:
    """Tells the owner, whoever asked, and the reviewers how the review ended."""
    how = {
        "done": "reviewed it: it is done and published",
        "changes_asked": "asks for changes",
    }.get(outcome, "took it back from review")
    body = [
        f"The post-mortem of {facts.bypass.bypass_id}: {_name(by)} {how}.",
        *(["Comment:", quote(comment)] if comment else []),
        *_scope(facts),
    ]
    return _text(facts, what=f"post-mortem: {_name(by)} {how}", body=body)


def _text(facts: GrantFacts, *, what: str, body: list[str]) -> Text:
    bypass = facts.bypass
    path = f"/t/{bypass.tenant}/postmortems/{bypass.bypass_id}"
    return Text(
        subject=subject(f"[{bypass.tenant}] {bypass.bypass_id} {what}"),
        body="\n".join([*body, "", f"Open it: {bypass.site}{path}"]),
        path=path,
    )


def _scope(facts: GrantFacts) -> list[str]:
    service = line(facts.bypass.service, most=_NAME_MAX)
    return ["", f"Gate: {facts.bypass.gate}", f"Service: {service}"]


def _name(person: str) -> str:
    return line(person, most=_NAME_MAX)


def _at(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
