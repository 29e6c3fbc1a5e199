"""
A plain question, read fast: the usual body that nothing is wrong with.

What it takes is what `schemas.DecisionQuestion` takes, with the same meaning (a test
compares the two); whatever it does not take is not refused here but handed on, so that
every refusal is worded in one place.
"""

import hashlib
import re
from dataclasses import dataclass
from typing import Final

from portal.api import strict_json
from portal.api.auth import BEARER
from portal.api.fields import WITH_SLASH, WITHOUT_SLASH

_SERVICE: Final = re.compile(WITH_SLASH.removesuffix("$"), re.ASCII)
_NAME: Final = re.compile(WITHOUT_SLASH.removesuffix("$"), re.ASCII)
_LINE: Final = re.compile(r"[ -~]{0,200}")
_ANY: Final = "offline_quorum"
_ASSURANCES: Final = frozenset({"sigstore", _ANY})
_FIELDS: Final = frozenset(
    {"gate", "service", "deploy_id", "branch", "artifact", "actor"}
    | {"require_assurance", "dry_run"}
)


@dataclass(frozen=True, slots=True)
class Plain:
    """A question as `schemas.DecisionQuestion` has it, with the same defaults."""

    gate: str
    service: str
    deploy_id: str
    branch: str
    artifact: str
    actor: str
    require_assurance: str
    dry_run: bool


def token_hash(authorization: str) -> bytes | None:
    """Returns the SHA-256 of the bearer token in a header that has the form of one."""
    match = BEARER.fullmatch(authorization)
    return hashlib.sha256(match[1].encode("ascii")).digest() if match else None


def plain(raw: bytes) -> Plain | None:
    """Returns the question, or None where it takes a second, slower look."""
    try:
        value = strict_json.parse(raw)
    except strict_json.Malformed:
        return None
    if type(value) is not dict or not value.keys() <= _FIELDS:
        return None
    dry_run = value.pop("dry_run", False)
    if type(dry_run) is not bool or not all(type(v) is str for v in value.values()):
        return None
    text: dict[str, str] = value  # type: ignore[assignment] # looked at just above
    gate, service = text.get("gate"), text.get("service", "")
    deploy_id = text.get("deploy_id", "")
    branch, artifact = text.get("branch", ""), text.get("artifact", "")
    actor, assurance = text.get("actor", ""), text.get("require_assurance", _ANY)
    if (
        not _SERVICE.fullmatch(service)
        or not _NAME.fullmatch(deploy_id)
        or not (gate is None or _NAME.fullmatch(gate))
        or not (not branch or _SERVICE.fullmatch(branch))
        or not (not artifact or _SERVICE.fullmatch(artifact))
        or not _LINE.fullmatch(actor)
        or assurance not in _ASSURANCES
    ):
        return None
    return Plain(
        gate or "", service, deploy_id, branch, artifact, actor, assurance, dry_run
    )
