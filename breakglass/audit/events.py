"""Every event the log can hold. A new one means a row in docs/audit-events.md."""

from typing import Final

REQUEST_OPENED: Final = "request.opened"
REQUEST_NOTIFIED: Final = "request.notified"
REQUEST_ESCALATED: Final = "request.escalated"
REQUEST_REMINDED: Final = "request.reminded"
REQUEST_COMMENTED: Final = "request.commented"
REQUEST_APPROVED: Final = "request.approved"
REQUEST_APPROVAL_DROPPED: Final = "request.approval_dropped"
REQUEST_REJECTED: Final = "request.rejected"
REQUEST_WITHDRAWN: Final = "request.withdrawn"
REQUEST_LAPSED: Final = "request.lapsed"
GRANT_ISSUED: Final = "grant.issued"
GRANT_SIGNED: Final = "grant.signed"
GRANT_COUNTERSIGNED: Final = "grant.countersigned"
GRANT_UNVERIFIED: Final = "grant.unverified"
GRANT_EXPIRED: Final = "grant.expired"
GRANT_REVOKED: Final = "grant.revoked"
GATE_SNAPPED_BACK: Final = "gate.snapped_back"
DEPLOY_ADMITTED: Final = "deploy.admitted"
DEPLOY_FINISHED: Final = "deploy.finished"
DEPLOY_REVERTED: Final = "deploy.reverted"
DEPLOY_LOST: Final = "deploy.lost"
POSTMORTEM_OPENED: Final = "postmortem.opened"
POSTMORTEM_SAVED: Final = "postmortem.saved"
POSTMORTEM_PUBLISHED: Final = "postmortem.published"
POSTMORTEM_OVERDUE: Final = "postmortem.overdue"
POLICY_PUBLISHED: Final = "policy.published"
TENANT_CREATED: Final = "tenant.created"
TENANT_CHANGED: Final = "tenant.changed"
TEMPLATE_CHANGED: Final = "template.changed"
GATE_REGISTERED: Final = "gate.registered"
GATE_CHANGED: Final = "gate.changed"
GATE_CONFIG_CHANGED: Final = "gate.config_changed"
TOKEN_ISSUED: Final = "token.issued"  # noqa: S105 - an event's name, no secret
TOKEN_REVOKED: Final = "token.revoked"  # noqa: S105 - an event's name, no secret
ROLE_CREATED: Final = "role.created"
ROLE_CHANGED: Final = "role.changed"
ROLE_MEMBER_ADDED: Final = "role.member_added"
ROLE_MEMBER_REMOVED: Final = "role.member_removed"
PERSON_CHANGED: Final = "person.changed"
PERSON_MERGED: Final = "person.merged"
IDENTITY_LINKED: Final = "identity.linked"
IDENTITY_UNLINKED: Final = "identity.unlinked"
CREDENTIAL_ENROLLED: Final = "credential.enrolled"
CREDENTIAL_REVOKED: Final = "credential.revoked"
CHANNEL_CHANGED: Final = "channel.changed"
EVIDENCE_EXPORTED: Final = "evidence.exported"
LOG_SEALED: Final = "log.sealed"
LOG_REANCHORED: Final = "log.reanchored"

ALL: Final = frozenset(
    value
    for name, value in list(globals().items())
    if name.isupper() and isinstance(value, str)
)
