"""The one clock: the database's, through a SQL function that tests may replace."""

from datetime import datetime

from django.db import connection
from django.db.models import DateTimeField, Func


class DbNow(Func):
    """The same clock inside a query. For lists only: a deadline is judged by db_now."""

    function = "bg_now"
    template = "%(function)s()"
    output_field = DateTimeField()


def db_now() -> datetime:
    """
    Returns the primary's wall clock, in UTC.

    Read it in a statement of its own *after* taking a lock: the clock of the
    statement that waited for the lock is the time before the wait (security.md,
    finding 3).
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT bg_now()")
        row = cursor.fetchone()
    now: datetime = row[0]
    return now
