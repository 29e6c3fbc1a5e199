"""A decision costs the same however many grants have closed, and few more are open."""

import os
from uuid import uuid4

import psycopg
import pytest
from django.conf import settings
from django.db import connection, transaction
from psycopg.conninfo import make_conninfo

from breakglass.queries import certainty
from portal.api.ahead.questions import token_hash
from tests.flows.services import steps
from tests.servers import SUPERUSER_URL

pytestmark = pytest.mark.django_db(transaction=True)

_COPY = """
    INSERT INTO breakglass_grant (tenant_id, gate_id, request_id, postmortem_id,
      statement_id, service, branch, artifact, quorum, ttl_seconds, digest_required,
      assurance, starts_at, expires_at, state, closed_at, close_reason)
    SELECT tenant_id, gate_id, -n, -n, -n,
      service || CASE WHEN n > %(closed)s THEN n::text ELSE '' END, branch, artifact,
      quorum, ttl_seconds, digest_required, assurance, starts_at, expires_at,
      CASE WHEN n > %(closed)s THEN 'active' ELSE 'expired' END,
      CASE WHEN n > %(closed)s THEN NULL ELSE expires_at END, ''
    FROM breakglass_grant, generate_series(%(first)s::bigint, %(last)s) n
    WHERE request_id > 0
"""

_GUARDS = """
    SELECT tgname FROM pg_trigger
    WHERE tgrelid = 'breakglass_grant'::regclass AND tgenabled = 'A'
"""
_READ = """
    SELECT seq_tup_read, idx_tup_fetch FROM pg_stat_xact_user_tables
    WHERE relname = 'breakglass_grant'
"""


def more_grants(*, first, closed, last):
    """Copies the one real grant, which no door of the application allows."""
    url = make_conninfo(
        os.environ[SUPERUSER_URL], dbname=settings.DATABASES["default"]["NAME"]
    )
    with psycopg.connect(url, autocommit=True) as server:
        server.execute("SET session_replication_role = replica")
        guards = [name for (name,) in server.execute(_GUARDS)]
        for name in guards:
            server.execute(f"ALTER TABLE breakglass_grant DISABLE TRIGGER {name}")
        server.execute(_COPY, {"first": first, "closed": closed, "last": last})
        for name in guards:
            server.execute(f"ALTER TABLE breakglass_grant ENABLE ALWAYS TRIGGER {name}")
        server.execute("ANALYZE breakglass_grant")


def rows_read(question):
    """Rows of grants that a question reads: by whole scans, and by an index."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_READ)
        before = cursor.fetchone()
        question()
        cursor.execute(_READ)
        return [now - then for now, then in zip(cursor.fetchone(), before, strict=True)]


def test_a_decision_reads_as_many_rows_beside_100_closed_grants_as_beside_20000(
    gate, gate_token, active_grant
):
    def strictly():
        found = certainty.reading(
            connection.connection,
            token_hash=token_hash(f"Bearer {gate_token}"),
            service="payments",
            deploy_id="run-1",
        )
        assert found.certain

    questions = (
        lambda: steps.ask(gate, f"run-{uuid4()}"),
        lambda: steps.ask(gate, service="payments"),
        strictly,
    )
    more_grants(first=1, closed=100, last=1_100)
    few = [rows_read(question) for question in questions]

    more_grants(first=1_101, closed=21_000, last=21_000)

    assert [rows_read(question) for question in questions] == few
    assert all(scanned == 0 and found < 10 for scanned, found in few), few
