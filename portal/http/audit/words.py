"""An audit entry as a sentence and as a list of facts. Reads stored bytes only."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from django.utils.functional import Promise as StrPromise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy

from breakglass.audit import events
from breakglass.models import AuditEntry
from portal.templatetags.portal import duration, utc
from portal.templatetags.words import event_look

# What the facts of each event add up to. A fact that an old entry lacks makes the
# sentence fall back to "who did what".
_SENTENCES: Final[Mapping[str, StrPromise]] = {
    events.REQUEST_OPENED: _lazy("{actor} asked to bypass {gate} for {service}, {ttl}"),
    events.REQUEST_APPROVED: _lazy("{actor} approved {bypass} for {ttl}"),
    events.REQUEST_APPROVAL_DROPPED: _lazy(
        "The approval of {bypass} by {person} was dropped"
    ),
    events.REQUEST_REJECTED: _lazy("{actor} rejected {bypass}: {comment}"),
    events.REQUEST_WITHDRAWN: _lazy("{actor} withdrew {bypass}"),
    events.REQUEST_LAPSED: _lazy("{bypass} lapsed: nobody decided in time"),
    events.REQUEST_NOTIFIED: _lazy("The approvers of {bypass} were told"),
    events.REQUEST_ESCALATED: _lazy("{bypass} was escalated"),
    events.REQUEST_REMINDED: _lazy("{actor} had the approvers of {bypass} told again"),
    events.REQUEST_COMMENTED: _lazy("{actor} commented on {bypass}: {comment}"),
    events.GRANT_ISSUED: _lazy("{bypass} opened {gate} for {service}, {ttl}"),
    events.GRANT_SIGNED: _lazy("{identity} signed the grant of {bypass}"),
    events.GRANT_COUNTERSIGNED: _lazy("{identity} countersigned the grant of {bypass}"),
    events.GRANT_UNVERIFIED: _lazy(
        "The grant of {bypass} is unverified: no countersignature"
    ),
    events.GRANT_EXPIRED: _lazy("{bypass} closed by itself at the end of its time"),
    events.GRANT_REVOKED: _lazy("{actor} closed {bypass} early: {reason}"),
    events.GATE_SNAPPED_BACK: _lazy(
        "{gate} enforces again for {service} after {bypass}"
    ),
    events.DEPLOY_ADMITTED: _lazy(
        "{actor} let {deploy_id} of {service} through, {bypass}"
    ),
    events.DEPLOY_FINISHED: _lazy("{actor} reported {deploy_id}: {state}"),
    events.DEPLOY_REVERTED: _lazy(
        "{deploy_id} of {service} was reverted to enforcement"
    ),
    events.DEPLOY_LOST: _lazy("Nobody reported how {deploy_id} of {service} ended"),
    events.POSTMORTEM_OPENED: _lazy(
        "The post-mortem of {bypass} opened for {assignee}"
    ),
    events.POSTMORTEM_SAVED: _lazy("{actor} saved the post-mortem of {bypass}"),
    events.POSTMORTEM_PUBLISHED: _lazy("{actor} published the post-mortem of {bypass}"),
    events.POSTMORTEM_OVERDUE: _lazy(
        "The post-mortem of {bypass} by {assignee} is overdue"
    ),
    events.POSTMORTEM_HANDED_OVER: _lazy(
        "{actor} gave the post-mortem of {bypass} to {assignee}"
    ),
    events.POSTMORTEM_REVIEW_ASKED: _lazy(
        "{actor} sent the post-mortem of {bypass} to review"
    ),
    events.POSTMORTEM_REVIEW_ENDED: _lazy(
        "{actor} ended the review of the post-mortem of {bypass}"
    ),
    events.POSTMORTEM_GATE_JUDGED: _lazy("{actor} judged {gate} for {bypass}"),
    events.POSTMORTEM_ACTION_CHANGED: _lazy(
        "{actor} ticked an action item of {bypass}: {action_item}"
    ),
    events.POSTMORTEM_NOTED: _lazy(
        "{actor} added a note to the post-mortem of {bypass}"
    ),
    events.POLICY_PROPOSED: _lazy("{actor} proposed policy version {version}"),
    events.POLICY_PUBLISHED: _lazy("{actor} published policy version {version}"),
    events.TENANT_CREATED: _lazy("{actor} created the tenant {name}"),
    events.TENANT_CHANGED: _lazy("{actor} changed the tenant {name}"),
    events.TEMPLATE_CHANGED: _lazy("{actor} changed the post-mortem template"),
    events.GATE_REGISTERED: _lazy("{actor} registered the gate {gate}"),
    events.GATE_CHANGED: _lazy("{actor} changed the gate {gate}"),
    events.GATE_ASKING_CHANGED: _lazy("{actor} changed how {gate} asks"),
    events.GATE_TRUST_CHANGED: _lazy(
        "{actor} set whose provenance {gate} trusts: {identity}"
    ),
    events.PROVENANCE_CHECKED: _lazy("The provenance of {deploy_id}: {state}"),
    events.WEBHOOK_CHANGED: _lazy("{actor} changed the webhook {name}"),
    events.WEBHOOK_ROTATED: _lazy("{actor} rotated the secret of the webhook {name}"),
    events.WEBHOOK_STOPPED: _lazy("The webhook {name} was stopped: {reason}"),
    events.GATE_TERMS_CHANGED: _lazy("{actor} changed the terms of {gate}"),
    events.GATE_CONFIG_CHANGED: _lazy("{gate} reported another configuration"),
    events.FINDING_OPENED: _lazy("A finding about {gate} was raised for {owner}"),
    events.FINDING_HANDED_OVER: _lazy(
        "{actor} handed a finding about {gate} to {after}"
    ),
    events.FINDING_CLOSED: _lazy("{actor} closed a finding about {gate}: {reason}"),
    events.HEALTH_TERMS_CHANGED: _lazy("{actor} changed the gate health thresholds"),
    events.TOKEN_ISSUED: _lazy("{actor} issued the token {token}… of {gate}"),
    events.TOKEN_REVOKED: _lazy("{actor} revoked the token {token}… of {gate}"),
    events.MACHINE_ADDED: _lazy(
        "{actor} let the machine {machine} speak for {gate} ({kind})"
    ),
    events.MACHINE_REMOVED: _lazy(
        "{actor} took from the machine {machine} the right to speak for {gate}"
    ),
    events.ROLE_CREATED: _lazy("{actor} created the group {role}"),
    events.ROLE_CHANGED: _lazy("{actor} changed the group {role}"),
    events.ROLE_MEMBER_ADDED: _lazy("{actor} put {person} into {role}"),
    events.ROLE_MEMBER_REMOVED: _lazy("{actor} took {person} out of {role}"),
    events.PERSON_CHANGED: _lazy("{actor} {turned} the account of {person}"),
    events.IDENTITY_LINKED: _lazy("{actor} linked an identity to {person}"),
    events.IDENTITY_UNLINKED: _lazy(
        "{actor} unlinked an identity of {person}: {reason}"
    ),
    events.PERSON_MERGED: _lazy("{actor} merged {merged} into {kept}: {reason}"),
    events.CREDENTIAL_ENROLLED: _lazy(
        "{person} has the passkey {name}, from {usable} on"
    ),
    events.CREDENTIAL_REVOKED: _lazy("{actor} removed a passkey of {person}: {reason}"),
    events.LOGIN_PASSWORD_USED: _lazy(
        "{actor} signed in with the password, beside single sign-on"
    ),
    events.CHANNEL_CHANGED: _lazy("{actor} changed the channel {name}"),
    events.EVIDENCE_EXPORTED: _lazy("{actor} exported evidence"),
    events.LOG_SEALED: _lazy("The log was sealed at entry {size}"),
    events.LOG_REANCHORED: _lazy("{actor} re-anchored the log at entry {size}"),
}
# What a fact is called on its page; the rest by its own name.
_LABELS: Final[Mapping[str, StrPromise]] = {
    "ttl_seconds": _lazy("How long"),
    "digest": _lazy("Digest of the request"),
    "bundle_sha256": _lazy("SHA-256 of the bundle"),
    "body_sha256": _lazy("SHA-256 of the write-up"),
    "approval_bundles": _lazy("SHA-256 of the approvals' bundles"),
    "artifact": _lazy("Artefact"),
    "incident_url": _lazy("Incident"),
    "justification": _lazy("Why"),
    "reason": _lazy("Why"),
    "policy_version": _lazy("Policy version"),
    "log_index": _lazy("Index in the transparency log"),
    "identity": _lazy("Signed as"),
    "issuer": _lazy("Vouched for by"),
    "quorum": _lazy("People needed"),
    "max_deploys": _lazy("Deploys at most"),
    "people": _lazy("People told"),
    "channels": _lazy("Channels told"),
    "at": _lazy("When"),
    "head": _lazy("Hash of the last entry"),
    "size": _lazy("Entries covered"),
    "root": _lazy("Root of the Merkle tree"),
    "proposed_by": _lazy("Proposed by"),
    "published_size": _lazy("Published before: entries covered"),
    "published_head": _lazy("Published before: hash of the last entry"),
    "is_active": _lazy("In use"),
    "id": _lazy("Account"),
    "on_behalf_of": _lazy("On behalf of"),
    "signed_by": _lazy("Signed by"),
    "late": _lazy("After its deadline"),
    "required_headings": _lazy("Headings to fill in"),
    "token": _lazy("First letters of the token"),
    "deploy_id": _lazy("Deploy"),
    "overran_seconds": _lazy("Ran past the close by"),
    "host": _lazy("Host"),
    "root_sha256": _lazy("SHA-256 of the trusted root"),
    "predicate_type": _lazy("Kind of statement"),
    "builder": _lazy("Builder"),
    "previous_until": _lazy("The old secret signs until"),
    "at_close": _lazy("Deploys in flight at the close"),
    "silent_minutes": _lazy("Silent after, in minutes"),
    "postmortem_due_at": _lazy("Post-mortem due"),
    "data_class": _lazy("Data class"),
    "authentication": _lazy("Fresh sign-in"),
    "statement_sha256": _lazy("SHA-256 of the statement"),
    "credential": _lazy("Passkey's own name"),
    "public_key": _lazy("Public key"),
    "cose_key": _lazy("Public key as it came (COSE)"),
    "aaguid": _lazy("Kind of authenticator"),
    "rp_id": _lazy("Made for"),
    "usable_from": _lazy("Approves from"),
    "before": _lazy("Configuration before"),
    "after": _lazy("Configuration after"),
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
        text = str(_SENTENCES[entry.event]).format_map(words)
    except KeyError:
        text = f"{words['actor']} {event_look(entry.event).word} {words['bypass']}"
    return _cut(text.strip())


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
        words["turned"] = _("activated") if given["is_active"] else _("deactivated")
    return {**words, "actor": entry.actor, "bypass": entry.bypass_id}


_POLICIES: Final = frozenset({events.POLICY_PROPOSED, events.POLICY_PUBLISHED})


def _label(event: str, name: str) -> str:
    if event in _POLICIES and name == "digest":
        return _("Digest of the policy")
    words = name.removesuffix("_seconds").removesuffix("_at").replace("_", " ")
    own = f"{words[:1].upper()}{words[1:]}"
    return str(_LABELS[name]) if name in _LABELS else _(own)  # if a page says it too


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
        return _("yes") if value else _("no")
    if isinstance(value, int) and name.endswith("_seconds"):
        return duration(value)
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
