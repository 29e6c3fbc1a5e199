"""
The constants of an installation, where its files lie, and how a process is told.

Issuer, log name and site go into every certificate and checkpoint for ever, so they
are written once by ``authority init`` and never derived from a host name or a port.
"""

import ipaddress
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from breakglass.authority.errors import NotUsable

DEFAULT_SITE: Final = "breakglass.internal"
DEFAULT_PORT: Final = 8001

ENV_DIR: Final = "BREAKGLASS_AUTHORITY_DIR"
ENV_DATABASE_URL: Final = "BREAKGLASS_AUTHORITY_DATABASE_URL"
ENV_URL: Final = "BREAKGLASS_AUTHORITY_URL"

_DNS_NAME: Final = re.compile(
    r"(?=.{1,253}\Z)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
    r"(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*"
)


@dataclass(frozen=True, slots=True)
class Constants:
    """What an installation is called: in certificates, checkpoints, trusted roots."""

    issuer: str
    log_name: str
    site: str

    def require_valid(self) -> None:
        """Raises `NotUsable` unless every name can stand in signed formats."""
        for label, name in (("site", self.site), ("log name", self.log_name)):
            if not _DNS_NAME.fullmatch(name):
                raise NotUsable(f"the {label} must be a lower-case DNS name: {name!r}")
        parts = urlsplit(self.issuer)
        plain = f"{parts.scheme}://{parts.netloc}{parts.path}"
        if (
            parts.scheme != "https"
            or not _DNS_NAME.fullmatch(re.sub(r":[0-9]{1,5}\Z", "", parts.netloc))
            or plain != self.issuer
            or not re.fullmatch(r"(/[A-Za-z0-9._~-]+)*", parts.path)
        ):
            raise NotUsable(
                "the issuer must be https://name/path without query or final slash: "
                f"{self.issuer!r}"
            )


@dataclass(frozen=True, slots=True)
class Layout:
    """The files of one installation, all under one directory."""

    base: Path

    @property
    def installation(self) -> Path:
        """Constants and generations; its presence means `init` has finished."""
        return self.base / "installation.json"

    @property
    def keys(self) -> Path:
        """The key rings (0700): they never leave the authority."""
        return self.base / "keys"

    def keys_of(self, generation: int) -> Path:
        """The key ring of one generation; the first lies in `keys` itself."""
        if generation == 1:
            return self.keys
        return self.keys / f"generation-{generation}"

    @property
    def portal_key(self) -> Path:
        """The portal's private key (0600): the portal reads it, the authority never."""
        return self.base / "portal" / "portal_key.pem"

    @property
    def portal_public(self) -> Path:
        """The public half, all that the authority needs of the portal's key."""
        return self.base / "portal_public.pem"

    @property
    def trust_config(self) -> Path:
        """Client trust config for the stock clients; rewritten at every start."""
        return self.base / "trust_config.json"

    @property
    def trusted_root(self) -> Path:
        """The trusted root alone, for verifiers that want only that."""
        return self.base / "trusted_root.json"


@dataclass(frozen=True, slots=True)
class ServeConfig:
    """What a serving process must know."""

    base: Path
    database_url: str
    public_url: str

    def to_environment(self) -> dict[str, str]:
        """Returns the variables from which a worker process rebuilds this value."""
        return {
            ENV_DIR: str(self.base),
            ENV_DATABASE_URL: self.database_url,
            ENV_URL: self.public_url,
        }


def from_environment(environment: Mapping[str, str] = os.environ) -> ServeConfig:
    """Rebuilds the configuration inside a worker; raises `NotUsable` when unset."""
    values: dict[str, str] = {}
    for name in (ENV_DIR, ENV_DATABASE_URL, ENV_URL):
        if not (value := environment_value(name, environment)):
            raise NotUsable(f"{name} is not set")
        values[name] = value
    return ServeConfig(
        base=Path(values[ENV_DIR]),
        database_url=values[ENV_DATABASE_URL],
        public_url=origin(values[ENV_URL]),
    )


def environment_value(
    name: str, environment: Mapping[str, str] = os.environ
) -> str | None:
    """Returns variable *name*, else the content of the file that *name*_FILE names."""
    if value := environment.get(name):
        return value
    if path := environment.get(f"{name}_FILE"):
        try:
            return Path(path).read_text(encoding="utf-8").strip()
        except (OSError, ValueError) as exc:
            raise NotUsable(f"{name}_FILE cannot be read: {path}") from exc
    return None


def origin(url: str) -> str:
    """
    Returns *url* as ``scheme://host[:port]``; raises `NotUsable` for anything more.

    The stock Fulcio client joins absolute paths, so a base URL with a path of its own
    would silently lose it.
    """
    problem = f"the URL must be http(s)://host[:port] and no more: {url!r}"
    try:
        parts = urlsplit(url)
        named = bool(parts.hostname) and parts.port != 0 and parts.username is None
    except ValueError as exc:  # a port out of range, a broken IPv6 address
        raise NotUsable(problem) from exc
    bare = parts.path in {"", "/"} and not parts.query and not parts.fragment
    if parts.scheme not in {"http", "https"} or not named or not bare:
        raise NotUsable(problem)
    return f"{parts.scheme}://{parts.netloc}"


def is_wildcard(host: str) -> bool:
    """Says whether *host* means every interface, so no client can call it by name."""
    try:
        return ipaddress.ip_address(host).is_unspecified
    except ValueError:
        return False
