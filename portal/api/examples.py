"""One example of every answer, for the description and its reader."""

from http import HTTPStatus
from typing import Final

from portal.api.strict_json import Json

DECISION_ASKED: Final[dict[str, Json]] = {
    "gate": "prod-deploy",
    "service": "checkout",
    "branch": "hotfix/oom",
    "artifact": f"sha256:{'9f' * 32}",
    "deploy_id": "gha-8123-1",
    "actor": "ci@acme",
    "require_assurance": "offline_quorum",
    "dry_run": False,
}
DECISION_BYPASS: Final[dict[str, Json]] = {
    "decision": "bypass",
    "reason": "grant_in_force",
    "bypass_id": "BG-7Q4MZK",
    "expires_at": "2026-11-22T02:41:07Z",
    "seconds_left": 812,
    "assurance": "sigstore",
    "deploy": {"id": "gha-8123-1", "state": "admitted"},
    "policy_version": 7,
    "decision_id": "0b7f3c6e-6a1e-4a3e-9b0a-3d1a6d0a6f11",
    "evaluated_at": "2026-11-22T02:27:34Z",
    "dry_run": False,
}
DECISION_ENFORCE: Final[dict[str, Json]] = {
    "decision": "enforce",
    "reason": "no_grant",
    "bypass_id": None,
    "expires_at": None,
    "seconds_left": None,
    "assurance": None,
    "deploy": None,
    "policy_version": 7,
    "decision_id": "5f0c1d3a-7a53-4c0f-8a86-0c6f5f5f0d52",
    "evaluated_at": "2026-11-22T02:27:34Z",
    "dry_run": False,
}
DECISION_REVERTED: Final[Json] = {
    "decision": "enforce",
    "reason": "revoked",
    "bypass_id": "BG-7Q4MZK",
    "expires_at": None,
    "seconds_left": None,
    "assurance": None,
    "deploy": {"id": "gha-8123-1", "state": "reverted"},
    "policy_version": 7,
    "decision_id": "c0ffee00-53a1-4d4e-a7f6-0d7a3c1f0b52",
    "evaluated_at": "2026-11-22T02:33:10Z",
    "dry_run": False,
}
RECEIPT_ASKED: Final[Json] = {**DECISION_ASKED, "nonce": "bm9ib2R5LWtub3dzLXRoaXM"}
RECEIPT_BYPASS: Final[Json] = {
    **DECISION_BYPASS,
    "receipt": "eyJhbGciOiJFUzI1NiIsInR5cCI6ImJyZWFrZ2xhc3MtcmVjZWlwdCtqd3QiLCJr…",
}
RECEIPT_ENFORCE: Final[Json] = {**DECISION_ENFORCE, "receipt": None}
DEPLOY_REPORTED: Final[Json] = {"gate": "prod-deploy", "state": "succeeded"}
DEPLOY_ENDED: Final[Json] = {
    "deploy": {"id": "gha-8123-1", "state": "succeeded"},
    "bypass_id": "BG-7Q4MZK",
    "admitted_at": "2026-11-22T02:27:34Z",
    "ended_at": "2026-11-22T02:31:02Z",
    "overran_seconds": None,
}
PROVENANCE_GIVEN: Final[Json] = {
    "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
    "verificationMaterial": {
        "certificate": {"rawBytes": "MIIC…"},
        "tlogEntries": [{"logIndex": "7"}],
    },
    "dsseEnvelope": {
        "payload": "eyJfdHlwZSI6…",
        "payloadType": "application/vnd.in-toto+json",
        "signatures": [{"sig": "MEUC…"}],
    },
}
PROVENANCE_KEPT: Final[Json] = {
    "deploy": {"id": "gha-8123-1", "state": "admitted"},
    "provenance": {
        "state": "waiting",
        "sha256": "b7" * 32,
        "identity": None,
        "reason": None,
    },
}
HEARTBEAT_SENT: Final[Json] = {
    "gate": "prod-deploy",
    "config_digest": f"sha256:{'3a' * 32}",
}
HEARTBEAT_SEEN: Final[Json] = {
    "gate": "prod-deploy",
    "seen_at": "2026-11-22T02:27:34Z",
    "config_digest": f"sha256:{'3a' * 32}",
}

ERRORS: Final[dict[HTTPStatus, tuple[str, str, str]]] = {
    HTTPStatus.BAD_REQUEST: ("bad_request", "the body did not arrive whole", ""),
    HTTPStatus.UNAUTHORIZED: (
        "unauthenticated",
        "send the gate's token: Authorization: Bearer bg_live_…",
        "",
    ),
    HTTPStatus.FORBIDDEN: (
        "not_permitted",
        "this token does not speak for the gate that the body names",
        "gate",
    ),
    HTTPStatus.NOT_FOUND: (
        "not_found",
        "this gate has not asked about a deploy of that id",
        "",
    ),
    HTTPStatus.METHOD_NOT_ALLOWED: (
        "method_not_allowed",
        "this address takes POST",
        "",
    ),
    HTTPStatus.CONFLICT: (
        "conflict",
        "deploy gha-8123-1 is already reverted to enforcement",
        "",
    ),
    HTTPStatus.LENGTH_REQUIRED: ("length_required", "send a Content-Length", ""),
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: (
        "too_large",
        "the body is larger than 4096 bytes",
        "",
    ),
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: (
        "unsupported_media_type",
        "send Content-Type: application/json",
        "",
    ),
    HTTPStatus.UNPROCESSABLE_ENTITY: ("invalid_input", "service is missing", "service"),
    HTTPStatus.INTERNAL_SERVER_ERROR: (
        "internal_error",
        "the portal failed: enforce, and tell its operators",
        "",
    ),
    HTTPStatus.SERVICE_UNAVAILABLE: (
        "unavailable",
        "the database does not answer: enforce, and ask again",
        "",
    ),
}


def error(status: HTTPStatus) -> Json:
    """Returns the example of a refusal with this status."""
    code, detail, field = ERRORS[status]
    part: dict[str, Json] = {"code": code, "detail": detail}
    if field:
        part["field"] = field
    return {"error": part, "decision": "enforce"}
