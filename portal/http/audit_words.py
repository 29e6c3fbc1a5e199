"""An audit entry as a sentence and as a list of facts. Reads stored bytes only."""

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from breakglass.audit import events
from breakglass.models import AuditEntry
from breakglass.rules.window import in_words
from portal.templatetags.portal import utc
from portal.templatetags.words import event_look

# What the facts of each event add up to. A fact that an old entry lacks makes the
# sentence fall back to "who did what".
_SENTENCES: Final[Mapping[str, str]] = {
    events.REQUEST_OPENED: "{actor} asked to bypass {gate} for {service}, {ttl}",
    events.REQUEST_APPROVED: "{actor} approved {bypass} for {ttl}",
    events.REQUEST_APPROVAL_DROPPED: "The approval of {bypass} by {person} was dropped",
    events.REQUEST_REJECTED: "{actor} rejected {bypass}: {comment}",
    events.REQUEST_WITHDRAWN: "{actor} withdrew {bypass}",
    events.REQUEST_LAPSED: "{bypass} lapsed: nobody decided in time",
    events.REQUEST_NOTIFIED: "The approvers of {bypass} were told",
    events.REQUEST_ESCALATED: "{bypass} was escalated",
    events.REQUEST_REMINDED: "{actor} had the approvers of {bypass} told again",
    events.REQUEST_COMMENTED: "{actor} commented on {bypass}: {comment}",
    events.GRANT_ISSUED: "{bypass} opened {gate} for {service}, {ttl}",
    events.GRANT_SIGNED: "{identity} signed the grant of {bypass}",
    events.GRANT_COUNTERSIGNED: "{identity} countersigned the grant of {bypass}",
    events.GRANT_UNVERIFIED: "The grant of {bypass} is unverified: no countersignature",
    events.GRANT_EXPIRED: "{bypass} closed by itself at the end of its time",
    events.GRANT_REVOKED: "{actor} closed {bypass} early: {reason}",
    events.GATE_SNAPPED_BACK: "{gate} enforces again for {service} after {bypass}",
    events.DEPLOY_ADMITTED: "{actor} let {deploy_id} of {service} through, {bypass}",
    events.DEPLOY_FINISHED: "{actor} reported {deploy_id}: {state}",
    events.DEPLOY_REVERTED: "{deploy_id} of {service} was reverted to enforcement",
    events.DEPLOY_LOST: "Nobody reported how {deploy_id} of {service} ended",
    events.POSTMORTEM_OPENED: "The post-mortem of {bypass} opened for {assignee}",
    events.POSTMORTEM_SAVED: "{actor} saved the post-mortem of {bypass}",
    events.POSTMORTEM_PUBLISHED: "{actor} published the post-mortem of {bypass}",
    events.POSTMORTEM_OVERDUE: "The post-mortem of {bypass} by {assignee} is overdue",
    events.POSTMORTEM_HANDED_OVER: "{actor} gave the post-mortem of {bypass} to "
    "{assignee}",
    events.POSTMORTEM_REVIEW_ASKED: "{actor} sent the post-mortem of {bypass} to "
    "review",
    events.POSTMORTEM_REVIEW_ENDED: "{actor} ended the review of the post-mortem of "
    "{bypass}",
    events.POSTMORTEM_GATE_JUDGED: "{actor} judged {gate} for {bypass}",
    events.POSTMORTEM_ACTION_CHANGED: "{actor} ticked an action item of {bypass}: "
    "{action_item}",
    events.POSTMORTEM_NOTED: "{actor} added a note to the post-mortem of {bypass}",
    events.POLICY_PUBLISHED: "{actor} published policy version {version}",
    events.TENANT_CREATED: "{actor} created the tenant {name}",
    events.TENANT_CHANGED: "{actor} changed the tenant {name}",
    events.TEMPLATE_CHANGED: "{actor} changed the post-mortem template",
    events.GATE_REGISTERED: "{actor} registered the gate {gate}",
    events.GATE_CHANGED: "{actor} changed the gate {gate}",
    events.GATE_CONFIG_CHANGED: "{gate} reported another configuration",
    events.FINDING_OPENED: "A finding about {gate} was raised for {owner}",
    events.FINDING_HANDED_OVER: "{actor} handed a finding about {gate} to {after}",
    events.FINDING_CLOSED: "{actor} closed a finding about {gate}: {reason}",
    events.HEALTH_TERMS_CHANGED: "{actor} changed the gate health thresholds",
    events.TOKEN_ISSUED: "{actor} issued the token {token}… of {gate}",
    events.TOKEN_REVOKED: "{actor} revoked the token {token}… of {gate}",
    events.ROLE_CREATED: "{actor} created the group {role}",
    events.ROLE_CHANGED: "{actor} changed the group {role}",
    events.ROLE_MEMBER_ADDED: "{actor} put {person} into {role}",
    events.ROLE_MEMBER_REMOVED: "{actor} took {person} out of {role}",
    events.PERSON_CHANGED: "{actor} {turned} the account of {person}",
    events.IDENTITY_LINKED: "{actor} linked an identity to {person}",
    events.IDENTITY_UNLINKED: "{actor} unlinked an identity of {person}: {reason}",
    events.PERSON_MERGED: "{actor} merged {merged} into {kept}: {reason}",
    events.CREDENTIAL_ENROLLED: "{person} has the passkey {name}, from {usable} on",
    events.CREDENTIAL_REVOKED: "{actor} removed a passkey of {person}: {reason}",
    events.CHANNEL_CHANGED: "{actor} changed the channel {name}",
    events.EVIDENCE_EXPORTED: "{actor} exported evidence",
    events.LOG_SEALED: "The log was sealed at entry {size}",
    events.LOG_REANCHORED: "{actor} re-anchored the log at entry {size}",
}
# What a fact is called on its page; the rest by its own name.
_LABELS: Final[Mapping[str, str]] = {
    "ttl_seconds": "How long",
    "digest": "Digest of the request",
    "bundle_sha256": "SHA-256 of the bundle",
    "body_sha256": "SHA-256 of the write-up",
    "approval_bundles": "SHA-256 of the approvals' bundles",
    "artifact": "Artefact",
    "incident_url": "Incident",
    "justification": "Why",
    "reason": "Why",
    "policy_version": "Policy version",
    "log_index": "Index in the transparency log",
    "identity": "Signed as",
    "issuer": "Vouched for by",
    "quorum": "People needed",
    "max_deploys": "Deploys at most",
    "people": "People told",
    "channels": "Channels told",
    "at": "When",
    "head": "Hash of the last entry",
    "size": "Entries covered",
    "root": "Root of the Merkle tree",
    "proposed_by": "Proposed by",
    "published_size": "Published before: entries covered",
    "published_head": "Published before: hash of the last entry",
    "is_active": "In use",
    "id": "Account",
    "on_behalf_of": "On behalf of",
    "signed_by": "Signed by",
    "late": "After its deadline",
    "required_headings": "Headings to fill in",
    "token": "First letters of the token",
    "deploy_id": "Deploy",
    "postmortem_due_at": "Post-mortem due",
    "data_class": "Data class",
    "authentication": "Fresh sign-in",
    "statement_sha256": "SHA-256 of the statement",
    "credential": "Passkey's own name",
    "public_key": "Public key",
    "cose_key": "Public key as it came (COSE)",
    "aaguid": "Kind of authenticator",
    "rp_id": "Made for",
    "usable_from": "Approves from",
    "before": "Configuration before",
    "after": "Configuration after",
}
# What is said here of a fact with parts; the whole of it is in the entry's JSON.
_SUMMARIES: Final[Mapping[str, tuple[str, ...]]] = {
    "authentication": ("method", "issuer"),
    "passkey": ("credential",),
}
_MOMENTS: Final = ("_at", "_from")
_SHOWN: Final = 240


def sentence(entry: AuditEntry) -> str:
    """Returns what happened, without a full stop: it is a heading as well."""
    words = _words(entry)
    try:
        text = _SENTENCES[entry.event].format_map(words)
    except KeyError:
        text = f"{words['actor']} {event_look(entry.event).word} {words['bypass']}"
    return _cut(text)


def deed(entry: AuditEntry) -> str:
    """Returns the sentence without its subject, for a list that names it anyway."""
    return sentence(entry).removeprefix(f"{entry.actor} ")


def facts(entry: AuditEntry) -> list[tuple[str, str]]:
    """Returns every fact as a label and a text, in the order of the stored bytes."""
    found = _body(entry).get("facts")
    if not isinstance(found, dict):
        return []
    return [
        (_label(entry.event, name), _fact(name, value))
        for name, value in found.items()
        if value not in ("", None, [], {})
    ]


def _words(entry: AuditEntry) -> dict[str, str]:
    found = _body(entry).get("facts")
    given = found if isinstance(found, dict) else {}
    words = {name: _text(name, value) for name, value in given.items() if value != ""}
    if "ttl_seconds" in words:
        words["ttl"] = words["ttl_seconds"]
    if "usable_from" in given:
        words["usable"] = _fact("usable_at", given["usable_from"])
    if "is_active" in given:
        words["turned"] = "activated" if given["is_active"] else "deactivated"
    return {**words, "actor": entry.actor, "bypass": entry.bypass_id}


def _label(event: str, name: str) -> str:
    if (event, name) == (events.POLICY_PUBLISHED, "digest"):
        return "Digest of the policy"
    words = name.removesuffix("_seconds").removesuffix("_at").replace("_", " ")
    return _LABELS.get(name, f"{words[:1].upper()}{words[1:]}")


def _fact(name: str, value: Any) -> str:
    """As `_text`; a moment reads like every other one on the page, to the second."""
    if isinstance(value, str) and (name == "at" or name.endswith(_MOMENTS)):
        try:
            return utc(datetime.fromisoformat(value))
        except ValueError:
            return value
    return _text(name, value)


def _text(name: str, value: Any) -> str:
    """Lengths in words, lists in a line, yes and no; all else as it is stored."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int) and name.endswith("_seconds"):
        return in_words(timedelta(seconds=value))
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        return ", ".join(value)
    if isinstance(value, dict) and name in _SUMMARIES:
        return ", ".join(str(value[k]) for k in _SUMMARIES[name] if value.get(k))
    if isinstance(value, list | dict):
        return json.dumps(value, ensure_ascii=False)
    return str(value)


def _body(entry: AuditEntry) -> dict[str, Any]:
    try:
        body = json.loads(bytes(entry.body))
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def _cut(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"
