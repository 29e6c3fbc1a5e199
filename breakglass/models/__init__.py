"""Tables and constraints; everything is re-exported here."""

from breakglass.models.audit import AuditEntry, ChainHead, Checkpoint
from breakglass.models.deploys import Deploy
from breakglass.models.gates import Gate, GateToken
from breakglass.models.grants import Grant
from breakglass.models.notifications import Channel, Notification
from breakglass.models.outbox import OutboxMessage
from breakglass.models.people import Identity, RoleGroup, RoleMember, User
from breakglass.models.policies import Policy, Requirement, Tier
from breakglass.models.postmortems import ActionItem, PostMortem, PostMortemTemplate
from breakglass.models.requests import Approval, BypassRequest
from breakglass.models.signing import Bundle, Intent
from breakglass.models.tenants import Tenant

__all__ = [
    "ActionItem",
    "Approval",
    "AuditEntry",
    "Bundle",
    "BypassRequest",
    "ChainHead",
    "Channel",
    "Checkpoint",
    "Deploy",
    "Gate",
    "GateToken",
    "Grant",
    "Identity",
    "Intent",
    "Notification",
    "OutboxMessage",
    "Policy",
    "PostMortem",
    "PostMortemTemplate",
    "Requirement",
    "RoleGroup",
    "RoleMember",
    "Tenant",
    "Tier",
    "User",
]
