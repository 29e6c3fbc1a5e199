"""What an operator's probes ask: is each part there, and how much is waiting."""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache, partial
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Final

import redis
from django.conf import settings
from django.db import Error as DatabaseTrouble
from django.db import connection, transaction
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.db.models import Q, QuerySet
from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from breakglass import clock
from breakglass.models import (
    BypassRequest,
    Countersignature,
    Grant,
    Intent,
    Notification,
    OutboxMessage,
    PostMortem,
)
from breakglass.states import (
    DeliveryState,
    GrantState,
    IntentState,
    PostMortemState,
    RequestState,
)
from portal.http.health import logs, signing

logger: Final = logging.getLogger(__name__)

OK: Final = "ok"
FAILED: Final = "failed"
REGISTRY: Final = CollectorRegistry()
"""What this process counts itself. Gauges are read from the database instead."""

_BROKER_TIMEOUT: Final = 0.5
_GAUGE_TIMEOUT: Final = "1s"
_COUNTED_AT_MOST: Final = 10_000


@dataclass(frozen=True, slots=True)
class Check:
    """How one part is, and whether the portal can serve without it."""

    state: str
    blocks: bool
    detail: str = ""


def readiness() -> dict[str, Check]:
    """
    Returns the state of every part. Never raises.

    Only the database blocks: with signing or the broker away, or a log in question,
    the portal still decides, shows and tells, so it must not be taken out of service.
    """
    return {
        "database": _checked(_database, blocks=True),
        "schema": _checked(_schema, blocks=True),
        "signing": _checked(signing.complaint, blocks=False),
        "broker": _checked(_broker, blocks=False),
        "log": _checked(logs.logs, blocks=False),
        "checkpoints": _checked(logs.checkpoints, blocks=False),
    }


def redis_url(url: str) -> str:
    """Returns a Celery broker address in the form that redis-py reads."""
    if not url.startswith("redis+socket://"):
        return url
    path, _, query = url.removeprefix("redis+socket://").partition("?")
    query = query.replace("virtual_host=", "db=")
    return f"unix://{path}" + (f"?{query}" if query else "")


# --- readiness ------------------------------------------------------------------------


def _checked(check: Callable[[], str], *, blocks: bool) -> Check:
    """Runs one check; what it returns is a complaint, and so is what it raises."""
    try:
        complaint = check()
    except Exception as exc:  # a probe must answer whatever breaks
        logger.warning("health.failed", extra={"check": check.__name__}, exc_info=exc)
        complaint = "does not answer"
    return Check(FAILED if complaint else OK, blocks, complaint)


def _database() -> str:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_is_in_recovery(), current_setting('transaction_read_only')"
        )
        in_recovery, read_only = cursor.fetchone()
    if in_recovery:
        return "is in recovery: decisions need the primary"
    return "is read-only" if read_only == "on" else ""


def _schema() -> str:
    applied = MigrationRecorder(connection).applied_migrations()
    missing = [f"{app}.{name}" for app, name in _newest() if (app, name) not in applied]
    return f"is behind: {', '.join(missing)}" if missing else ""


@cache
def _newest() -> tuple[tuple[str, str], ...]:
    """The last migrations that this code knows: files do not change while it runs."""
    return tuple(sorted(MigrationLoader(None).graph.leaf_nodes()))


def _broker() -> str:
    with redis.Redis.from_url(
        redis_url(settings.CELERY_BROKER_URL),
        socket_timeout=_BROKER_TIMEOUT,
        socket_connect_timeout=_BROKER_TIMEOUT,
    ) as client:
        return "" if client.ping() else "does not answer"


# --- gauges ---------------------------------------------------------------------------

_ACTIVE: Final = Grant.objects.filter(state=GrantState.ACTIVE)
_PROMISED: Final = OutboxMessage.objects.filter(state=DeliveryState.PENDING)
_WRITTEN: Final = Notification.objects.filter(state=DeliveryState.PENDING)


class DatabaseGauges(Collector):
    """
    Reads how things stand at the moment of a scrape.

    Totals over all tenants: a metric's label would tell strangers who the tenants
    are. Each read is bounded in rows and time, and one that fails is left out.
    """

    def collect(self) -> Iterable[Metric]:
        """Yields the gauges; without a database only that it is down."""
        yield _gauge("build_info", "The running version.", 1, version=_version())
        try:
            now = clock.db_now()
        except DatabaseTrouble as exc:
            logger.warning("metrics.no_database", exc_info=exc)
            yield _gauge("database_up", "Whether the database answers.", 0)
            return
        yield _gauge("database_up", "Whether the database answers.", 1)
        yield from self._read(now)

    def _read(self, now: datetime) -> Iterator[Metric]:
        for name, (told, rows) in _COUNTS.items():
            yield from _measured(name, told, partial(_count, rows, now))
        for name, (told, number) in _NUMBERS.items():
            yield from _measured(name, told, partial(number, now))


def _measured(name: str, told: str, read: Callable[[], float]) -> Iterator[Metric]:
    try:
        with transaction.atomic():
            _bound_time()
            number = read()
    except DatabaseTrouble as exc:
        logger.warning("metrics.gauge_failed", extra={"gauge": name}, exc_info=exc)
        return
    yield _gauge(name, told, number)


def _bound_time() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT set_config('statement_timeout', %s, true)", [_GAUGE_TIMEOUT]
        )


def _gauge(name: str, told: str, number: float, **labels: str) -> Metric:
    family = GaugeMetricFamily(f"breakglass_{name}", told, labels=list(labels))
    family.add_metric(list(labels.values()), number)
    return family


def _count(rows: Callable[[datetime], QuerySet[Any]], now: datetime) -> int:
    """Counts no further than anybody needs to know."""
    return rows(now).order_by()[:_COUNTED_AT_MOST].count()


def _owed(now: datetime) -> QuerySet[PostMortem]:
    """Open by predicate too, so that a dead worker hides nothing."""
    return PostMortem.objects.filter(
        Q(state=PostMortemState.OPEN)
        | Q(state=PostMortemState.SCHEDULED, opens_at__lte=now)
    )


_COUNTS: Final[Mapping[str, tuple[str, Callable[[datetime], QuerySet[Any]]]]] = {
    "grants_in_force": (
        "Bypasses in force now.",
        lambda now: _ACTIVE.filter(starts_at__lte=now, expires_at__gt=now),
    ),
    "grants_unswept": (
        "Grants past their end that no sweep has closed.",
        lambda now: _ACTIVE.filter(expires_at__lte=now),
    ),
    "requests_pending": (
        "Requests that wait for approval.",
        lambda now: BypassRequest.objects.filter(
            state=RequestState.PENDING, lapses_at__gt=now
        ),
    ),
    "postmortems_open": ("Post-mortems to be written.", _owed),
    "postmortems_overdue": (
        "Post-mortems past their deadline.",
        lambda now: _owed(now).filter(due_at__lte=now),
    ),
    "outbox_pending": (
        "Promised side effects that are due.",
        lambda now: _PROMISED.filter(due_at__lte=now),
    ),
    "outbox_failed": (
        "Promised side effects given up.",
        lambda _now: OutboxMessage.objects.filter(state=DeliveryState.FAILED),
    ),
    "messages_pending": (
        "Messages to people that are due.",
        lambda now: _WRITTEN.filter(next_try_at__lte=now),
    ),
    "messages_failed": (
        "Messages to people given up.",
        lambda _now: Notification.objects.filter(state=DeliveryState.FAILED),
    ),
    "countersignatures_waiting": (
        "Grants of the outage fallback that the instance has not countersigned.",
        lambda _now: Countersignature.objects.filter(signed_at__isnull=True),
    ),
    "grants_unverified": (
        "Grants of the outage fallback that were not countersigned in time.",
        lambda _now: Countersignature.objects.filter(flagged_at__isnull=False),
    ),
    "intents_waiting": (
        "Statements that wait for their signature.",
        lambda _now: Intent.objects.filter(
            state__in=(IntentState.COMMITTED, IntentState.SIGNED)
        ),
    ),
    **logs.COUNTS,
}


def _unsent_seconds(now: datetime) -> float:
    promised = _PROMISED.filter(due_at__lte=now).order_by("due_at").first()
    written = _WRITTEN.filter(next_try_at__lte=now).order_by("next_try_at").first()
    since = [promised.due_at] if promised else []
    since += [written.created_at] if written else []
    return max((now - at for at in since), default=timedelta()).total_seconds()


_NUMBERS: Final[Mapping[str, tuple[str, Callable[[datetime], float]]]] = {
    "unsent_oldest_seconds": ("How long the oldest due one waits.", _unsent_seconds),
    **logs.NUMBERS,
}


def _version() -> str:
    try:
        return version("breakglass")
    except PackageNotFoundError:  # run from its source tree
        return "source"
