"""
Who built an artefact, as a Sigstore bundle proves it: SLSA provenance, in-toto, DSSE.

The verifier is the one of approvals, under the root and the name that a gate trusts.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from breakglass.errors import SigningFailed
from breakglass.signing import Expected, instance
from breakglass.signing.keyless import KeylessVerifier

PREDICATES: Final = (
    "https://slsa.dev/provenance/v1",
    "https://slsa.dev/provenance/v0.2",
)
ROOT_MAX: Final = 65_536
_WORD_MAX: Final = 300


@dataclass(frozen=True, slots=True)
class Proof:
    """What a good bundle says: its kind, and the builder it names (may be empty)."""

    predicate_type: str
    builder: str


def checked_root(text: str) -> str:
    """
    Returns a trusted root, or a client trust config with one, if it is usable.

    Raises SigningFailed (stage `trust`). Nothing is looked up.
    """
    if len(text) > ROOT_MAX:
        msg = f"the trusted root is longer than {ROOT_MAX} characters"
        raise SigningFailed(msg, stage="trust", retryable=False)
    instance.root_in(text, name="this gate")
    return text


def prove(
    *, bundle: bytes, identity: str, issuer: str, root: str, digest: str
) -> Proof:
    """
    Returns what a bundle proves of the artefact with this SHA-256 (hexadecimal).

    Without a `root` that of this installation counts. Raises SigningFailed (stages
    `trust`, `verify`) for a bundle that does not verify in that name, is no SLSA
    provenance, or is about other artefacts.
    """
    config = (
        instance.root_in(root, name="this gate").trust_config
        if root
        else instance.trust_config()
    )
    verifier = KeylessVerifier(trust_config=config, issuer=issuer)
    expected = (Expected(identity, issuer),)
    try:
        payload = verifier.payload_of(bundle=bundle, expected=expected)
        return _read(json.loads(payload), digest=digest)
    except SigningFailed:
        raise
    except Exception as error:  # a stranger's bytes: whatever they raise proves nothing
        msg = f"the bundle cannot be read ({type(error).__name__})"
        raise SigningFailed(msg, stage="verify", retryable=False) from error


def _read(statement: Mapping[str, Any], *, digest: str) -> Proof:
    kind = statement.get("predicateType")
    if kind not in PREDICATES:
        raise _unfit("it is signed, and is no SLSA provenance")
    subjects = statement.get("subject")
    named = {
        one["digest"].get("sha256")
        for one in (subjects if isinstance(subjects, list) else [])
        if isinstance(one, dict) and isinstance(one.get("digest"), dict)
    }
    if digest not in named:
        raise _unfit("it is about another artefact than the deploy's")
    return Proof(predicate_type=str(kind), builder=_builder(statement))


def _builder(statement: Mapping[str, Any]) -> str:
    """Where version 1 and version 0.2 name the builder; anything else is not said."""
    predicate = statement.get("predicate")
    found: Any = predicate if isinstance(predicate, dict) else {}
    details = found.get("runDetails")
    place = details if isinstance(details, dict) else found
    builder = place.get("builder")
    said = builder.get("id") if isinstance(builder, dict) else ""
    return said[:_WORD_MAX] if isinstance(said, str) else ""


def _unfit(why: str) -> SigningFailed:
    return SigningFailed(why, stage="verify", retryable=False)
