"""The words, icons and colours of every state and event (ux.md 9.0, style.md 2)."""

from typing import Final, NamedTuple


class Look(NamedTuple):
    """A state as a reader sees it: never by colour alone."""

    word: str
    icon: str
    tone: str  # active, wait, ok, fail, calm: a class of portal.css


UNKNOWN: Final = Look("Unknown", "circle-question-mark", "calm")

BYPASS: Final = {
    "pending": Look("Pending", "hourglass", "wait"),
    "active": Look("Active", "lock-open", "active"),
    "expired": Look("Expired", "clock", "calm"),
    "revoked": Look("Closed early", "lock", "calm"),
    "rejected": Look("Rejected", "x", "calm"),
    "withdrawn": Look("Withdrawn", "undo-2", "calm"),
    "lapsed": Look("Lapsed", "minus", "calm"),
    # A request row alone says "approved"; pages ask for its grant's state instead.
    "approved": Look("Approved", "check", "calm"),
}
DEPLOY: Final = {
    "admitted": Look("In flight", "rocket", "wait"),
    "succeeded": Look("Succeeded", "circle-check", "ok"),
    "failed": Look("Failed", "circle-x", "fail"),
    "reverted": Look("Reverted to enforcement", "undo-2", "fail"),
    "unknown": Look("No report", "circle-question-mark", "calm"),
}
POSTMORTEM: Final = {
    "scheduled": Look("Scheduled", "clock", "calm"),
    "open": Look("Open", "pen-line", "wait"),
    "overdue": Look("Overdue", "flag", "fail"),
    "published": Look("Published", "circle-check", "ok"),
}
GATE: Final = {
    "healthy": Look("Healthy", "circle-check", "ok"),
    "silent": Look("Silent", "circle-alert", "wait"),
    "never": Look("Never seen", "circle-question-mark", "calm"),
    "bypassed": Look("Bypassed", "lock-open", "active"),
    "inactive": Look("Not in use", "ban", "calm"),
}
PROOF: Final = {
    "verified": Look("Verified", "shield-check", "ok"),
    "failed": Look("Failed", "shield-alert", "fail"),
    "waiting": Look("Waiting for signature", "hourglass", "wait"),
    "fallback": Look("Signed under the fallback", "shield-question-mark", "wait"),
    "unverified": Look("Unverified", "shield-alert", "fail"),
    "unchecked": Look("Not checked", "shield-question-mark", "calm"),
}
DELIVERY: Final = {
    "pending": Look("Waiting", "hourglass", "wait"),
    "delivered": Look("Sent", "circle-check", "ok"),
    "failed": Look("Failed", "circle-x", "fail"),
    "skipped": Look("Not needed any more", "minus", "calm"),
}
POLICY: Final = {
    "draft": Look("Draft", "pen-line", "wait"),
    "published": Look("Published", "circle-check", "ok"),
}
EXPORT: Final = {
    "waiting": Look("Waiting", "hourglass", "wait"),
    "running": Look("Being made", "hourglass", "wait"),
    "ready": Look("Ready", "circle-check", "ok"),
    "failed": Look("Failed", "circle-x", "fail"),
}
ENTRY: Final = {
    "verified": Look("Verified", "shield-check", "ok"),
    "waiting": Look("Waiting for proof", "hourglass", "wait"),
    "failed": Look("Failed", "shield-alert", "fail"),
    "unchecked": Look("Not checked", "shield-question-mark", "calm"),
}
KINDS: Final = {
    "entry": ENTRY,
    "bypass": BYPASS,
    "deploy": DEPLOY,
    "postmortem": POSTMORTEM,
    "gate": GATE,
    "proof": PROOF,
    "delivery": DELIVERY,
    "policy": POLICY,
    "export": EXPORT,
}

EVENTS: Final = {
    "request.opened": Look("asked for the bypass", "file-text", "calm"),
    "request.notified": Look("told the approvers", "bell", "calm"),
    "request.escalated": Look("escalated the request", "siren", "wait"),
    "request.reminded": Look("reminded the approvers", "bell-ring", "calm"),
    "request.commented": Look("commented", "message-square", "calm"),
    "request.approved": Look("approved", "circle-check", "ok"),
    "request.approval_dropped": Look(
        "dropped an approval that cannot count", "circle-minus", "wait"
    ),
    "request.rejected": Look("rejected the request", "circle-x", "fail"),
    "request.withdrawn": Look("withdrew the request", "undo-2", "calm"),
    "request.lapsed": Look("let the request lapse", "minus", "calm"),
    "grant.issued": Look("opened the bypass", "lock-open", "active"),
    "grant.signed": Look("signed the grant", "shield-check", "ok"),
    "grant.countersigned": Look("had the grant countersigned", "shield-check", "ok"),
    "grant.unverified": Look("flagged the grant as unverified", "shield-alert", "fail"),
    "grant.expired": Look("closed the bypass: its time was over", "lock", "calm"),
    "grant.revoked": Look("closed the bypass early", "lock", "calm"),
    "gate.snapped_back": Look("set the gate back to enforcing", "shield", "ok"),
    "deploy.admitted": Look("let a deploy through", "rocket", "active"),
    "deploy.finished": Look("reported a deploy's end", "circle-check", "calm"),
    "deploy.reverted": Look("reverted a deploy to enforcement", "undo-2", "fail"),
    "deploy.lost": Look("heard nothing of a deploy", "circle-question-mark", "wait"),
    "postmortem.opened": Look("opened the post-mortem", "clipboard-list", "wait"),
    "postmortem.saved": Look("saved the post-mortem", "pen-line", "calm"),
    "postmortem.published": Look("published the post-mortem", "circle-check", "ok"),
    "postmortem.overdue": Look("flagged the post-mortem as overdue", "flag", "fail"),
    "policy.published": Look("published a policy version", "scroll-text", "calm"),
    "tenant.created": Look("created the tenant", "building-2", "calm"),
    "tenant.changed": Look("changed the tenant", "building-2", "calm"),
    "template.changed": Look("changed the post-mortem template", "pen-line", "calm"),
    "gate.registered": Look("registered a gate", "shield", "calm"),
    "gate.changed": Look("changed a gate", "shield", "calm"),
    "gate.config_changed": Look(
        "reported another configuration", "shield-alert", "wait"
    ),
    "finding.opened": Look("raised a finding", "flag", "wait"),
    "finding.handed_over": Look("handed a finding over", "users", "calm"),
    "finding.closed": Look("closed a finding", "circle-check", "ok"),
    "health.terms_changed": Look(
        "changed the gate health thresholds", "activity", "calm"
    ),
    "token.issued": Look("issued a gate token", "key", "calm"),
    "token.revoked": Look("revoked a gate token", "ban", "calm"),
    "role.created": Look("created a role", "users", "calm"),
    "role.changed": Look("changed a role", "users", "calm"),
    "role.member_added": Look("added somebody to a role", "users", "calm"),
    "role.member_removed": Look("took somebody out of a role", "users", "calm"),
    "person.changed": Look("changed an account", "user", "calm"),
    "identity.linked": Look("linked an identity", "link", "calm"),
    "identity.unlinked": Look("unlinked an identity", "unlink", "calm"),
    "person.merged": Look("merged two accounts", "merge", "wait"),
    "credential.enrolled": Look("added a passkey", "key-round", "calm"),
    "credential.revoked": Look("removed a passkey", "key-round", "calm"),
    "channel.changed": Look("changed a channel", "bell", "calm"),
    "evidence.exported": Look("exported evidence", "package", "calm"),
    "log.reanchored": Look("re-anchored the log", "anchor", "wait"),
    "log.sealed": Look("sealed the log", "badge-check", "ok"),
}


def event_look(event: str) -> Look:
    """Returns the words for an event; an unknown one is shown by its own name."""
    return EVENTS.get(event, Look(event, "circle-dot", "calm"))
