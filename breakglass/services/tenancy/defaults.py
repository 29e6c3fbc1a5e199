"""What a new tenant starts with: roles, three tiers, a post-mortem template."""

from dataclasses import dataclass
from typing import Any, Final

MINUTE: Final = 60
HOUR: Final = 60 * MINUTE

_MEMBER = ["view_tenant", "request_bypass"]
_ASK = ["view_gate", "request_gate_bypass"]

ROLES: Final[list[dict[str, Any]]] = [
    {
        "slug": "on-call",
        "name": "On-call",
        "tenant_permissions": _MEMBER,
        "gate_permissions": _ASK,
    },
    {
        "slug": "peers",
        "name": "Peers",
        "tenant_permissions": _MEMBER,
        "gate_permissions": _ASK,
    },
    {
        "slug": "designated-approvers",
        "name": "Designated approvers",
        "tenant_permissions": [*_MEMBER, "view_audit_log"],
        "gate_permissions": _ASK,
    },
    {
        "slug": "named-seniors",
        "name": "Named seniors",
        "tenant_permissions": [*_MEMBER, "view_audit_log"],
        "gate_permissions": _ASK,
    },
    {
        "slug": "security",
        "name": "Security",
        "tenant_permissions": ["view_tenant", "view_audit_log", "close_grant"],
        "gate_permissions": ["view_gate"],
    },
    {
        "slug": "auditors",
        "name": "Auditors",
        "tenant_permissions": ["view_tenant", "view_audit_log", "export_evidence"],
        "gate_permissions": ["view_gate"],
    },
    {
        "slug": "admins",
        "name": "Tenant admins",
        "tenant_permissions": [*_MEMBER, "view_audit_log", "manage_tenant"],
        "gate_permissions": [*_ASK, "manage_gate"],
    },
]


@dataclass(frozen=True, slots=True)
class ShippedTier:
    """One tier of the default policy: its columns, and (group, count) pairs."""

    fields: dict[str, Any]
    requirements: tuple[tuple[str, int], ...]


_TTL = [15 * MINUTE, HOUR, 4 * HOUR]

TIERS: Final = (
    ShippedTier(
        fields={
            "slug": "production-database",
            "name": "Production database",
            "data_classes": ["production-database"],
            "ttl_choices": _TTL,
            "pending_seconds": HOUR,
            "remind_seconds": 3 * MINUTE,
            "max_active_per_service": 1,
            "postmortem_days": 3,
        },
        requirements=(("named-seniors", 1), ("designated-approvers", 1)),
    ),
    ShippedTier(
        fields={
            "slug": "high",
            "name": "High impact",
            "minimum_impact": "high",
            "ttl_choices": _TTL,
            "pending_seconds": HOUR,
            "remind_seconds": 5 * MINUTE,
            "max_active_per_service": 2,
            "postmortem_days": 5,
        },
        requirements=(("designated-approvers", 2),),
    ),
    ShippedTier(
        fields={
            "slug": "low",
            "name": "Low impact",
            "ttl_choices": _TTL,
            "pending_seconds": 2 * HOUR,
            "remind_seconds": 10 * MINUTE,
            "postmortem_days": 5,
        },
        requirements=(("peers", 1),),
    ),
)

POSTMORTEM_HEADINGS: Final = "Summary\nWhy a bypass was needed\nWhat changes"
POSTMORTEM_TEMPLATE: Final = """\
# ${bypass_id}: ${service} on ${gate}

## Summary

_What happened, in three sentences, for somebody who was asleep._

## Impact

_Who was affected, for how long, and how badly: users, minutes, money._

## The bypass

| | |
|---|---|
| Bypass | ${bypass_id} |
| Gate | ${gate} |
| Scope | ${service}, ${branch}, ${artifact} |
| Asked by | ${requester} |
| Impact and tier | ${impact}, ${tier} (policy ${policy}) |
| Open | ${opened_at} to ${closed_at} (${ttl}); ${closed_how} |
| Incident | ${incident} |

Justification, as signed:

> ${justification}

### Approvals

${approvals}

### Deploys under this bypass

${deploys}

## Timeline

${timeline}

## What happened

## What went well

## What went wrong

## Why a bypass was needed

_Why the gate stood in the way, and whether it was right to._

## What changes

_What makes the next incident need no bypass. The action items stand below._
"""
