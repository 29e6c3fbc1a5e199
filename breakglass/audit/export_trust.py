"""Whom an archive's reader has to believe: roots, names and keys."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from django.conf import settings

from breakglass.errors import SigningFailed
from breakglass.models import Tenant

TYPE: Final = "breakglass/trust/v1"


@dataclass(frozen=True, slots=True)
class Root:
    """One trusted root: what to call it, and the same for the stock command."""

    name: str
    kind: str
    trusted_root: dict[str, Any]
    trust_config: bytes

    @property
    def file(self) -> str:
        """Where the archive keeps the stock command's trust config."""
        return (
            "trust_config.json" if not self.name else f"trust_config-{self.name}.json"
        )


def roots() -> list[Root]:
    """Returns the trusted roots of this installation, the one in use first."""
    try:
        raw = Path(settings.TRUST_CONFIG).read_bytes()
        root = json.loads(raw)["trustedRoot"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        msg = "the trust config cannot be read: without it nobody can verify an archive"
        raise SigningFailed(msg, stage="trust", retryable=True) from error
    # Whoever signs elsewhere says so in the settings; what cannot be chosen is ours.
    instance = getattr(settings, "SIGNING_INSTANCE", "embedded")
    kind = "embedded" if instance == "embedded" else "instance"
    return [Root(name="", kind=kind, trusted_root=root, trust_config=raw)]


def note(*, tenant: Tenant) -> dict[str, Any]:
    """Returns trust.json, which an auditor should get by another way as well."""
    base = urlsplit(settings.BASE_URL)
    return {
        "type": TYPE,
        "tenant": {"id": str(tenant.public_id), "slug": tenant.slug},
        "workload": {
            "identity": settings.SIGNING_WORKLOAD,
            "issuer": settings.SIGNING_ISSUER,
        },
        "approver_issuers": [settings.SIGNING_ISSUER],
        "roots": [
            {
                "name": root.name or root.kind,
                "kind": root.kind,
                "trusted_root": root.trusted_root,
            }
            for root in roots()
        ],
        "sealed_keys": sealed_keys(),
        "webauthn": {
            "rp_ids": [getattr(settings, "RP_ID", "") or base.hostname or "localhost"],
            "origins": [f"{base.scheme}://{base.netloc}"],
        },
    }


def sealed_keys() -> list[dict[str, str]]:
    """Returns the sealed local keys of the outage fallback, if there are any."""
    return []
