"""The suite's database: a clock that a test may move, and a quick way to empty it."""

import os

import psycopg
from django.conf import settings
from django.db import connection, connections
from django.test import TransactionTestCase

from tests.servers import SUPERUSER_URL

_CLOCK = """
CREATE TABLE IF NOT EXISTS test_clock (shift interval NOT NULL);
DELETE FROM test_clock;
INSERT INTO test_clock VALUES ('0');
CREATE OR REPLACE FUNCTION bg_now() RETURNS timestamptz LANGUAGE sql VOLATILE AS
  $$ SELECT clock_timestamp() + (SELECT shift FROM test_clock) $$;
"""
# Deletes where there is something, and truncates nothing: sixty tables would get sixty
# new files, which costs more than most tests do. As the superuser and with triggers
# off, since foreign keys and append-only guards would both have their say.
_EMPTY = """
SET session_replication_role = replica;
DO $$
DECLARE
  place regclass; guard name; guards name[]; is_full boolean; counter text;
BEGIN
  FOR place IN SELECT oid FROM pg_class
    WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND relname NOT IN
      ('django_migrations', 'django_content_type', 'auth_permission', 'test_clock')
  LOOP
    EXECUTE format('SELECT EXISTS (SELECT FROM %s)', place) INTO is_full;
    CONTINUE WHEN NOT is_full;
    guards := ARRAY(SELECT tgname FROM pg_trigger
      WHERE tgrelid = place AND tgenabled = 'A' AND NOT tgisinternal);
    FOREACH guard IN ARRAY guards LOOP
      EXECUTE format('ALTER TABLE %s DISABLE TRIGGER %I', place, guard);
    END LOOP;
    EXECUTE format('DELETE FROM %s', place);
    FOREACH guard IN ARRAY guards LOOP
      EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER %I', place, guard);
    END LOOP;
  END LOOP;
  FOR counter IN SELECT format('%I.%I', schemaname, sequencename) FROM pg_sequences
    WHERE schemaname = 'public' AND last_value IS NOT NULL
  LOOP
    PERFORM setval(counter, 1, false);
  END LOOP;
  UPDATE test_clock SET shift = '0';
END $$;
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
    """Makes the clock movable, and TransactionTestCase flush in our way."""
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
    """Empties every table but Django's own registers, and sets the clock right."""
    connections.close_all()
    name = settings.DATABASES["owner"]["NAME"]
    with psycopg.connect(os.environ[SUPERUSER_URL], dbname=name) as server:
        server.execute(_EMPTY)
