"""
Which machine a verified token speaks for, by ids that nobody can register again.

Never by `sub`: its text is made of names, and whoever takes over a deleted name gets
the same one (security.md, finding 17). The signature was checked before; everything
here is about what the token says.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from breakglass.errors import InvalidInput
from breakglass.texts import text

LEEWAY: Final = timedelta(seconds=10)
"""How far an issuer's clock may be from ours: one constant for every comparison."""

JTI_MAX: Final = 200
VALUE_MAX: Final = 500
ISSUER_MAX: Final = 200
_NUMBER: Final = re.compile(r"[1-9][0-9]{0,18}", re.ASCII)
_UUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)
_LINE: Final = re.compile(r"[!-~]([ -~]{0,498}[!-~])?", re.ASCII)
_LABEL: Final = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", re.ASCII)
_TRUE: Final = re.compile(r"true", re.ASCII)


class Refusal(StrEnum):
    """Why a token was refused: for the log and the gate's page, not for its bearer."""

    MALFORMED = "malformed"
    TOO_LONG = "too_long"
    HEADER = "header"
    TYPE = "type"
    ALGORITHM = "algorithm"
    ISSUER = "issuer"
    KEYS_STALE = "keys_stale"
    KEY = "key"
    SIGNATURE = "signature"
    CLAIMS = "claims"
    AUDIENCE = "audience"
    EXPIRED = "expired"
    NOT_YET = "not_yet"
    LIFETIME = "lifetime"
    NO_JTI = "no_jti"
    EVENT = "event"
    CLAIM = "claim"
    GATE_OFF = "gate_off"
    USED = "used"


@dataclass(frozen=True, slots=True)
class Claim:
    """One id of a token that can be bound: its form, and whether it has to be."""

    form: re.Pattern[str]
    required: bool = False


@dataclass(frozen=True, slots=True)
class Kind:
    """One platform: its usual issuer, the ids to bind by, how long a token lives."""

    issuer: str
    claims: Mapping[str, Claim]
    longest: timedelta


KINDS: Final[Mapping[str, Kind]] = {
    "github_actions": Kind(
        issuer="https://token.actions.githubusercontent.com",
        claims={
            "repository_id": Claim(_NUMBER, required=True),
            "repository_owner_id": Claim(_NUMBER, required=True),
            "environment": Claim(_LINE),
            "workflow_ref": Claim(_LINE),
            "job_workflow_ref": Claim(_LINE),
        },
        longest=timedelta(minutes=10),
    ),
    "gitlab_ci": Kind(
        issuer="https://gitlab.com",
        claims={
            "project_id": Claim(_NUMBER, required=True),
            "namespace_id": Claim(_NUMBER, required=True),
            "ref_protected": Claim(_TRUE),
            "environment": Claim(_LINE),
            "environment_protected": Claim(_TRUE),
        },
        longest=timedelta(hours=1),
    ),
    "kubernetes": Kind(
        issuer="",
        claims={
            "namespace": Claim(_LABEL, required=True),
            "serviceaccount_uid": Claim(_UUID, required=True),
        },
        longest=timedelta(hours=1),
    ),
}
"""The platforms, by the values of states.IdentityKind."""

# A job of a pull request runs what nobody has merged yet (security.md T30).
_UNMERGED: Final = frozenset({"pull_request", "pull_request_target"})


@dataclass(frozen=True, slots=True)
class Refused:
    """No, and why; `claim` names what differs."""

    reason: Refusal
    claim: str = ""


@dataclass(frozen=True, slots=True)
class Times:
    """When a token was made and ends, as it says itself."""

    issued_at: datetime
    expires_at: datetime


def check_bound(*, kind: str, values: Mapping[str, str]) -> dict[str, str]:
    """
    Returns the ids that a machine is bound by, without the empty ones.

    Raises InvalidInput for an unknown kind or claim, a missing id and a malformed one.
    """
    platform = KINDS.get(kind)
    if platform is None:
        raise InvalidInput(text("that is no kind of machine"), field="kind")
    given = {name: value for name, value in values.items() if value}
    for name in given:
        if name not in platform.claims:
            msg = text("no machine is bound by its %(claim)s", claim=name[:40])
            raise InvalidInput(msg, field="kind")
    for name, claim in platform.claims.items():
        value = given.get(name, "")
        if claim.required and not value:
            msg = text("a machine is bound by its %(claim)s: it is missing", claim=name)
            raise InvalidInput(msg, field=name)
        if value and claim.form.fullmatch(value) is None:
            msg = text("this does not look like a %(claim)s", claim=name)
            raise InvalidInput(msg, field=name)
    return {name: given[name] for name in platform.claims if name in given}


def audience_of(*, claims: Mapping[str, Any]) -> str:
    """Returns the one audience of a token; empty where it has none, or several."""
    given = claims.get("aud")
    if isinstance(given, list) and len(given) == 1:
        (given,) = given
    return given if isinstance(given, str) and len(given) <= VALUE_MAX else ""


def judge(
    *, kind: str, bound: Mapping[str, str], claims: Mapping[str, Any], now: datetime
) -> Refused | None:
    """
    Returns None where the token is of the machine with these ids, else why it is not.

    `now` is the database's. An id that the platform requires and the row lacks is no.
    """
    platform = KINDS[kind]
    refused = _out_of_time(claims=claims, now=now, longest=platform.longest)
    if refused is not None:
        return refused
    jti = claims.get("jti")
    if not isinstance(jti, str) or not 0 < len(jti) <= JTI_MAX:
        return Refused(Refusal.NO_JTI)
    event = claims.get("event_name")
    if kind == "github_actions" and (not isinstance(event, str) or event in _UNMERGED):
        return Refused(Refusal.EVENT)
    said = _flat(kind=kind, claims=claims)
    for name, claim in platform.claims.items():
        wanted = bound.get(name)
        if wanted is None and not claim.required:
            continue
        if wanted is None or said.get(name) != wanted:
            return Refused(Refusal.CLAIM, name)
    return None


def times(*, claims: Mapping[str, Any]) -> Times | None:
    """Returns the token's own times; None where one is missing or no whole number."""
    issued, ends = _instant(value=claims.get("iat")), _instant(value=claims.get("exp"))
    return Times(issued, ends) if issued and ends else None


def _out_of_time(
    *, claims: Mapping[str, Any], now: datetime, longest: timedelta
) -> Refused | None:
    stated = times(claims=claims)
    begins = claims.get("nbf")
    if stated is None or (begins is not None and _instant(value=begins) is None):
        return Refused(Refusal.CLAIMS)
    if stated.expires_at <= now - LEEWAY:
        return Refused(Refusal.EXPIRED)
    if stated.issued_at > now + LEEWAY:
        return Refused(Refusal.NOT_YET)
    starts = _instant(value=begins)
    if starts is not None and starts > now + LEEWAY:
        return Refused(Refusal.NOT_YET)
    if not timedelta(0) < stated.expires_at - stated.issued_at <= longest:
        return Refused(Refusal.LIFETIME)
    return None


def _flat(*, kind: str, claims: Mapping[str, Any]) -> dict[str, str]:
    """Returns the token's ids by our names: exact texts only, nothing is converted."""
    if kind == "kubernetes":
        inside = _mapping(value=claims.get("kubernetes.io"))
        account = _mapping(value=inside.get("serviceaccount"))
        found = {
            "namespace": inside.get("namespace"),
            "serviceaccount_uid": account.get("uid"),
        }
    else:
        found = {name: claims.get(name) for name in KINDS[kind].claims}
    return {name: value for name, value in found.items() if isinstance(value, str)}


def _mapping(*, value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _instant(*, value: object) -> datetime | None:
    if not isinstance(value, int) or isinstance(value, bool):
        return None
    try:
        return datetime.fromtimestamp(value, UTC)
    except (ValueError, OverflowError, OSError):
        return None
