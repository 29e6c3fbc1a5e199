"""A clock that stands still, for what is decided to the microsecond."""

import pytest
from django.db import connection

from tests import database


@pytest.fixture
def stop_clock(db):
    """Makes the database's clock say `moment` until told otherwise: `stop_clock(m)`."""
    with database.as_owner() as owner:
        (moving,) = owner.execute(
            "SELECT pg_get_functiondef('bg_now'::regproc)"
        ).fetchone()

    def stop(moment):
        with database.as_owner() as owner:
            owner.execute(
                "CREATE OR REPLACE FUNCTION bg_now() RETURNS timestamptz "
                "LANGUAGE sql VOLATILE AS "
                f"$$ SELECT '{moment.isoformat()}'::timestamptz $$"
            )
        with connection.cursor() as cursor:  # a kept plan would hold the clock's body
            cursor.execute("DISCARD PLANS")

    yield stop
    with database.as_owner() as owner:
        owner.execute(moving)
