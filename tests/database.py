"""The suite's database: a clock that a test may move, and a flush as the owner."""

import psycopg
from django.conf import settings
from django.db import connection, connections
from django.test import TransactionTestCase
from psycopg import sql

KEPT = {"django_migrations", "django_content_type", "auth_permission", "test_clock"}
_CLOCK = """
CREATE TABLE IF NOT EXISTS test_clock (shift interval NOT NULL);
DELETE FROM test_clock;
INSERT INTO test_clock VALUES ('0');
CREATE OR REPLACE FUNCTION bg_now() RETURNS timestamptz LANGUAGE sql VOLATILE AS
  $$ SELECT clock_timestamp() + (SELECT shift FROM test_clock) $$;
"""


def as_owner() -> psycopg.Connection:
    """Returns a connection as the role that owns the tables."""
    wanted = settings.DATABASES["owner"]
    return psycopg.connect(
        dbname=wanted["NAME"],
        user=wanted["USER"],
        host=wanted["HOST"],
        autocommit=True,
    )


def install() -> None:
    """Makes the clock movable, and TransactionTestCase flush as the owner."""
    with as_owner() as owner:
        owner.execute(_CLOCK)
    TransactionTestCase._fixture_teardown = lambda self: flush()


def advance(seconds: float) -> None:
    """Moves the database's clock, in the caller's transaction if there is one."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE test_clock SET shift = shift + make_interval(secs => %s)", [seconds]
        )


def flush() -> None:
    """Empties every table but Django's own registers; the app's role could not."""
    connections.close_all()
    with as_owner() as owner:
        rows = owner.execute(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
        ).fetchall()
        tables = [sql.Identifier(name) for (name,) in rows if name not in KEPT]
        guard = "TRIGGER auditentry_3_is_never_truncated"
        owner.execute(f"ALTER TABLE breakglass_auditentry DISABLE {guard}")
        owner.execute(
            sql.SQL("TRUNCATE {} RESTART IDENTITY").format(sql.SQL(", ").join(tables))
        )
        owner.execute(f"ALTER TABLE breakglass_auditentry ENABLE ALWAYS {guard}")
        owner.execute("UPDATE test_clock SET shift = '0'")
