"""Tables and constraints; everything is re-exported here."""

from breakglass.models import labels
from breakglass.models.audit import AuditEntry, ChainHead, Checkpoint
from breakglass.models.credentials import Credential, CredentialNotice
from breakglass.models.deploys import Deploy
from breakglass.models.evidence import Assertion, Authentication
from breakglass.models.findings import (
    Finding,
    GateDay,
    HealthSummary,
    HealthTerms,
)
from breakglass.models.gates import Gate, GateContact, GateSetup, GateToken
from breakglass.models.grants import Countersignature, Grant
from breakglass.models.logs import Export, LogStanding, Reanchor
from breakglass.models.machines import GateIdentity, TokenIssuer, TokenUse
from breakglass.models.notifications import Channel, Notification
from breakglass.models.outbox import OutboxMessage
from breakglass.models.people import Identity, RoleGroup, RoleMember, User
from breakglass.models.policies import Policy, Requirement, Tier
from breakglass.models.postmortem_records import (
    PostMortemDraft,
    PostMortemHandover,
    PostMortemNote,
    PostMortemReview,
    PostMortemRevision,
)
from breakglass.models.postmortems import ActionItem, PostMortem, PostMortemTemplate
from breakglass.models.provenance import GateTrust, Provenance
from breakglass.models.requests import Approval, BypassRequest
from breakglass.models.signing import Bundle, Intent
from breakglass.models.tenants import Tenant
from breakglass.models.webhooks import Webhook, WebhookDelivery

__all__ = [
    "ActionItem",
    "Approval",
    "Assertion",
    "AuditEntry",
    "Authentication",
    "Bundle",
    "BypassRequest",
    "ChainHead",
    "Channel",
    "Checkpoint",
    "Countersignature",
    "Credential",
    "CredentialNotice",
    "Deploy",
    "Export",
    "Finding",
    "Gate",
    "GateContact",
    "GateDay",
    "GateIdentity",
    "GateSetup",
    "GateToken",
    "GateTrust",
    "Grant",
    "HealthSummary",
    "HealthTerms",
    "Identity",
    "Intent",
    "LogStanding",
    "Notification",
    "OutboxMessage",
    "Policy",
    "PostMortem",
    "PostMortemDraft",
    "PostMortemHandover",
    "PostMortemNote",
    "PostMortemReview",
    "PostMortemRevision",
    "PostMortemTemplate",
    "Provenance",
    "Reanchor",
    "Requirement",
    "RoleGroup",
    "RoleMember",
    "Tenant",
    "Tier",
    "TokenIssuer",
    "TokenUse",
    "User",
    "Webhook",
    "WebhookDelivery",
]

labels.put_on("breakglass")
