"""What messages about a post-mortem say. Pure: frozen facts in, text out."""

from breakglass.notify.facts import GrantFacts
from breakglass.notify.lines import day, line, minute, quote
from breakglass.notify.writing import (
    Text,
    about_bypass,
    asked_by,
    assignee_of,
    deploys_of,
    scope_of,
)
from breakglass.texts import plural, text

_NAME_MAX = 120


def postmortem_opened(facts: GrantFacts) -> Text:
    """Hands the assignee the pre-filled post-mortem."""
    due = day(facts.postmortem_due_at)
    body = [
        text(
            "The post-mortem of %(bypass)s is yours, due by %(due)s.",
            bypass=facts.bypass.bypass_id,
            due=due,
        ),
        text(
            "The facts and a draft timeline are filled in. What is left is what\n"
            "happened, why, and what will change."
        ),
        "",
        *scope_of(facts.bypass),
        asked_by(facts.bypass),
        deploys_of(facts),
    ]
    what = text("your post-mortem is open, due %(due)s", due=due)
    return about_bypass(facts.bypass, what=what, body=body, page="postmortems")


def postmortem_overdue(facts: GrantFacts) -> Text:
    """Reminds the assignee, and tells the tenant's managers."""
    said = {"due": day(facts.postmortem_due_at), "who": assignee_of(facts)}
    body = [
        text(
            "The post-mortem of %(bypass)s is not published.",
            bypass=facts.bypass.bypass_id,
        ),
        text("Was due by: %(due)s", **said),
        text("Assigned to: %(who)s", **said),
        "",
        *scope_of(facts.bypass),
        asked_by(facts.bypass),
        deploys_of(facts),
    ]
    what = text("post-mortem overdue since %(due)s (%(who)s)", **said)
    return about_bypass(facts.bypass, what=what, body=body, page="postmortems")


def due_soon(facts: GrantFacts) -> Text:
    """Warns the owner a day before the deadline."""
    due = minute(facts.postmortem_due_at)
    body = [
        text(
            "The post-mortem of %(bypass)s is not published yet.",
            bypass=facts.bypass.bypass_id,
        ),
        text("Due by: %(due)s", due=due),
        text("Assigned to: %(who)s", who=_name(facts.assignee)),
        *_scope(facts),
    ]
    return _letter(facts, what=text("post-mortem due by %(due)s", due=due), body=body)


def still_overdue(facts: GrantFacts, *, days: int) -> Text:
    """Reminds each day after the deadline; `days` are whole ones since then."""
    said = {
        "due": minute(facts.postmortem_due_at),
        "who": _name(facts.assignee),
        "bypass": facts.bypass.bypass_id,
    }
    body = [
        text("The post-mortem of %(bypass)s is still not published.", **said),
        plural(
            "Was due by: %(due)s, %(count)s day ago",
            "Was due by: %(due)s, %(count)s days ago",
            count=days,
            **said,
        ),
        text("Assigned to: %(who)s", **said),
        *_scope(facts),
    ]
    what = plural(
        "post-mortem overdue for %(count)s day (%(who)s)",
        "post-mortem overdue for %(count)s days (%(who)s)",
        count=days,
        **said,
    )
    return _letter(facts, what=what, body=body)


def handed_over(facts: GrantFacts, *, by: str, previous: str, note: str) -> Text:
    """Tells the new owner, and the one before."""
    body = [
        text(
            "%(who)s handed over the post-mortem of %(bypass)s.",
            who=_name(by),
            bypass=facts.bypass.bypass_id,
        ),
        text("Now it is with: %(who)s", who=_name(facts.assignee)),
        text("Before, it was with: %(who)s", who=_name(previous)),
        text("Due by: %(due)s", due=minute(facts.postmortem_due_at)),
        *([text("Note:"), quote(note)] if note else []),
        *_scope(facts),
    ]
    what = text("post-mortem handed over to %(who)s", who=_name(facts.assignee))
    return _letter(facts, what=what, body=body)


def review_asked(facts: GrantFacts, *, by: str) -> Text:
    """Asks the reviewers to read it."""
    body = [
        text(
            "%(who)s asks you to review the post-mortem of %(bypass)s.",
            who=_name(by),
            bypass=facts.bypass.bypass_id,
        ),
        text("Mark it as done, or ask for changes, on its page."),
        text("Due by: %(due)s", due=minute(facts.postmortem_due_at)),
        *_scope(facts),
    ]
    what = text("a post-mortem waits for your review")
    return _letter(facts, what=what, body=body)


def review_ended(facts: GrantFacts, *, by: str, outcome: str, comment: str) -> Text:
    """Tells the owner, whoever asked, and the reviewers how the review ended."""
    who = _name(by)
    how = {
        "done": text("%(who)s reviewed it: it is done and published", who=who),
        "changes_asked": text("%(who)s asks for changes", who=who),
    }.get(outcome, text("%(who)s took it back from review", who=who))
    body = [
        text(
            "The post-mortem of %(bypass)s: %(how)s.",
            bypass=facts.bypass.bypass_id,
            how=how,
        ),
        *([text("Comment:"), quote(comment)] if comment else []),
        *_scope(facts),
    ]
    return _letter(facts, what=text("post-mortem: %(how)s", how=how), body=body)


def _letter(facts: GrantFacts, *, what: str, body: list[str]) -> Text:
    return about_bypass(
        facts.bypass, what=what, body=body, page="postmortems", verb=text("Open it")
    )


def _scope(facts: GrantFacts) -> list[str]:
    service = line(facts.bypass.service, most=_NAME_MAX)
    return [
        "",
        text("Gate: %(gate)s", gate=facts.bypass.gate),
        text("Service: %(service)s", service=service),
    ]


def _name(person: str) -> str:
    return line(person, most=_NAME_MAX)
