"""
The demo's past: the database's clock, set back while a new demo is being filled.

A chart of one afternoon shows nothing, and an overdue post-mortem needs days. What the
demo's past holds is made by the same services and really signed; only the moment that
the database tells is an earlier one (so the transparency log's own times are of today,
which its pages show). The clock belongs to the owner of the database, which no program
that serves connects as, and runs right again before anything serves.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

from django.db import connections

from breakglass.models import Tenant

SetBack = Callable[[timedelta], None]

# As in migration 0002: the wall clock, read when asked.
_CLOCK = """
    CREATE OR REPLACE FUNCTION bg_now() RETURNS timestamptz
    LANGUAGE sql VOLATILE PARALLEL SAFE AS
    $$ SELECT clock_timestamp(){shift} $$
"""


@contextmanager
def set_back() -> Iterator[SetBack]:
    """
    Yields a function that sets the clock back by so much; runs right again at the end.

    Each call should set it back by less than the one before: a log's time never turns
    around. Refuses a database that has a tenant already, which may be a real one.
    """
    if Tenant.objects.exists():
        msg = "the clock is only ever set back in a database that is still empty"
        raise RuntimeError(msg)
    try:
        yield _set
    finally:
        run_right()


def run_right() -> None:
    """Makes the clock tell the time again, whatever a start that broke off left."""
    _replace("")


def _set(ago: timedelta) -> None:
    _replace(f" - interval '{int(ago.total_seconds())} seconds'")


def _replace(shift: str) -> None:
    owner = connections["owner"]
    with owner.cursor() as cursor:
        cursor.execute(_CLOCK.format(shift=shift))
