"""
Makes `golden/*.json` from fixed inputs, through the real pure functions.

Run `python -m tests.conformance.make_golden` only when a *new* event or version is
added. A changed vector of an existing one means that old logs stop verifying: that
needs a new version tag instead (style.md 4.8).
"""

import json
from datetime import timedelta
from hashlib import sha256
from pathlib import Path

from breakglass.audit import chain
from breakglass.signing import statements
from tests.conformance.golden_facts import (
    APPROVAL_BUNDLE,
    BYPASS,
    CLOSED,
    DIGEST,
    ENTRIES,
    GRANT_BUNDLE,
    OPENED,
    PEER,
    POLICY_DIGEST,
    REQUEST,
    START,
    TENANT,
    TREE_ROOT,
)
from tests.conformance.golden_later import LATER

FOLDER = Path(__file__).parent / "golden"
_OF_A_BYPASS = ("request.", "grant.", "deploy.", "postmortem.", "gate.snapped_back")


def main() -> None:
    """Writes the three files."""
    FOLDER.mkdir(exist_ok=True)
    for name, content in (
        ("request", request()),
        ("statements", all_statements()),
        ("entries", entries()),
    ):
        text = json.dumps(content, indent=1, ensure_ascii=False)
        (FOLDER / f"{name}.json").write_text(text + "\n")


def request() -> dict[str, object]:
    """The frozen body of a request, and the digest that approvers sign."""
    raw = chain.canonical(REQUEST)
    return {"content": REQUEST, "bytes": raw.decode(), "sha256": _hex(raw)}


def entries() -> list[dict[str, object]]:
    """One chain in which every event stands once."""
    made: list[dict[str, object]] = []
    prev = chain.GENESIS
    for seq, (event, (actor, facts)) in enumerate(
        {**ENTRIES, **LATER}.items(), start=1
    ):
        content = {
            "type": chain.TYPE,
            "tenant": TENANT,
            "seq": seq,
            "prev": prev.hex(),
            "at": chain.timestamp(START + timedelta(microseconds=seq)),
            "event": event,
            "actor": actor,
            "bypass_id": BYPASS if event.startswith(_OF_A_BYPASS) else "",
            "facts": facts,
        }
        raw = chain.canonical(content)
        prev = chain.entry_hash(raw)
        made.append({"content": content, "bytes": raw.decode(), "hash": prev.hex()})
    return made


def all_statements() -> dict[str, dict[str, object]]:
    """Every kind of statement: over the request, a grant's bundle, and a head."""
    subject = {"bypass_id": BYPASS, "tenant": TENANT["id"]}
    terms = {"max_deploys": None, "digest_required": False, "tier": "low"}
    head = sha256(b"a head").hexdigest()
    return {
        "approval": _signed(
            BYPASS,
            DIGEST,
            statements.APPROVAL_TYPE,
            {
                **subject,
                **terms,
                "verdict": "approve",
                "nonce": "5d0d6a51-9a0e-4d0c-8f3a-0c3b7f7f6a10",
                "approver": {"subject": PEER["id"], "email": PEER["name"]},
                "ttl_seconds": 900,
                "policy_version": 7,
                "policy_digest": POLICY_DIGEST,
                "comment_sha256": sha256(b"").hexdigest(),
                "decided_at": OPENED,
            },
        ),
        "grant": _signed(
            BYPASS,
            DIGEST,
            statements.GRANT_TYPE,
            {
                **subject,
                **terms,
                "assurance": "sigstore",
                "starts_at": OPENED,
                "expires_at": CLOSED,
                "policy_version": 7,
                "approvals": [
                    {
                        "email": PEER["name"],
                        "ttl_seconds": 900,
                        "bundle_sha256": APPROVAL_BUNDLE,
                    }
                ],
            },
        ),
        "countersignature": _signed(
            BYPASS,
            GRANT_BUNDLE,
            statements.COUNTERSIGNATURE_TYPE,
            {
                **subject,
                "grant_bundle_sha256": GRANT_BUNDLE,
                "approval_bundles": [APPROVAL_BUNDLE],
                "issued_at": OPENED,
                "countersigned_at": CLOSED,
            },
        ),
        "checkpoint": _signed(
            "acme/37",
            head,
            statements.CHECKPOINT_TYPE,
            {
                "tenant": TENANT["id"],
                "slug": "acme",
                "size": 37,
                "head": head,
                "root": TREE_ROOT,
                "previous_size": 0,
                "previous_head": "",
                "sealed_at": CLOSED,
            },
        ),
    }


def _signed(
    name: str, digest: str, kind: str, predicate: dict[str, object]
) -> dict[str, object]:
    raw = statements.statement(
        name=name,
        sha256=bytes.fromhex(digest),
        predicate_type=kind,
        predicate=predicate,  # type: ignore[arg-type]  # plain JSON by construction
    )
    return {"content": json.loads(raw), "bytes": raw.decode(), "sha256": _hex(raw)}


def _hex(raw: bytes) -> str:
    return sha256(raw).hexdigest()


if __name__ == "__main__":
    main()
