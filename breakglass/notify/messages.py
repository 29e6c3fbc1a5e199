"""
What messages say. Pure: frozen facts in, text out.

Written for a phone at 02:00: the subject alone says what happened to which bypass, the
body's first line says what to do, and the link is last. Links carry the bypass ID,
for some the time of sending, and nothing else: a message may be forwarded, so it must
not open anything by itself.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from breakglass.notify.facts import BypassFacts, DeployFacts, GrantFacts
from breakglass.notify.lines import clock, day, line, minute, quote, subject
from breakglass.rules.window import in_words

DIGEST_SHOWN: Final = 12
_NAME_MAX: Final = 60
_WEAKER: Final = "It was signed under the outage fallback: a strict gate still blocks."
_SUBJECT_PART_MAX: Final = 38


@dataclass(frozen=True, slots=True)
class Text:
    """One message's words; `path` is where its link leads, on this portal."""

    subject: str
    body: str
    path: str


def request_opened(facts: BypassFacts) -> Text:
    """Asks the approvers to look, with all that they will decide on."""
    what = f"needs your approval: {_what(facts)} ({facts.tier_slug})"
    first = f"{_requester(facts)} asks for a bypass."
    return _asking(facts, what=what, first=first)


def request_unanswered(facts: BypassFacts, *, waited: timedelta) -> Text:
    """Asks again, when nobody has answered."""
    what = f"still waits for approval: {_what(facts)} ({facts.tier_slug})"
    first = f"Nobody has answered {_requester(facts)} for {in_words(waited)}."
    return _asking(facts, what=what, first=first)


def request_reminded(facts: BypassFacts) -> Text:
    """Asks again, since the person who waits asked for it."""
    what = f"reminder, needs your approval: {_what(facts)} ({facts.tier_slug})"
    first = f"{_requester(facts)} still waits, and asks you again."
    return _asking(facts, what=what, first=first)


def request_approved(facts: BypassFacts, *, approver: str) -> Text:
    """Tells the requester that one yes is there, and what is still missing."""
    missing = sum(need.count for need in facts.needs)
    name = line(approver, most=_NAME_MAX)
    body = [
        f"{name} approved {facts.bypass_id}, {missing} more needed.",
        "The gate still blocks until the rest have approved.",
        "",
        *_scope(facts),
        f"Still needed: {_needed(facts)}",
        f"Lapses: {minute(facts.lapses_at)}, unless enough people approve before",
    ]
    return _text(
        facts, what=f"{name} approved, {missing} more needed: {_what(facts)}", body=body
    )


def request_rejected(facts: BypassFacts, *, by: str, comment: str) -> Text:
    """Tells the requester about the no, which is final, and its reason."""
    name = line(by, most=_NAME_MAX) or "An approver"
    body = [
        f"{name} rejected {facts.bypass_id}. This is final; the gate still blocks.",
        "",
        "Reason:",
        quote(comment),
        "",
        *_scope(facts),
        "If something has changed, send a new request.",
    ]
    return _text(facts, what=f"rejected by {name}: {_what(facts)}", body=body)


def request_lapsed(facts: BypassFacts) -> Text:
    """Tells the requester that too few people answered in time."""
    body = [
        f"{facts.bypass_id} lapsed at {minute(facts.lapses_at)}.",
        "Too few people approved in time.",
        "The gate still blocks. Send a new request if you still need the bypass.",
        "",
        *_scope(facts),
        f"Was missing: {_needed(facts)}",
    ]
    return _text(facts, what=f"lapsed unanswered: {_what(facts)}", body=body)


def grant_issued(facts: GrantFacts) -> Text:
    """Says that the gate stands aside now, for what, and until when."""
    until = minute(facts.expires_at)
    body = [
        f"The bypass is open until {until} ({in_words(facts.ttl)}).",
        f"Deploy as usual, the gate lets you through under {facts.bypass.bypass_id}.",
        *([_WEAKER] if facts.is_offline else []),
        "",
        *_scope(facts.bypass),
        *_deploy_limit(facts),
        "",
        "Close it early on the page when you are done.",
        f"Post-mortem: {_assignee(facts)}, due by {day(facts.postmortem_due_at)}",
    ]
    what = f"open until {clock(facts.expires_at)}: {_what(facts.bypass)}"
    return _text(facts.bypass, what=what, body=body)


def grant_ending(facts: GrantFacts, *, left: timedelta) -> Text:
    """Warns the requester before the window ends."""
    rest, until = in_words(left), minute(facts.expires_at)
    body = [
        f"{facts.bypass.bypass_id} closes in {rest}, at {until}.",
        "A deploy that is still in flight then is reverted to enforcement.",
        "It cannot be extended. If you need longer, renew it on the page now:",
        "the new request needs its own approvals.",
        "",
        *_scope(facts.bypass),
    ]
    what = f"closes in {rest}: {_what(facts.bypass)}"
    return _text(facts.bypass, what=what, body=body)


def grant_unverified(facts: GrantFacts) -> Text:
    """Tells who guards the evidence that a grant stays unverified."""
    body = [
        f"{facts.bypass.bypass_id} is unverified, and stays so.",
        "It was granted while the signing service was down, and was not countersigned",
        "within a day. Ask its approvers, over another channel, whether they approved.",
        "",
        *_scope(facts.bypass),
        f"Bypass asked for by: {_requester(facts.bypass)}",
        f"Deploys that went through: {facts.deploys}",
    ]
    what = f"unverified, not countersigned in time: {_what(facts.bypass)}"
    return _text(facts.bypass, what=what, body=body)


def grant_closed(facts: GrantFacts) -> Text:
    """Says that the gate enforces again, why, and what is owed now."""
    at = minute(facts.closed_at or facts.expires_at)
    name = line(facts.closed_by, most=_NAME_MAX)
    if name:
        how = f"closed early by {name}"
        first = [f"{name} closed {facts.bypass.bypass_id} early, at {at}.", "Reason:"]
        first += [quote(facts.close_reason), ""]
    else:
        how = "closed"
        first = [f"{facts.bypass.bypass_id} closed at its end, {at}."]
    body = [
        *first,
        "The gate enforces again.",
        "",
        *_scope(facts.bypass),
        f"Deploys that went through: {facts.deploys}",
        f"Post-mortem: {_assignee(facts)}, due by {day(facts.postmortem_due_at)}",
    ]
    return _text(facts.bypass, what=f"{how}: {_what(facts.bypass)}", body=body)


def deploy_reverted(facts: DeployFacts) -> Text:
    """Says that a deploy outlived its bypass, and the gate judges it again."""
    deploy = line(facts.deploy_id, most=_NAME_MAX)
    started_by = line(facts.actor, most=_NAME_MAX)
    body = [
        f"Deploy {deploy} was in flight when {facts.bypass.bypass_id} closed.",
        "It is back under enforcement: when the gate asks again, the answer is to",
        "block. Stop the deploy, roll it back, or make it pass the gate.",
        "",
        *_scope(facts.bypass),
        f"Deploy: {deploy}" + (f", started by {started_by}" if started_by else ""),
        f"Let through: {minute(facts.admitted_at)}",
        f"Bypass asked for by: {_requester(facts.bypass)}",
    ]
    what = f"deploy {deploy} reverted to enforcement: {_what(facts.bypass)}"
    return _text(facts.bypass, what=what, body=body)


def postmortem_opened(facts: GrantFacts) -> Text:
    """Hands the assignee the pre-filled post-mortem."""
    due = day(facts.postmortem_due_at)
    body = [
        f"The post-mortem of {facts.bypass.bypass_id} is yours, due by {due}.",
        "The facts and a draft timeline are filled in. What is left is what",
        "happened, why, and what will change.",
        "",
        *_scope(facts.bypass),
        f"Bypass asked for by: {_requester(facts.bypass)}",
        f"Deploys that went through: {facts.deploys}",
    ]
    what = f"your post-mortem is open, due {due}"
    return _text(facts.bypass, what=what, body=body, page="postmortems")


def postmortem_overdue(facts: GrantFacts) -> Text:
    """Reminds the assignee, and tells the tenant's managers."""
    due = day(facts.postmortem_due_at)
    body = [
        f"The post-mortem of {facts.bypass.bypass_id} is not published.",
        f"Was due by: {due}",
        f"Assigned to: {_assignee(facts)}",
        "",
        *_scope(facts.bypass),
        f"Bypass asked for by: {_requester(facts.bypass)}",
        f"Deploys that went through: {facts.deploys}",
    ]
    what = f"post-mortem overdue since {due} ({_assignee(facts)})"
    return _text(facts.bypass, what=what, body=body, page="postmortems")


def _asking(facts: BypassFacts, *, what: str, first: str) -> Text:
    incident = [f"Incident: {facts.incident_url}"] if facts.incident_url else []
    body = [
        first,
        "",
        "Why:",
        quote(facts.justification),
        *incident,
        "",
        *_scope(facts),
        f"For: {in_words(facts.ttl)}, from the last approval",
        f"Impact: {line(facts.impact, most=_NAME_MAX)}",
        f"Tier: {line(facts.tier, most=_NAME_MAX)}",
        f"Still needed: {_needed(facts)}",
        f"Answer before: {minute(facts.lapses_at)}, or the request lapses",
        f"Digest: {facts.digest[:DIGEST_SHOWN]} (the page must show the same)",
    ]
    return _text(facts, what=what, body=body, verb="Read and decide")


def _text(
    facts: BypassFacts,
    *,
    what: str,
    body: list[str],
    page: str = "requests",
    verb: str = "Details",
) -> Text:
    path = f"/t/{facts.tenant}/{page}/{facts.bypass_id}"
    return Text(
        subject=subject(f"[{facts.tenant}] {facts.bypass_id} {what}"),
        body="\n".join([*body, "", f"{verb}: {facts.site}{path}"]),
        path=path,
    )


def _what(facts: BypassFacts) -> str:
    """Both names are cut, so that what comes after them still fits a subject."""
    service = line(facts.service, most=_SUBJECT_PART_MAX)
    return f"{service} on {line(facts.gate, most=_SUBJECT_PART_MAX)}"


def _scope(facts: BypassFacts) -> list[str]:
    """Spells out what an empty branch or artefact covers, since that is the risk."""
    return [
        f"Gate: {facts.gate}",
        f"Service: {facts.service}",
        f"Branch: {facts.branch}"
        if facts.branch
        else f"Branch: any (every branch of {facts.service})",
        f"Artefact: {facts.artifact}"
        if facts.artifact
        else "Artefact: any (every build that asks while the bypass is open)",
    ]


def _needed(facts: BypassFacts) -> str:
    groups = [
        f"{need.count} from {line(need.group, most=_NAME_MAX)}" for need in facts.needs
    ]
    return " and ".join(groups) or "nobody"


def _deploy_limit(facts: GrantFacts) -> list[str]:
    if facts.max_deploys is None:
        return []
    return [f"Deploys: at most {facts.max_deploys}"]


def _requester(facts: BypassFacts) -> str:
    """The name is what people typed; the address behind it is who it is."""
    name = line(facts.requester, most=_NAME_MAX)
    return f"{name} ({facts.requester_email})" if name else facts.requester_email


def _assignee(facts: GrantFacts) -> str:
    return line(facts.assignee, most=_NAME_MAX)
