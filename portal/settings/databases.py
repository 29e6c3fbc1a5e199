"""From a database URL to Django's dictionary."""

from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

# Waits are bounded on the server's side: a hung query or lock must not hang the door.
CONNECT_SECONDS = 3
LIMITS = " ".join(
    f"-c {name}={value}"
    for name, value in {
        "statement_timeout": "15s",
        "lock_timeout": "5s",
        "idle_in_transaction_session_timeout": "30s",
    }.items()
)


def database(url: str, *, application: str, limits: str = LIMITS) -> dict[str, Any]:
    """
    Returns Django's settings for one PostgreSQL URL.

    Accepts `postgresql://user:password@host:port/name?host=/socket/dir&sslmode=…`;
    raises ValueError for any other scheme, since PostgreSQL is the only database.
    """
    parts = urlsplit(url)
    if parts.scheme not in {"postgres", "postgresql"}:
        msg = f"only PostgreSQL is supported, not {parts.scheme or 'an empty scheme'}"
        raise ValueError(msg)
    query = dict(parse_qsl(parts.query))
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path.lstrip("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": query.pop("host", parts.hostname or ""),
        "PORT": str(parts.port or query.pop("port", "")),
        "CONN_MAX_AGE": 60,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {
            "application_name": application,
            "connect_timeout": CONNECT_SECONDS,
            "options": limits,
            **query,
        },
    }
