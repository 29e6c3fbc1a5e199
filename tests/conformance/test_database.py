"""The database guards itself: its roles' rights and its triggers, as migrated."""

import re
from pathlib import Path

import pytest
from django.apps import apps
from django.conf import settings
from django.core.management import call_command
from django.db import connection
from django.db.migrations.loader import MigrationLoader

from tests import database

SQL = (
    Path(__file__).resolve().parents[2] / "breakglass/migrations/0002_guards.sql"
).read_text()
TRIGGERS = dict(re.findall(r"CREATE TRIGGER (\w+) BEFORE [A-Z ]+ ON (\w+)", SQL))
ALWAYS = set(re.findall(r"ENABLE ALWAYS TRIGGER (\w+)", SQL))
LEDGER = ("auditentry", "chainhead", "bundle", "approval")

pytestmark = pytest.mark.django_db


def rows(statement, params=()):
    with connection.cursor() as cursor:
        cursor.execute(statement, params)
        return cursor.fetchall()


def may(right, table, role=None):
    [(answer,)] = rows(
        "SELECT has_table_privilege(%s, %s, %s)",
        [role or settings.DATABASE_APP_ROLE, table, right],
    )
    return answer


def test_the_suite_works_as_the_app_and_not_as_the_owner():
    [(me,)] = rows("SELECT current_user")

    assert me == settings.DATABASE_APP_ROLE == "breakglass_app"


@pytest.mark.parametrize("right", ["UPDATE", "DELETE", "TRUNCATE"])
@pytest.mark.parametrize("table", LEDGER)
def test_the_app_has_no_right_to_rewrite_the_ledger(table, right):
    assert not may(right, f"breakglass_{table}")


@pytest.mark.parametrize("table", ["auditentry", "bundle", "approval"])
def test_the_app_may_read_and_add_to_the_ledger(table):
    assert may("SELECT", f"breakglass_{table}")
    assert may("INSERT", f"breakglass_{table}")


def test_the_app_may_not_make_a_chain_head_of_its_own():
    assert not may("INSERT", "breakglass_chainhead")


def test_the_app_may_truncate_nothing_of_ours():
    tables = [model._meta.db_table for model in apps.get_models()]

    assert [table for table in tables if may("TRUNCATE", table)] == []


def test_the_app_owns_nothing_and_cannot_switch_a_trigger_off():
    owned = rows(
        "SELECT relname FROM pg_class WHERE relowner = %s::regrole AND relkind = 'r'",
        [settings.DATABASE_APP_ROLE],
    )
    [role] = rows(
        "SELECT rolsuper, rolbypassrls, rolcreaterole, rolcreatedb, rolreplication "
        "FROM pg_roles WHERE rolname = %s",
        [settings.DATABASE_APP_ROLE],
    )
    [(member,)] = rows(
        "SELECT count(*) FROM pg_auth_members WHERE member = %s::regrole",
        [settings.DATABASE_APP_ROLE],
    )
    [(creates,)] = rows("SELECT has_schema_privilege('public', 'CREATE')")

    assert owned == []
    assert not any(role)
    assert member == 0
    assert not creates


def test_every_trigger_of_the_migration_stands_on_its_table():
    there = dict(
        rows(
            "SELECT tgname, tgrelid::regclass::text FROM pg_trigger "
            "WHERE NOT tgisinternal AND tgname = ANY (%s)",
            [list(TRIGGERS)],
        )
    )

    assert len(TRIGGERS) == SQL.count("CREATE TRIGGER ")
    assert there == TRIGGERS


def test_every_trigger_is_on_and_the_ledgers_stay_on_in_a_replica_session():
    modes = dict(
        rows(
            "SELECT tgname, tgenabled FROM pg_trigger WHERE tgname = ANY (%s)",
            [list(TRIGGERS)],
        )
    )

    assert {name for name, mode in modes.items() if mode == "A"} == ALWAYS
    assert {name for name, mode in modes.items() if mode == "O"} == (
        set(TRIGGERS) - ALWAYS
    )
    for table in ("auditentry", "bundle", "approval"):
        on_table = {n for n, t in TRIGGERS.items() if t == f"breakglass_{table}"}
        assert on_table
        assert on_table <= ALWAYS, "evidence is guarded in every session"


def test_the_functions_that_run_as_the_owner_name_their_search_path():
    """Otherwise a table of the caller's could stand in for the chain's head."""
    loose = rows(
        "SELECT proname FROM pg_proc WHERE prosecdef "
        "AND pronamespace = 'public'::regnamespace "
        "AND NOT coalesce(proconfig::text LIKE '%%search_path%%', false)"
    )

    assert loose == []


def test_the_words_of_an_entry_are_found_whatever_a_sessions_search_path_is():
    [(config,)] = rows("SELECT proconfig FROM pg_proc WHERE proname = 'bg_entry_words'")
    assert config == ["search_path=pg_catalog, pg_temp"]


def test_the_logs_indexes_are_built_while_it_goes_on_growing():
    loader = MigrationLoader(connection)
    leaf = loader.graph.leaf_nodes("breakglass")[0]
    plan = [loader.graph.nodes[key] for key in loader.graph.forwards_plan(leaf)]
    later = [one for one in plan if one.app_label == "breakglass"][2:]
    made = [
        line
        for line in loader.collect_sql([(one, False) for one in later])
        if "INDEX" in line and "breakglass_auditentry" in line
    ]

    assert len(made) == 2
    assert all("CREATE INDEX CONCURRENTLY" in line for line in made)


def test_not_everybody_may_lock_a_chain_head():
    [(public,)] = rows(
        "SELECT coalesce(array_to_string(proacl, ',') ~ '(^|,)=X', true) "
        "FROM pg_proc WHERE proname = 'bg_lock_head'"
    )

    assert not public


def test_the_checks_on_hashes_are_in_force():
    names = dict(
        rows(
            "SELECT conname, convalidated FROM pg_constraint WHERE conname = ANY (%s)",
            [
                [
                    "auditentry_prev_is_a_hash",
                    "auditentry_hash_is_of_body",
                    "bundle_sha256_is_of_bytes",
                ]
            ],
        )
    )

    assert list(names.values()) == [True, True, True]


def test_the_owner_owns_the_ledger():
    with database.as_owner() as owner:
        [(name,)] = owner.execute(
            "SELECT relowner::regrole::text FROM pg_class "
            "WHERE relname = 'breakglass_auditentry'"
        ).fetchall()

    assert name == settings.DATABASES["owner"]["USER"] != settings.DATABASE_APP_ROLE


def test_the_models_and_the_migrations_agree():
    call_command("makemigrations", check=True, dry_run=True, verbosity=0)
