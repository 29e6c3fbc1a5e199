"""
What messages say. Pure: frozen facts in, text out.

Written for a phone at 02:00: the subject alone says what happened to which bypass, the
body's first line says what to do, and the link is last. Links carry the bypass ID,
for some the time of sending, and nothing else: a message may be forwarded, so it must
not open anything by itself.
"""

from datetime import timedelta
from typing import Final

from breakglass.notify.facts import BypassFacts, DeployFacts, GrantFacts
from breakglass.notify.lines import clock, day, line, minute, quote
from breakglass.notify.writing import (
    NAME_MAX,
    Text,
    about_bypass,
    asked_by,
    deploys_of,
    needed_by,
    postmortem_of,
    requester_of,
    scope_of,
    what_of,
)
from breakglass.rules.window import in_words
from breakglass.texts import plural, text

DIGEST_SHOWN: Final = 12


def request_opened(facts: BypassFacts) -> Text:
    """Asks the approvers to look, with all that they will decide on."""
    what = text(
        "needs your approval: %(what)s (%(tier)s)",
        what=what_of(facts),
        tier=facts.tier_slug,
    )
    first = text("%(who)s asks for a bypass.", who=requester_of(facts))
    return _asking(facts, what=what, first=first)


def request_unanswered(facts: BypassFacts, *, waited: timedelta) -> Text:
    """Asks again, when nobody has answered."""
    what = text(
        "still waits for approval: %(what)s (%(tier)s)",
        what=what_of(facts),
        tier=facts.tier_slug,
    )
    first = text(
        "Nobody has answered %(who)s for %(length)s.",
        who=requester_of(facts),
        length=in_words(waited),
    )
    return _asking(facts, what=what, first=first)


def request_reminded(facts: BypassFacts) -> Text:
    """Asks again, since the person who waits asked for it."""
    what = text(
        "reminder, needs your approval: %(what)s (%(tier)s)",
        what=what_of(facts),
        tier=facts.tier_slug,
    )
    first = text("%(who)s still waits, and asks you again.", who=requester_of(facts))
    return _asking(facts, what=what, first=first)


def request_approved(facts: BypassFacts, *, approver: str) -> Text:
    """Tells the requester that one yes is there, and what is still missing."""
    missing = sum(need.count for need in facts.needs)
    name = line(approver, most=NAME_MAX)
    body = [
        plural(
            "%(who)s approved %(bypass)s, %(count)s more needed.",
            "%(who)s approved %(bypass)s, %(count)s more needed.",
            count=missing,
            who=name,
            bypass=facts.bypass_id,
        ),
        text("The gate still blocks until the rest have approved."),
        "",
        *scope_of(facts),
        text("Still needed: %(people)s", people=needed_by(facts)),
        text(
            "Lapses: %(at)s, unless enough people approve before",
            at=minute(facts.lapses_at),
        ),
    ]
    what = plural(
        "%(who)s approved, %(count)s more needed: %(what)s",
        "%(who)s approved, %(count)s more needed: %(what)s",
        count=missing,
        who=name,
        what=what_of(facts),
    )
    return about_bypass(facts, what=what, body=body)


def request_rejected(facts: BypassFacts, *, by: str, comment: str) -> Text:
    """Tells the requester about the no, which is final, and its reason."""
    name = line(by, most=NAME_MAX) or text("An approver")
    body = [
        text(
            "%(who)s rejected %(bypass)s. This is final; the gate still blocks.",
            who=name,
            bypass=facts.bypass_id,
        ),
        "",
        text("Reason:"),
        quote(comment),
        "",
        *scope_of(facts),
        text("If something has changed, send a new request."),
    ]
    what = text("rejected by %(who)s: %(what)s", who=name, what=what_of(facts))
    return about_bypass(facts, what=what, body=body)


def request_lapsed(facts: BypassFacts) -> Text:
    """Tells the requester that too few people answered in time."""
    body = [
        text(
            "%(bypass)s lapsed at %(at)s.",
            bypass=facts.bypass_id,
            at=minute(facts.lapses_at),
        ),
        text("Too few people approved in time."),
        text("The gate still blocks. Send a new request if you still need the bypass."),
        "",
        *scope_of(facts),
        text("Was missing: %(people)s", people=needed_by(facts)),
    ]
    what = text("lapsed unanswered: %(what)s", what=what_of(facts))
    return about_bypass(facts, what=what, body=body)


def grant_issued(facts: GrantFacts) -> Text:
    """Says that the gate stands aside now, for what, and until when."""
    weaker = text(
        "It was signed under the outage fallback: a strict gate still blocks."
    )
    most = text("Deploys: at most %(count)s", count=facts.max_deploys)
    body = [
        text(
            "The bypass is open until %(until)s (%(length)s).",
            until=minute(facts.expires_at),
            length=in_words(facts.ttl),
        ),
        text(
            "Deploy as usual, the gate lets you through under %(bypass)s.",
            bypass=facts.bypass.bypass_id,
        ),
        *([weaker] if facts.is_offline else []),
        "",
        *scope_of(facts.bypass),
        *([] if facts.max_deploys is None else [most]),
        "",
        text("Close it early on the page when you are done."),
        postmortem_of(facts, due=day(facts.postmortem_due_at)),
    ]
    what = text(
        "open until %(until)s: %(what)s",
        until=clock(facts.expires_at),
        what=what_of(facts.bypass),
    )
    return about_bypass(facts.bypass, what=what, body=body)


def grant_ending(facts: GrantFacts, *, left: timedelta) -> Text:
    """Warns the requester before the window ends."""
    rest = in_words(left)
    body = [
        text(
            "%(bypass)s closes in %(length)s, at %(until)s.",
            bypass=facts.bypass.bypass_id,
            length=rest,
            until=minute(facts.expires_at),
        ),
        text("A deploy that is still in flight then is reverted to enforcement."),
        text(
            "It cannot be extended. If you need longer, renew it on the page now:\n"
            "the new request needs its own approvals."
        ),
        "",
        *scope_of(facts.bypass),
    ]
    what = text(
        "closes in %(length)s: %(what)s", length=rest, what=what_of(facts.bypass)
    )
    return about_bypass(facts.bypass, what=what, body=body)


def grant_unverified(facts: GrantFacts) -> Text:
    """Tells who guards the evidence that a grant stays unverified."""
    body = [
        text("%(bypass)s is unverified, and stays so.", bypass=facts.bypass.bypass_id),
        text(
            "It was granted while the signing service was down, and was not "
            "countersigned\nwithin a day. Ask its approvers, over another channel, "
            "whether they approved."
        ),
        "",
        *scope_of(facts.bypass),
        asked_by(facts.bypass),
        deploys_of(facts),
    ]
    what = text(
        "unverified, not countersigned in time: %(what)s", what=what_of(facts.bypass)
    )
    return about_bypass(facts.bypass, what=what, body=body)


def grant_closed(facts: GrantFacts) -> Text:
    """Says that the gate enforces again, why, and what is owed now."""
    said = {"bypass": facts.bypass.bypass_id, "what": what_of(facts.bypass)}
    at = minute(facts.closed_at or facts.expires_at)
    name = line(facts.closed_by, most=NAME_MAX)
    if name:
        what = text("closed early by %(who)s: %(what)s", who=name, **said)
        early = text(
            "%(who)s closed %(bypass)s early, at %(at)s.", who=name, at=at, **said
        )
        first = [early, text("Reason:"), quote(facts.close_reason), ""]
    else:
        what = text("closed: %(what)s", **said)
        first = [text("%(bypass)s closed at its end, %(at)s.", at=at, **said)]
    body = [
        *first,
        text("The gate enforces again."),
        "",
        *scope_of(facts.bypass),
        deploys_of(facts),
        postmortem_of(facts, due=day(facts.postmortem_due_at)),
    ]
    return about_bypass(facts.bypass, what=what, body=body)


def deploy_reverted(facts: DeployFacts) -> Text:
    """Says that a deploy outlived its bypass, and the gate judges it again."""
    deploy = line(facts.deploy_id, most=NAME_MAX)
    started_by = line(facts.actor, most=NAME_MAX)
    body = [
        text(
            "Deploy %(deploy)s was in flight when %(bypass)s closed.",
            deploy=deploy,
            bypass=facts.bypass.bypass_id,
        ),
        text(
            "It is back under enforcement: when the gate asks again, the answer is to\n"
            "block. Stop the deploy, roll it back, or make it pass the gate."
        ),
        "",
        *scope_of(facts.bypass),
        text("Deploy: %(deploy)s, started by %(who)s", deploy=deploy, who=started_by)
        if started_by
        else text("Deploy: %(deploy)s", deploy=deploy),
        text("Let through: %(at)s", at=minute(facts.admitted_at)),
        asked_by(facts.bypass),
    ]
    what = text(
        "deploy %(deploy)s reverted to enforcement: %(what)s",
        deploy=deploy,
        what=what_of(facts.bypass),
    )
    return about_bypass(facts.bypass, what=what, body=body)


def _asking(facts: BypassFacts, *, what: str, first: str) -> Text:
    incident = text("Incident: %(link)s", link=facts.incident_url)
    body = [
        first,
        "",
        text("Why:"),
        quote(facts.justification),
        *([incident] if facts.incident_url else []),
        "",
        *scope_of(facts),
        text("For: %(length)s, from the last approval", length=in_words(facts.ttl)),
        text("Impact: %(impact)s", impact=line(facts.impact, most=NAME_MAX)),
        text("Tier: %(tier)s", tier=line(facts.tier, most=NAME_MAX)),
        text("Still needed: %(people)s", people=needed_by(facts)),
        text(
            "Answer before: %(at)s, or the request lapses", at=minute(facts.lapses_at)
        ),
        text(
            "Digest: %(digest)s (the page must show the same)",
            digest=facts.digest[:DIGEST_SHOWN],
        ),
    ]
    return about_bypass(facts, what=what, body=body, verb=text("Read and decide"))
