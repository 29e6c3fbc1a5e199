"""The words, icons and colours of every state and event (ux.md 9.0, style.md 2)."""

from typing import Any, Final, NamedTuple

from django.utils.html import escape
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy


class Look(NamedTuple):
    """A state as a reader sees it: never by colour alone."""

    word: Any  # translated when it is shown
    icon: str
    tone: str  # active, wait, ok, fail, calm: a class of portal.css


UNKNOWN: Final = Look(_("Unknown"), "circle-question-mark", "calm")

BYPASS: Final = {
    "pending": Look(_("Pending"), "hourglass", "wait"),
    "active": Look(_("Active"), "lock-open", "active"),
    "expired": Look(_("Expired"), "clock", "calm"),
    "revoked": Look(_("Closed early"), "lock", "calm"),
    "rejected": Look(_("Rejected"), "x", "calm"),
    "withdrawn": Look(_("Withdrawn"), "undo-2", "calm"),
    "lapsed": Look(_("Lapsed"), "minus", "calm"),
    # A request row alone says "approved"; pages ask for its grant's state instead.
    "approved": Look(_("Approved"), "check", "calm"),
}
DEPLOY: Final = {
    "admitted": Look(_("In flight"), "rocket", "wait"),
    "succeeded": Look(_("Succeeded"), "circle-check", "ok"),
    "failed": Look(_("Failed"), "circle-x", "fail"),
    "reverted": Look(_("Reverted to enforcement"), "undo-2", "fail"),
    "unknown": Look(_("No report"), "circle-question-mark", "calm"),
}
POSTMORTEM: Final = {
    "scheduled": Look(_("Scheduled"), "clock", "calm"),
    "open": Look(pgettext_lazy("post-mortem", "Open"), "pen-line", "wait"),
    "overdue": Look(_("Overdue"), "flag", "fail"),
    "published": Look(_("Published"), "circle-check", "ok"),
}
GATE: Final = {
    "healthy": Look(_("Healthy"), "circle-check", "ok"),
    "degraded": Look(_("Degraded"), "circle-alert", "wait"),
    "no_contact": Look(_("No contact"), "circle-question-mark", "calm"),
    "bypassed": Look(_("Bypassed"), "lock-open", "active"),
    "setup": Look(_("Being set up"), "wrench", "calm"),
    "paused": Look(_("Paused"), "pause", "wait"),
    "retired": Look(_("Retired"), "archive", "calm"),
}
TOKEN: Final = {
    "live": Look(_("Works"), "circle-check", "ok"),
    "ending": Look(_("Ending"), "clock", "wait"),
    "over": Look(_("Ended"), "minus", "calm"),
    "revoked": Look(_("Revoked"), "ban", "calm"),
}
PROOF: Final = {
    "verified": Look(_("Verified"), "shield-check", "ok"),
    "failed": Look(_("Failed"), "shield-alert", "fail"),
    "waiting": Look(_("Waiting for signature"), "hourglass", "wait"),
    "fallback": Look(_("Signed under the fallback"), "shield-question-mark", "wait"),
    "unverified": Look(_("Unverified"), "shield-alert", "fail"),
    "unchecked": Look(_("Not checked"), "shield-question-mark", "calm"),
}
PROVENANCE: Final = {
    "verified": Look(_("Provenance verified"), "shield-check", "ok"),
    "failed": Look(_("Provenance failed"), "shield-alert", "fail"),
    "waiting": Look(_("Provenance not checked yet"), "hourglass", "wait"),
    "absent": Look(_("No provenance"), "shield-question-mark", "calm"),
}
DELIVERY: Final = {
    "pending": Look(_("Waiting"), "hourglass", "wait"),
    "delivered": Look(_("Sent"), "circle-check", "ok"),
    "failed": Look(_("Failed"), "circle-x", "fail"),
    "skipped": Look(_("Not needed any more"), "minus", "calm"),
}
POLICY: Final = {
    "draft": Look(_("Draft"), "pen-line", "wait"),
    "published": Look(_("Published"), "circle-check", "ok"),
}
EXPORT: Final = {
    "waiting": Look(_("Waiting"), "hourglass", "wait"),
    "running": Look(_("Being made"), "hourglass", "wait"),
    "ready": Look(_("Ready"), "circle-check", "ok"),
    "failed": Look(_("Failed"), "circle-x", "fail"),
}
ENTRY: Final = {
    "verified": Look(_("Verified"), "shield-check", "ok"),
    "waiting": Look(_("Waiting for proof"), "hourglass", "wait"),
    "failed": Look(_("Failed"), "shield-alert", "fail"),
    "unchecked": Look(_("Not checked"), "shield-question-mark", "calm"),
}
KINDS: Final = {
    "entry": ENTRY,
    "bypass": BYPASS,
    "deploy": DEPLOY,
    "postmortem": POSTMORTEM,
    "gate": GATE,
    "token": TOKEN,
    "proof": PROOF,
    "provenance": PROVENANCE,
    "delivery": DELIVERY,
    "policy": POLICY,
    "export": EXPORT,
}

EVENTS: Final = {
    "request.opened": Look(_("asked for the bypass"), "file-text", "calm"),
    "request.notified": Look(_("told the approvers"), "bell", "calm"),
    "request.escalated": Look(_("escalated the request"), "siren", "wait"),
    "request.reminded": Look(_("reminded the approvers"), "bell-ring", "calm"),
    "request.commented": Look(_("commented"), "message-square", "calm"),
    "request.approved": Look(_("approved"), "circle-check", "ok"),
    "request.approval_dropped": Look(
        _("dropped an approval that cannot count"), "circle-minus", "wait"
    ),
    "request.rejected": Look(_("rejected the request"), "circle-x", "fail"),
    "request.withdrawn": Look(_("withdrew the request"), "undo-2", "calm"),
    "request.lapsed": Look(_("let the request lapse"), "minus", "calm"),
    "grant.issued": Look(_("opened the bypass"), "lock-open", "active"),
    "grant.signed": Look(_("signed the grant"), "shield-check", "ok"),
    "grant.countersigned": Look(_("had the grant countersigned"), "shield-check", "ok"),
    "grant.unverified": Look(
        _("flagged the grant as unverified"), "shield-alert", "fail"
    ),
    "grant.expired": Look(_("closed the bypass: its time was over"), "lock", "calm"),
    "grant.revoked": Look(_("closed the bypass early"), "lock", "calm"),
    "gate.snapped_back": Look(_("set the gate back to enforcing"), "shield", "ok"),
    "deploy.admitted": Look(_("let a deploy through"), "rocket", "active"),
    "deploy.finished": Look(_("reported a deploy's end"), "circle-check", "calm"),
    "deploy.reverted": Look(_("reverted a deploy to enforcement"), "undo-2", "fail"),
    "deploy.lost": Look(_("heard nothing of a deploy"), "circle-question-mark", "wait"),
    "postmortem.opened": Look(_("opened the post-mortem"), "clipboard-list", "wait"),
    "postmortem.saved": Look(_("saved the post-mortem"), "pen-line", "calm"),
    "postmortem.published": Look(_("published the post-mortem"), "circle-check", "ok"),
    "postmortem.overdue": Look(_("flagged the post-mortem as overdue"), "flag", "fail"),
    "postmortem.handed_over": Look(_("handed the post-mortem over"), "users", "calm"),
    "postmortem.review_asked": Look(_("sent the post-mortem to review"), "eye", "wait"),
    "postmortem.review_ended": Look(_("ended the review"), "eye", "calm"),
    "postmortem.gate_judged": Look(_("judged the gate"), "shield", "calm"),
    "postmortem.action_changed": Look(
        _("ticked an action item"), "list-checks", "calm"
    ),
    "postmortem.noted": Look(_("added a note to the post-mortem"), "pen-line", "calm"),
    "policy.proposed": Look(_("proposed a policy version"), "scroll-text", "wait"),
    "policy.published": Look(_("published a policy version"), "scroll-text", "calm"),
    "tenant.created": Look(_("created the tenant"), "building-2", "calm"),
    "tenant.changed": Look(_("changed the tenant"), "building-2", "calm"),
    "template.changed": Look(_("changed the post-mortem template"), "pen-line", "calm"),
    "gate.registered": Look(_("registered a gate"), "shield", "calm"),
    "gate.changed": Look(_("changed a gate"), "shield", "calm"),
    "gate.described": Look(_("described a gate"), "shield", "calm"),
    "gate.trust_changed": Look(
        _("changed whose provenance a gate trusts"), "shield", "calm"
    ),
    "provenance.checked": Look(
        _("checked the provenance of a deploy"), "shield-question-mark", "calm"
    ),
    "webhook.changed": Look(_("changed a webhook"), "webhook", "calm"),
    "webhook.rotated": Look(_("rotated a webhook's secret"), "key", "calm"),
    "webhook.stopped": Look(_("stopped a webhook"), "circle-alert", "wait"),
    "gate.terms_changed": Look(
        _("changed what a close does at a gate"), "shield", "calm"
    ),
    "gate.retired": Look(_("retired a gate"), "archive", "wait"),
    "gate.config_changed": Look(
        _("reported another configuration"), "shield-alert", "wait"
    ),
    "finding.opened": Look(_("raised a finding"), "flag", "wait"),
    "finding.handed_over": Look(_("handed a finding over"), "users", "calm"),
    "finding.closed": Look(_("closed a finding"), "circle-check", "ok"),
    "health.terms_changed": Look(
        _("changed the gate health thresholds"), "activity", "calm"
    ),
    "token.issued": Look(_("issued a gate token"), "key", "calm"),
    "token.superseded": Look(_("rotated a gate token"), "rotate-cw", "calm"),
    "token.revoked": Look(_("revoked a gate token"), "ban", "calm"),
    "role.created": Look(_("created a role"), "users", "calm"),
    "role.changed": Look(_("changed a role"), "users", "calm"),
    "role.member_added": Look(_("added somebody to a role"), "users", "calm"),
    "role.member_removed": Look(_("took somebody out of a role"), "users", "calm"),
    "person.changed": Look(_("changed an account"), "user", "calm"),
    "identity.linked": Look(_("linked an identity"), "link", "calm"),
    "identity.unlinked": Look(_("unlinked an identity"), "unlink", "calm"),
    "person.merged": Look(_("merged two accounts"), "merge", "wait"),
    "credential.enrolled": Look(_("added a passkey"), "key-round", "calm"),
    "credential.revoked": Look(_("removed a passkey"), "key-round", "calm"),
    "login.password_used": Look(_("signed in with the password"), "log-in", "wait"),
    "channel.changed": Look(_("changed a channel"), "bell", "calm"),
    "evidence.exported": Look(_("exported evidence"), "package", "calm"),
    "log.reanchored": Look(_("re-anchored the log"), "anchor", "wait"),
    "log.sealed": Look(_("sealed the log"), "badge-check", "ok"),
}


def event_look(event: str) -> Look:
    """Returns the words for an event; an unknown one is shown by its own name."""
    return EVENTS.get(event, Look(event, "circle-dot", "calm"))


# A deadline, with the verb that a page gives it.
_CLOSING: Final = {
    "closes": _("closes %(time)s"),
    "lapses": _("lapses %(time)s"),
    "until": _("until %(time)s"),
}


def closing(word: str) -> str:
    """Returns a deadline's words as a pattern for `format_html`, which fills `time`."""
    said = str(_CLOSING[word]) if word in _CLOSING else f"{word} %(time)s"
    return (
        escape(said).replace("{", "{{").replace("}", "}}").replace("%(time)s", "{time}")
    )
