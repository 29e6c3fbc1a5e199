"""Whom an archive's reader has to believe: roots, names and keys."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from django.conf import settings

from breakglass.models import Tenant
from breakglass.signing import fallback, instance, webauthn
from breakglass.signing.instance import NamedRoot

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
    """Returns every root under which something may be signed, the one in use first."""
    current, *former = instance.trusted_roots()
    found = [_root(current, name="", trust_config=instance.trust_config().encode())]
    found += [_root(one, name=one.name) for one in former]
    own = Path(settings.AUTHORITY_DIR) / "trust_config.json"
    if settings.SIGNING_INSTANCE != instance.EMBEDDED and own.is_file():
        # It stands in while the instance is down, for the tiers that allow it.
        stands_in = instance.extra_root(str(own))
        found.append(_root(stands_in, name=instance.EMBEDDED))
    return found


def note(*, tenant: Tenant) -> dict[str, Any]:
    """Returns trust.json, which an auditor should get by another way as well."""
    site = webauthn.relying_party()
    return {
        "type": TYPE,
        "tenant": {"id": str(tenant.public_id), "slug": tenant.slug},
        "workload": asdict(instance.current_workload()),
        "workloads": [asdict(one) for one in instance.workloads()],
        "approver_issuers": sorted(
            {settings.SIGNING_ISSUER, settings.PROVIDER_ISSUER} - {""}
        ),
        "roots": [
            {
                "name": root.name or root.kind,
                "kind": root.kind,
                "trusted_root": root.trusted_root,
            }
            for root in roots()
        ],
        "sealed_keys": list(fallback.sealed_keys()),
        "webauthn": {"rp_ids": [site.rp_id], "origins": [site.origin]},
    }


def _root(found: NamedRoot, *, name: str, trust_config: bytes = b"") -> Root:
    is_embedded = instance.EMBEDDED in (found.name, name)
    return Root(
        name=name,
        kind="embedded" if is_embedded else "instance",
        trusted_root=json.loads(found.trusted_root),
        trust_config=trust_config or found.trust_config.encode(),
    )
