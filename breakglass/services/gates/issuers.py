"""
Keep the keys of issuers fresh: a sweep fetches, a request only ever reads.

A key set that cannot be fetched leaves the old one, which is believed for a day. A
token under an unknown key asks for a look, and no issuer is looked at more than once
a minute, whoever asks.
"""

import logging
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import urlsplit

from django.conf import settings
from django.db.models import Q, QuerySet

from breakglass import clock
from breakglass.errors import InvalidInput, Unavailable
from breakglass.models import TokenIssuer, TokenUse
from breakglass.notify import addresses
from breakglass.rules.machine_identity import ISSUER_MAX
from breakglass.signing import issuers
from breakglass.texts import text

logger = logging.getLogger(__name__)

EVERY: Final = timedelta(minutes=15)
TRY_AGAIN_AFTER: Final = timedelta(minutes=1)
BELIEVED_FOR: Final = timedelta(hours=24)
"""How long keys count after they were fetched: the longest outage of an issuer."""

_DEADLINE: Final = timedelta(seconds=5)
_AT_ONCE: Final = 5
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})


def check_issuer(value: str) -> str:
    """Returns an issuer's address as its tokens carry it; raises InvalidInput."""
    if not 0 < len(value) <= ISSUER_MAX or not _is_allowed_url(value):
        msg = text(
            "the issuer is an https address without a query, exactly as its tokens "
            "name it"
        )
        raise InvalidInput(msg, field="issuer")
    return value


def refresh_due() -> int:
    """Fetches the keys of issuers that are due; returns of how many it got any."""
    now = clock.db_now()
    TokenUse.objects.filter(forget_at__lt=now).delete()
    fetched = 0
    for issuer in _due(now)[:_AT_ONCE]:
        won = TokenIssuer.objects.filter(pk=issuer.pk, tried_at=issuer.tried_at)
        if won.update(tried_at=now):
            fetched += _refresh(issuer)
    return fetched


def ask_for_a_look(issuer: TokenIssuer, *, now: datetime) -> None:
    """Notes that a token came under an unknown key; writes at most once a minute."""
    lately = now - TRY_AGAIN_AFTER
    if issuer.wanted_at is None and (issuer.tried_at or lately) <= lately:
        TokenIssuer.objects.filter(pk=issuer.pk, wanted_at__isnull=True).update(
            wanted_at=now
        )


def _due(now: datetime) -> QuerySet[TokenIssuer]:
    """Those that a live machine is of, the ones never asked first."""
    is_old = Q(fetched_at__isnull=True) | Q(fetched_at__lte=now - EVERY)
    is_free = Q(tried_at__isnull=True) | Q(tried_at__lte=now - TRY_AGAIN_AFTER)
    due = TokenIssuer.objects.filter(
        is_free, is_old | Q(wanted_at__isnull=False) | ~Q(trouble="")
    )
    used = due.filter(identities__removed_at__isnull=True).distinct()
    return used.order_by("tried_at", "pk")


def _refresh(issuer: TokenIssuer) -> bool:
    row = TokenIssuer.objects.filter(pk=issuer.pk)
    try:
        keys = issuers.fetch(
            issuer.issuer,
            allow=_require_allowed,
            is_allowed_url=_is_allowed_url,
            deadline=_DEADLINE,
            tls_ca=settings.IDENTITY_TLS_CA,
        )
    except Unavailable as error:
        logger.warning(
            "identity.keys_not_fetched",
            extra={"issuer": issuer.issuer, "why": str(error)},
        )
        row.update(trouble=str(error)[:200])
        return False
    row.update(keys=keys, fetched_at=clock.db_now(), wanted_at=None, trouble="")
    return True


def _is_allowed_url(url: str) -> bool:
    """https on the usual port; anything on a host that the operator lists."""
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").lower(), parts.port
    except ValueError:
        return False
    is_plain = parts.username is None and not (parts.query or parts.fragment)
    if not (host and is_plain and url.isascii() and url.isprintable()):
        return False
    if " " in url or "\\" in url:
        return False
    if host in settings.IDENTITY_HOSTS:
        return parts.scheme == "https" or (parts.scheme == "http" and host in _LOOPBACK)
    return parts.scheme == "https" and port in {None, 443}


def _require_allowed(host: str, address: str) -> None:
    if host.lower() in settings.IDENTITY_HOSTS or addresses.is_public(address):
        return
    msg = f"{host} is at {address}, which is not on the public internet"
    raise ConnectionRefusedError(msg)
