"""
Which Sigstore instance signs, whom we accept as signers, and under which roots.

Trusting the public instance's root means trusting certificates for everybody on the
internet, so a root never suffices: every accepted certificate names an identity and
an issuer that stand here.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from django.conf import settings

from breakglass.errors import SigningFailed
from breakglass.signing import Expected

EMBEDDED: Final = "embedded"
PRIVATE: Final = "private"
PUBLIC: Final = "public"

PORTAL: Final = "portal"
WORKLOAD: Final = "workload"
PROVIDER: Final = "provider"

_SIGNING_NOWHERE: Final = {
    "mediaType": "application/vnd.dev.sigstore.signingconfig.v0.2+json",
    "rekorTlogConfig": {"selector": "ANY"},
    "tsaConfig": {"selector": "ANY"},
}


@dataclass(frozen=True, slots=True)
class NamedRoot:
    """One trusted root (JSON text), and what an auditor may call it."""

    name: str
    trusted_root: str

    @property
    def trust_config(self) -> str:
        """The root as a client trust config, for tools that read only those."""
        return json.dumps(
            {
                "mediaType": "application/vnd.dev.sigstore.clienttrustconfig.v0.1+json",
                "trustedRoot": json.loads(self.trusted_root),
                "signingConfig": _SIGNING_NOWHERE,
            }
        )


def trust_config() -> str:
    """Returns the ClientTrustConfig of the instance; raises SigningFailed without."""
    try:
        return Path(settings.TRUST_CONFIG).read_text()
    except (OSError, UnicodeDecodeError) as error:
        remedy = (
            "has `manage.py authority init` run?"
            if settings.SIGNING_INSTANCE == EMBEDDED
            else "run `manage.py trust refresh`, or put the instance's file there"
        )
        msg = f"the trust config cannot be read: {remedy}"
        raise SigningFailed(msg, stage="trust", retryable=True) from error


def trusted_roots() -> list[NamedRoot]:
    """
    Returns the instance's root, then those of BREAKGLASS_EXTRA_TRUST, in order.

    An extra root is a former instance's, or the embedded authority's beside an
    external one. Raises SigningFailed (stage `trust`) for one that cannot be read.
    """
    current = root_in(trust_config(), name=settings.SIGNING_INSTANCE)
    return [current, *(extra_root(path) for path in settings.EXTRA_TRUST)]


def extra_root(path: str) -> NamedRoot:
    """Returns the root in a file: a TrustedRoot, or a ClientTrustConfig with one."""
    file = Path(path)
    try:
        text = file.read_text()
    except (OSError, UnicodeDecodeError) as error:
        msg = f"{file.name} of BREAKGLASS_EXTRA_TRUST cannot be read"
        raise SigningFailed(msg, stage="trust", retryable=True) from error
    return root_in(text, name=file.stem)


def workloads() -> tuple[Expected, ...]:
    """
    Returns the portal's own names: the one it signs under now, then former ones.

    The embedded authority's stays among them, so that what was signed before a
    change of instance is still the portal's.
    """
    former = (Expected(*pair.split()) for pair in settings.EXTRA_WORKLOADS)
    return tuple(
        dict.fromkeys((current_workload(), embedded_workload(), *former)),
    )


def current_workload() -> Expected:
    """Returns the name under which the portal signs now."""
    return Expected(settings.SIGNING_WORKLOAD, settings.WORKLOAD_ISSUER)


def embedded_workload() -> Expected:
    """Returns the portal's name at the embedded authority."""
    return Expected(settings.EMBEDDED_WORKLOAD, settings.SIGNING_ISSUER)


def person(email: str) -> tuple[Expected, ...]:
    """Returns the ways in which a certificate may name this person."""
    issuers = dict.fromkeys((settings.SIGNING_ISSUER, settings.PROVIDER_ISSUER))
    return tuple(Expected(email, issuer) for issuer in issuers if issuer)


def accepted(identity: str) -> tuple[Expected, ...]:
    """Returns the signers that a name stands for: the portal, or one person."""
    ours = workloads()
    if identity in {one.identity for one in ours}:
        # Asked for the portal as it is now, a former name of it is as good; asked
        # for a former name, only that one.
        if identity == settings.SIGNING_WORKLOAD:
            return ours
        return tuple(one for one in ours if one.identity == identity)
    return person(identity)


def is_workload(*, identity: str, issuer: str) -> bool:
    """Says whether a certificate's name is the portal's own, now or formerly."""
    return Expected(identity, issuer) in workloads()


def signers_of_approval(*, email: str, statement: bytes) -> tuple[Expected, ...]:
    """
    Returns whose certificate may stand under this person's approval.

    Their own. Or the portal's, when the signed statement itself names the person:
    then the certificate proves that the portal recorded it, and the statement and
    the passkey's assertion say whose decision it was.
    """
    if approver_named_in(statement) == email:
        return (*person(email), *workloads())
    return person(email)


def approver_named_in(statement: bytes) -> str:
    """Returns the approver's e-mail address in a statement, or nothing."""
    try:
        return str(json.loads(statement)["predicate"]["approver"]["email"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return ""


def root_in(text: str, *, name: str) -> NamedRoot:
    """Returns the root in a text; raises SigningFailed (stage `trust`) without one."""
    try:
        document: Any = json.loads(text)
        root = document.get("trustedRoot", document)
        is_root = "trustedroot+json" in root["mediaType"]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        is_root, root = False, {}
    if not is_root:
        msg = f"the trust config of {name} holds no trusted root"
        raise SigningFailed(msg, stage="trust", retryable=True)
    return NamedRoot(name=name, trusted_root=json.dumps(root))
