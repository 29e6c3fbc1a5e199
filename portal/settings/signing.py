"""The Sigstore instance: docs/sigstore.md has a worked example of each."""

from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from environs import validate

from portal.settings.env import env, pairs_of_identity_and_issuer
from portal.settings.place import SITE, VAR_DIR
from portal.settings.providers import parse

SIGNING_INSTANCE: str = env.str(
    "BREAKGLASS_SIGNING_INSTANCE",
    "embedded",
    validate=validate.OneOf(["embedded", "private", "public"]),
)
_IS_EMBEDDED: Final = SIGNING_INSTANCE == "embedded"
SIGNING_ISSUER: str = env.str("BREAKGLASS_ISSUER", f"https://{SITE}/oidc")
SIGNING_LOG_NAME: str = env.str("BREAKGLASS_LOG_NAME", f"log.{SITE}")
AUTHORITY_DIR: str = env.str("BREAKGLASS_AUTHORITY_DIR", str(VAR_DIR / "authority"))
AUTHORITY_DATABASE_URL: str = env.str("BREAKGLASS_AUTHORITY_DATABASE_URL", "")
AUTHORITY_URL: str = env.str("BREAKGLASS_AUTHORITY_URL", "http://127.0.0.1:8001")
PORTAL_KEY: str = env.str(
    "BREAKGLASS_PORTAL_KEY", str(Path(AUTHORITY_DIR) / "portal" / "portal_key.pem")
)
TRUST_CONFIG: str = env.str(
    "BREAKGLASS_TRUST_CONFIG",
    str((Path(AUTHORITY_DIR) if _IS_EMBEDDED else VAR_DIR) / "trust_config.json"),
)
EXTRA_TRUST: list[str] = env.list("BREAKGLASS_EXTRA_TRUST", [])
TUF_URL: str = env.str(
    "BREAKGLASS_TUF_URL",
    "https://tuf-repo-cdn.sigstore.dev" if SIGNING_INSTANCE == "public" else "",
)
TUF_ROOT: str = env.str("BREAKGLASS_TUF_ROOT", "")
TUF_DIR: Final = str(VAR_DIR / "tuf")
# Whose name the certificates carry: tests hold what each way means.
SIGNING_IDENTITY: str = env.str(
    "BREAKGLASS_SIGNING_IDENTITY",
    "portal" if _IS_EMBEDDED else "workload",
    validate=validate.OneOf(["portal", "workload", "provider"]),
)
# Required where a platform names the workload: signatures that name another than
# these are refused, and that should be heard at the start and not at 02:00.
_REQUIRED: Any = ...
_IS_PORTAL: Final = SIGNING_IDENTITY == "portal"
EMBEDDED_WORKLOAD: Final = f"portal@{SITE}"
SIGNING_WORKLOAD: str = env.str(
    "BREAKGLASS_WORKLOAD_IDENTITY", EMBEDDED_WORKLOAD if _IS_PORTAL else _REQUIRED
)
WORKLOAD_ISSUER: str = env.str(
    "BREAKGLASS_WORKLOAD_ISSUER", SIGNING_ISSUER if _IS_PORTAL else _REQUIRED
)
WORKLOAD_TOKEN_FILE: str = env.str("BREAKGLASS_WORKLOAD_TOKEN_FILE", "")
EXTRA_WORKLOADS: list[str] = env.list(
    "BREAKGLASS_EXTRA_WORKLOADS", [], validate=pairs_of_identity_and_issuer
)
# The one provider whose ID tokens the instance takes for approvers' certificates.
OIDC_PROVIDERS: Final = parse(env.str("BREAKGLASS_OIDC_PROVIDERS", "[]"))
_TRUSTED: Final = next((one for one in OIDC_PROVIDERS if one.fulcio), None)
PROVIDER_ISSUER: str = _TRUSTED.issuer if _TRUSTED else ""
PROVIDER_CLIENT_ID: str = _TRUSTED.client_id if _TRUSTED else ""
SIGNING_DIGEST_ONLY: bool = env.bool(
    "BREAKGLASS_SIGNING_DIGEST_ONLY", SIGNING_INSTANCE == "public"
)
SIGNING_TLS_CA: str = env.str("BREAKGLASS_SIGNING_TLS_CA", "")
SIGNING_DEADLINE: Final = timedelta(
    seconds=env.int("BREAKGLASS_SIGNING_DEADLINE_SECONDS", 10)
)
SIGNING_SLOTS: int = env.int(
    "BREAKGLASS_SIGNING_SLOTS", 2, validate=validate.Range(min=1)
)
# What stands in while signing is down, for the tiers that allow it.
SEALED_KEY: str = env.str(
    "BREAKGLASS_SEALED_KEY", str(Path(AUTHORITY_DIR) / "sealed_key.pem")
)
SEALED_KEY_PASSPHRASE: str = env.str("BREAKGLASS_SEALED_KEY_PASSPHRASE", "")
# The first signs receipts; all of them are published.
RECEIPT_KEYS: list[str] = env.list(
    "BREAKGLASS_RECEIPT_KEYS", [str(Path(AUTHORITY_DIR) / "receipt_key.pem")]
)
CHECKPOINT_DIR: str = env.str("BREAKGLASS_CHECKPOINT_DIR", str(VAR_DIR / "checkpoints"))
EXPORT_DIR: str = env.str("BREAKGLASS_EXPORT_DIR", str(VAR_DIR / "exports"))
CHECKPOINT_WEBHOOK_URL: str = env.str("BREAKGLASS_CHECKPOINT_WEBHOOK_URL", "")
CHECKPOINT_WEBHOOK_SECRET: str = env.str("BREAKGLASS_CHECKPOINT_WEBHOOK_SECRET", "")
