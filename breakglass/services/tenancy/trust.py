"""
Keep the trust config of an external instance fresh, and say what is trusted.

Only here is a TUF repository asked: by a command or a sweep, never by a request and
never at the start of a process. A refresh that fails leaves the file as it was.
"""

import json
import logging
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from django.conf import settings

from breakglass import clock
from breakglass.errors import InvalidInput, SigningFailed, Unavailable
from breakglass.signing import instance, keyless

logger = logging.getLogger(__name__)

DEADLINE: Final = timedelta(seconds=45)
"""Of the whole refresh; a task's own limit is a little longer."""

EVERY: Final = timedelta(days=1)
TRY_AGAIN_AFTER: Final = timedelta(hours=1)
_ROOT_OF_CODE: Final = Path(__file__).resolve().parents[3]


@dataclass(frozen=True, slots=True)
class Refreshed:
    """What a refresh found: the file, its SHA-256, and whether it changed."""

    path: Path
    sha256: str
    is_new: bool


def refresh(*, deadline: timedelta = DEADLINE) -> Refreshed:
    """
    Fetches the instance's trust config through TUF and replaces the file at once.

    Raises InvalidInput when no repository is configured, Unavailable when it does
    not answer in time, is not what the first root vouches for, or is of no use for
    signing: then the file stays as it was.
    """
    if not settings.TUF_URL:
        msg = (
            "no TUF repository is configured (BREAKGLASS_TUF_URL): the trust config of "
            "this instance is a file that somebody puts there"
        )
        raise InvalidInput(msg, field="tuf_url")
    text = _fetched(deadline)
    try:
        keyless.require_usable(text)
    except SigningFailed as error:
        msg = f"{settings.TUF_URL} was not taken over: {error}"
        raise Unavailable(msg) from error
    path = Path(settings.TRUST_CONFIG)
    before = path.read_text() if path.exists() else ""
    try:
        _replace(path, text)
    except OSError as error:
        msg = f"{path} cannot be written: {error.strerror}"
        raise Unavailable(msg) from error
    digest = sha256(text.encode()).hexdigest()
    logger.info("trust.refreshed", extra={"sha256": digest, "new": before != text})
    return Refreshed(path=path, sha256=digest, is_new=before != text)


def refresh_due() -> int:
    """
    Refreshes once a day where there is a repository; returns how many were new.

    A failure is logged and tried again after an hour: the old file goes on serving.
    """
    if settings.SIGNING_INSTANCE == instance.EMBEDDED or not settings.TUF_URL:
        return 0
    now = clock.db_now()
    if _age(Path(settings.TRUST_CONFIG), now) < EVERY:
        return 0
    tried = Path(settings.TUF_DIR) / "last-try"
    if _age(tried, now) < TRY_AGAIN_AFTER:
        return 0
    tried.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    tried.write_text(f"{now:%Y-%m-%dT%H:%M:%SZ}\n")
    os.utime(tried, (now.timestamp(), now.timestamp()))  # by the database's clock
    try:
        return int(refresh().is_new)
    except Unavailable as error:
        logger.warning("trust.stale", extra={"why": str(error)})
        return 0


def age(*, now: datetime) -> timedelta | None:
    """Returns how old the trust config is; None without one."""
    path = Path(settings.TRUST_CONFIG)
    return _age(path, now) if path.exists() else None


def describe(*, now: datetime) -> dict[str, Any]:
    """Returns what is trusted and who signs, in words for an operator or auditor."""
    config = json.loads(instance.trust_config())
    current = age(now=now) or timedelta()
    return {
        "instance": settings.SIGNING_INSTANCE,
        "signs as": settings.SIGNING_IDENTITY,
        "workload": [f"{one.identity} ({one.issuer})" for one in instance.workloads()],
        "trust config": settings.TRUST_CONFIG,
        "age in hours": round(current.total_seconds() / 3600, 1),
        "TUF repository": settings.TUF_URL or "none",
        "what leaves the site": (
            "digest, signature, certificate"
            if settings.SIGNING_DIGEST_ONLY
            else "statement, signature, certificate"
        ),
        "services": _services(config.get("signingConfig", {})),
        "roots": [_root(named) for named in instance.trusted_roots()],
    }


def _fetched(deadline: timedelta) -> str:
    # Folders of our own: what TUF has seen is what keeps old metadata from being
    # played again, and the home of a service user may not be writable.
    home = {"XDG_DATA_HOME": settings.TUF_DIR, "XDG_CACHE_HOME": settings.TUF_DIR}
    command = [sys.executable, "-m", "breakglass.signing.tuf", settings.TUF_URL]
    try:
        done = subprocess.run(  # noqa: S603 - our own module, the operator's address
            [*command, settings.TUF_ROOT],
            capture_output=True,
            text=True,
            timeout=deadline.total_seconds(),
            cwd=_ROOT_OF_CODE,
            env={**os.environ, **home},
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        seconds = int(deadline.total_seconds())
        msg = f"{settings.TUF_URL} did not answer within {seconds} s"
        raise Unavailable(msg) from error
    if done.returncode:
        lines = done.stderr.strip().splitlines() or ["no reason given"]
        msg = f"{settings.TUF_URL} gave no trust config: {lines[-1][:300]}"
        raise Unavailable(msg)
    return done.stdout


def _replace(path: Path, text: str) -> None:
    """A reader sees the old file or the new one, never a part."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(text)
            file.flush()
            os.fchmod(file.fileno(), 0o644)  # public, and mkstemp makes it 0600
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _age(path: Path, now: datetime) -> timedelta:
    try:
        return now - datetime.fromtimestamp(path.stat().st_mtime, UTC)
    except OSError:  # no such file: older than anything
        return timedelta.max


def _services(signing: dict[str, Any]) -> dict[str, list[str]]:
    kinds = {"caUrls": "Fulcio", "rekorTlogUrls": "log", "tsaUrls": "timestamps"}
    return {
        word: [str(item.get("url")) for item in signing.get(key, [])]
        for key, word in kinds.items()
    }


def _root(named: instance.NamedRoot) -> dict[str, Any]:
    root = json.loads(named.trusted_root)
    logs = [item.get("baseUrl") for item in root.get("tlogs", [])]
    authorities = [item.get("uri") for item in root.get("certificateAuthorities", [])]
    digest = sha256(named.trusted_root.encode()).hexdigest()
    return {
        "name": named.name,
        "authorities": authorities,
        "logs": logs,
        "sha256": digest,
    }
