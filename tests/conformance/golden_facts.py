"""The fixed inputs of the golden vectors: one request, and each event's facts."""

from datetime import UTC, datetime, timedelta
from hashlib import sha256

from breakglass.audit import chain, events
from breakglass.signing import statements
from tests.conformance import golden_gates

START = datetime(2026, 11, 22, 2, 26, 7, 250000, tzinfo=UTC)
END = START + timedelta(minutes=15)
TENANT = {"id": "0b0c3a53-5f6e-4b8c-9a51-9f2f5a0f7a01", "slug": "acme"}
ONCALL = {
    "kind": "user",
    "id": "6a1d4d5e-0c1b-4f53-8f0e-0d7a7a2b9c11",
    "name": "oncall@acme.example",
}
PEER = {
    "kind": "user",
    "id": "c2a9f5a4-7a0f-4b3c-8d26-1b0e2f3a4b5c",
    "name": "peer@acme.example",
}
GATE = {"kind": "gate", "id": "prod-deploy", "name": "prod-deploy"}
SCHEDULER = {"kind": "system", "id": "scheduler", "name": "scheduler"}
OPERATOR = {"kind": "system", "id": "operator", "name": "operator at the shell"}
BYPASS = "BG-7Q4MZK"
WHY = "Checkout returns 5xx for a third of all users: «Zahlung» fällt aus \U0001f525."
URL = "https://incidents.example/INC-771"
POLICY_DIGEST = sha256(b"policy 7").hexdigest()
APPROVAL_BUNDLE = sha256(b"the bundle of the approval").hexdigest()
STATEMENT_DIGEST = sha256(b"the statement of the approval").hexdigest()
SIGN_IN = {
    "method": "password",
    "at": chain.timestamp(START),
    "issuer": "",
    "subject": "",
    "token_sha256": "",
    "auth_time": "",
    "amr": [],
    "acr": "",
}
TREE_ROOT = sha256(b"the root of the tree").hexdigest()
PASSKEY = {
    "person": PEER["name"],
    "id": PEER["id"],
    "credential": chain.base64url(sha256(b"the id of the passkey").digest()),
}
GRANT_BUNDLE = sha256(b"the bundle of the grant").hexdigest()
COUNTER_BUNDLE = sha256(b"the bundle of the countersignature").hexdigest()
TEXT_DIGEST = sha256(b"the text of the post-mortem").hexdigest()
ISSUER = "https://breakglass.internal/oidc"
PORTAL = "portal@breakglass.internal"
OPENED, CLOSED = chain.timestamp(START), chain.timestamp(END)
SCOPE = {"service": "checkout", "branch": "hotfix/oom", "artifact": ""}
REQUEST = {
    "type": statements.REQUEST_TYPE,
    "bypass_id": BYPASS,
    "tenant": TENANT,
    "requester": ONCALL,
    "gate": "prod-deploy",
    "environment": "production",
    "data_class": "",
    **SCOPE,
    "impact": "low",
    "justification": WHY,
    "incident_url": URL,
    "ttl_seconds": 900,
    "policy": {"version": 7, "digest": POLICY_DIGEST},
    "tier": "low",
    "renews": "",
    "opened_at": OPENED,
    "lapses_at": chain.timestamp(START + timedelta(hours=2)),
}
DIGEST = sha256(chain.canonical(REQUEST)).hexdigest()
DEPLOY = {"deploy_id": "gha-8123-1", **SCOPE}
ENDED = {**DEPLOY, "ended_at": CLOSED}
TOLD = {"people": [PEER["name"]], "channels": ["#ops"]}
THE_GATE = {
    "gate": "prod-deploy",
    "name": "Production deploys",
    "environment": "production",
    "data_class": "",
    "is_active": True,
}
THE_ROLE = {
    "role": "peers",
    "name": "Peers",
    "tenant_permissions": ["request_bypass", "view_tenant"],
    "gate_permissions": ["request_gate_bypass", "view_gate"],
}
DROPPED = {
    "person": PEER["name"],
    "reason": "the request has ended",
    "statement_sha256": STATEMENT_DIGEST,
}
DEBT = {"assignee": ONCALL["name"], "due_at": CLOSED}
MEMBER = {"role": "peers", "person": PEER["name"], "id": PEER["id"], "kind": "human"}
THE_CLOSE = {"closed_at": CLOSED, "expires_at": CLOSED, "reason": ""}
FINDING = {
    "finding": "b6d1f6b0-3c0c-4a9e-9a55-5b1a7d0c9e21",
    "gate": "prod-deploy",
    "kind": "bypass_unused",
}
CONFIG = {"gate": "prod-deploy", "before": "sha256:aa", "after": "sha256:bb"}
TERMS = {"gate": "prod-deploy", "at_close": "finish", "silent_minutes": 5}
TOKEN = {"gate": "prod-deploy", "token": "bg_live_Ab3x"}
TIER = {
    "slug": "low",
    "name": "Low impact",
    "match": {
        "minimum_impact": "",
        "gates": [],
        "services": [],
        "branches": [],
        "environments": [],
        "data_classes": [],
    },
    "requirements": [{"group": "peers", "count": 1}],
    "ttl_seconds": [900, 3600, 14400],
    "pending_seconds": 7200,
    "remind_seconds": 600,
    "max_deploys": None,
    "digest_required": False,
    "max_active_per_service": None,
    "postmortem_days": 5,
    "passkey_required": False,
    "offline_quorum": False,
}

# event -> (actor, facts); what names a bypass is listed behind.
ENTRIES = {
    events.TENANT_CREATED: (OPERATOR, {"slug": "acme", "name": "Acme"}),
    events.TENANT_CHANGED: (OPERATOR, {"name": "Acme Ltd", "is_active": True}),
    events.TEMPLATE_CHANGED: (OPERATOR, {"required_headings": ["Summary"]}),
    events.ROLE_CREATED: (OPERATOR, THE_ROLE),
    events.ROLE_CHANGED: (OPERATOR, THE_ROLE),
    events.ROLE_MEMBER_ADDED: (OPERATOR, MEMBER),
    events.ROLE_MEMBER_REMOVED: (OPERATOR, MEMBER),
    events.PERSON_CHANGED: (
        OPERATOR,
        {"person": PEER["name"], "id": PEER["id"], "is_active": False},
    ),
    events.IDENTITY_LINKED: (
        OPERATOR,
        {"person": PEER["name"], "issuer": ISSUER, "subject": "peer-1"},
    ),
    events.IDENTITY_UNLINKED: (
        OPERATOR,
        {
            "person": PEER["name"],
            "issuer": ISSUER,
            "subject": "peer-1",
            "reason": "Left the company",
        },
    ),
    events.PERSON_MERGED: (
        OPERATOR,
        {
            "kept": PEER["name"],
            "kept_id": PEER["id"],
            "merged": ONCALL["name"],
            "merged_id": ONCALL["id"],
            "reason": "Both are hers",
        },
    ),
    events.CREDENTIAL_ENROLLED: (
        PEER,
        {
            **PASSKEY,
            "name": "The key on my ring",
            "public_key": chain.base64url(b"DER SubjectPublicKeyInfo"),
            "cose_key": chain.base64url(b"COSE_Key"),
            "algorithm": -7,
            "aaguid": "00000000-0000-0000-0000-000000000000",
            "rp_id": "breakglass.example",
            "enrolled_at": OPENED,
            "usable_from": chain.timestamp(START + timedelta(days=2)),
            "cool_down_seconds": 86400,
        },
    ),
    events.CREDENTIAL_REVOKED: (PEER, {**PASSKEY, "reason": "Lost on the train."}),
    events.POLICY_PUBLISHED: (
        OPERATOR,
        {
            "version": 7,
            "digest": POLICY_DIGEST,
            "note": "One peer is enough",
            "policy": {"type": "breakglass/policy/v1", "version": 7, "tiers": [TIER]},
        },
    ),
    events.GATE_REGISTERED: (OPERATOR, THE_GATE),
    events.GATE_CHANGED: (OPERATOR, THE_GATE),
    events.GATE_CONFIG_CHANGED: (GATE, CONFIG),
    events.TOKEN_ISSUED: (OPERATOR, TOKEN),
    events.TOKEN_REVOKED: (OPERATOR, TOKEN),
    events.CHANNEL_CHANGED: (
        OPERATOR,
        {"kind": "slack", "name": "#ops", "is_active": True},
    ),
    events.REQUEST_OPENED: (
        ONCALL,
        {
            "digest": DIGEST,
            "gate": "prod-deploy",
            **SCOPE,
            "impact": "low",
            "justification": WHY,
            "incident_url": URL,
            "ttl_seconds": 900,
            "tier": "low",
            "policy_version": 7,
            "lapses_at": REQUEST["lapses_at"],
        },
    ),
    events.REQUEST_NOTIFIED: (SCHEDULER, TOLD),
    events.REQUEST_ESCALATED: (SCHEDULER, TOLD),
    events.REQUEST_WITHDRAWN: (ONCALL, {"withdrawn_at": OPENED}),
    events.REQUEST_APPROVAL_DROPPED: (SCHEDULER, DROPPED),
    events.REQUEST_REJECTED: (PEER, {"digest": DIGEST, "comment": "Not now."}),
    events.REQUEST_LAPSED: (SCHEDULER, {"lapsed_at": REQUEST["lapses_at"]}),
    events.REQUEST_APPROVED: (
        PEER,
        {
            "digest": DIGEST,
            "ttl_seconds": 900,
            "comment": "",
            "statement_sha256": STATEMENT_DIGEST,
            "bundle_sha256": APPROVAL_BUNDLE,
            "signed_by": "instance",
            "identity": PEER["name"],
            "issuer": ISSUER,
            "log_index": 12,
            "authentication": SIGN_IN,
            "passkey": None,
        },
    ),
    events.GRANT_ISSUED: (
        PEER,
        {
            "digest": DIGEST,
            "gate": "prod-deploy",
            **SCOPE,
            "justification": WHY,
            "ttl_seconds": 900,
            "starts_at": OPENED,
            "expires_at": CLOSED,
            "max_deploys": None,
            "digest_required": False,
            "assurance": "sigstore",
            "quorum": 1,
            "approvers": [PEER["name"]],
            "approval_bundles": [APPROVAL_BUNDLE],
            "postmortem_due_at": chain.timestamp(END + timedelta(days=5)),
        },
    ),
    events.GRANT_SIGNED: (
        SCHEDULER,
        {"bundle_sha256": GRANT_BUNDLE, "identity": PORTAL, "log_index": 13},
    ),
    events.GRANT_UNVERIFIED: (SCHEDULER, {"due_at": CLOSED}),
    events.GRANT_COUNTERSIGNED: (
        SCHEDULER,
        {
            "bundle_sha256": COUNTER_BUNDLE,
            "identity": PORTAL,
            "issuer": ISSUER,
            "log_index": 14,
            "due_at": CLOSED,
            "late": True,
        },
    ),
    events.DEPLOY_ADMITTED: (
        GATE,
        {
            **DEPLOY,
            "on_behalf_of": "ci@acme",
            "assurance": "sigstore",
            "admitted_at": OPENED,
            "expires_at": CLOSED,
        },
    ),
    events.DEPLOY_FINISHED: (GATE, {**ENDED, "state": "succeeded"}),
    events.DEPLOY_LOST: (SCHEDULER, {**ENDED, "state": "unknown"}),
    events.GRANT_REVOKED: (ONCALL, {**THE_CLOSE, "reason": "It works again."}),
    events.GRANT_EXPIRED: (SCHEDULER, THE_CLOSE),
    events.DEPLOY_REVERTED: (SCHEDULER, {**ENDED, "state": "reverted"}),
    events.GATE_SNAPPED_BACK: (
        SCHEDULER,
        {"gate": "prod-deploy", "service": "checkout", "at": CLOSED},
    ),
    events.POSTMORTEM_OPENED: (SCHEDULER, DEBT),
    events.POSTMORTEM_SAVED: (ONCALL, {"revision": 1, "body_sha256": TEXT_DIGEST}),
    events.POSTMORTEM_OVERDUE: (
        SCHEDULER,
        {"due_at": CLOSED, "assignee": ONCALL["name"]},
    ),
    events.POSTMORTEM_PUBLISHED: (
        ONCALL,
        {"revision": 1, "body_sha256": TEXT_DIGEST, "action_items": ["Add an alarm"]},
    ),
    events.EVIDENCE_EXPORTED: (
        PEER,
        {
            "export": "3b9a4d0c-52b7-4d6e-8c59-0a8e6f1b2c3d",
            "scope": {"kind": "bypass", "bypass_id": BYPASS},
            "reason": "The yearly audit.",
            "size": 36,
            "head": POLICY_DIGEST,
        },
    ),
    events.LOG_SEALED: (
        SCHEDULER,
        {"size": 37, "head": POLICY_DIGEST, "root": TREE_ROOT},
    ),
    events.LOG_REANCHORED: (
        PEER,
        {
            "reason": "Restored last night's backup after the disk failed.",
            "proposed_by": ONCALL["name"],
            "size": 38,
            "head": POLICY_DIGEST,
            "published_size": 41,
            "published_head": DIGEST,
        },
    ),
    # New ones come last: the vectors are one chain, and none before them may change.
    events.REQUEST_REMINDED: (ONCALL, {"group": "peers"}),
    events.REQUEST_COMMENTED: (PEER, {"comment": "Half of the users recovered."}),
    events.FINDING_OPENED: (
        SCHEDULER,
        {
            **FINDING,
            "owner": ONCALL["name"],
            "details": {"unused": 3, "closed": 5, "threshold": 3, "days": 30},
        },
    ),
    events.FINDING_HANDED_OVER: (
        ONCALL,
        {**FINDING, "before": ONCALL["name"], "after": PEER["name"]},
    ),
    events.FINDING_CLOSED: (
        PEER,
        {**FINDING, "opened_at": OPENED, "reason": "The gate asks for less now."},
    ),
    events.HEALTH_TERMS_CHANGED: (
        PEER,
        {
            "period_days": 30,
            "bypasses_per_100": 10,
            "minimum_deploys": 20,
            "scope_repeats": 3,
            "unused": 3,
            "blamed_percent": 50,
            "minimum_postmortems": 3,
        },
    ),
    events.POSTMORTEM_HANDED_OVER: (
        ONCALL,
        {"assignee": PEER["name"], "previous": ONCALL["name"], "note": "I am away."},
    ),
    events.POSTMORTEM_REVIEW_ASKED: (
        ONCALL,
        {"revision": 1, "body_sha256": TEXT_DIGEST, "reviewers": [PEER["name"]]},
    ),
    events.POSTMORTEM_REVIEW_ENDED: (
        PEER,
        {
            "revision": 1,
            "body_sha256": TEXT_DIGEST,
            "outcome": "changes_asked",
            "comment": "Say since when.",
        },
    ),
    events.POSTMORTEM_GATE_JUDGED: (
        ONCALL,
        {"gate": "prod-deploy", "gate_blamed": "partly"},
    ),
    events.POSTMORTEM_ACTION_CHANGED: (
        ONCALL,
        {"action_item": "Add an alarm", "done": True},
    ),
    events.POSTMORTEM_NOTED: (PEER, {"note": "The alarm rang once since."}),
    events.GATE_DESCRIBED: (
        PEER,
        {"gate": "prod", "kind": "shell", "owner": "peers", "service": "checkout"},
    ),
    events.GATE_RETIRED: (PEER, {"gate": "old", "name": "Old", "reason": "Moved."}),
    events.TOKEN_SUPERSEDED: (
        PEER,
        {**TOKEN, "replaced_by": "bg_live_Zy9w", "expires_at": CLOSED},
    ),
    events.POLICY_PROPOSED: (
        PEER,
        {"version": 7, "digest": POLICY_DIGEST, "note": "One peer is enough"},
    ),
    events.LOGIN_PASSWORD_USED: (PEER, {"person": PEER["name"], "id": PEER["id"]}),
    events.GATE_TERMS_CHANGED: (PEER, TERMS),
    **golden_gates.entries(PEER),
}
