"""What the database refuses, whoever asks: the log and the evidence never change."""

from datetime import timedelta
from hashlib import sha256

import psycopg
import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction

from breakglass import clock
from breakglass.audit import chain
from breakglass.models import Approval, AuditEntry, Bundle, ChainHead
from tests import database
from tests.flows.services import steps

SIGNED = pytest.mark.django_db(transaction=True)


def as_app(statement, *values):
    """Runs one statement as the application's role."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement, values)


def as_owner(statement, *values):
    """Runs one statement as the role that owns the tables, in its own session."""
    with database.as_owner() as owner:
        owner.execute("SET lock_timeout = '5s'")
        owner.execute(statement, values)


def entry(tenant, **wrong):
    """Returns the columns of an honest next entry, but for what is `wrong`."""
    head = ChainHead.objects.get(tenant=tenant)
    body = chain.canonical({"seq": head.seq + 1, "what": "made up"})
    honest = {
        "tenant": tenant,
        "seq": head.seq + 1,
        "prev_hash": bytes(head.entry_hash),
        "entry_hash": chain.entry_hash(body),
        "body": body,
        "at": clock.db_now(),
        "event": "tenant.changed",
        "actor": "x",
    }
    return {**honest, **wrong}


# ------------------------------------------------------------ rewriting the log


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE breakglass_auditentry SET actor = 'nobody'",
        "UPDATE breakglass_auditentry SET body = body",
        "DELETE FROM breakglass_auditentry",
        "TRUNCATE breakglass_auditentry",
        "UPDATE breakglass_chainhead SET seq = 0",
        "DELETE FROM breakglass_chainhead",
        "TRUNCATE breakglass_chainhead",
        "UPDATE breakglass_bundle SET identity = 'mallory@acme.example'",
        "DELETE FROM breakglass_bundle",
        "UPDATE breakglass_approval SET ttl_seconds = 60",
        "DELETE FROM breakglass_approval",
        "ALTER TABLE breakglass_auditentry DISABLE TRIGGER ALL",
        "DROP TRIGGER auditentry_2_is_append_only ON breakglass_auditentry",
        "DROP TABLE breakglass_auditentry",
        "SET session_replication_role = replica",
        "DROP FUNCTION bg_now()",
    ],
    ids=lambda text: " ".join(text.split()[:4]),
)
def test_the_applications_role_has_no_right_to(db, statement):
    with pytest.raises(DatabaseError, match=r"permission denied|must be owner"):
        as_app(statement)


def test_the_applications_role_may_not_make_or_move_a_head(acme, charlie):
    with pytest.raises(DatabaseError, match="permission denied"):
        as_app(
            "INSERT INTO breakglass_chainhead (tenant_id, seq, entry_hash, max_at) "
            "VALUES (%s, 99, %s, now())",
            acme.pk,
            bytes(32),
        )


def test_the_applications_role_owns_nothing_and_is_no_superuser(db):
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT rolsuper OR rolbypassrls OR rolcreaterole FROM pg_roles "
            "WHERE rolname = current_user"
        )
        assert cursor.fetchone() == (False,)
        cursor.execute(
            "SELECT count(*) FROM pg_class c JOIN pg_roles r ON r.oid = c.relowner "
            "WHERE r.rolname = current_user AND c.relkind IN ('r', 'v', 'S')"
        )
        assert cursor.fetchone() == (0,)


@SIGNED
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE breakglass_auditentry SET actor = 'nobody' WHERE seq = 1",
        "DELETE FROM breakglass_auditentry WHERE seq > 1",
        "TRUNCATE breakglass_auditentry",
        "TRUNCATE breakglass_tenant CASCADE",
    ],
    ids=lambda text: " ".join(text.split()[:3]),
)
def test_even_the_owner_is_stopped_by_the_triggers_on_the_log(acme, statement):
    before = steps.size(acme)

    with pytest.raises(psycopg.errors.IntegrityConstraintViolation):
        as_owner(statement)

    assert steps.size(acme) == before


@SIGNED
def test_even_the_owner_is_stopped_by_the_triggers_on_the_evidence(active_grant):
    for statement in (
        "UPDATE breakglass_bundle SET identity = 'mallory@acme.example'",
        "DELETE FROM breakglass_bundle",
        "UPDATE breakglass_approval SET comment = 'fine by me'",
        "DELETE FROM breakglass_approval",
        "UPDATE breakglass_grant SET expires_at = expires_at + interval '1 hour'",
        "DELETE FROM breakglass_grant",
        "UPDATE breakglass_bypassrequest SET justification = 'none'",
        "DELETE FROM breakglass_bypassrequest",
        "UPDATE breakglass_intent SET statement = 'x'",
        "DELETE FROM breakglass_postmortem",
        "UPDATE breakglass_policy SET note = 'x'",
        "UPDATE breakglass_tier SET ttl_choices = '{86400}'",
        "DELETE FROM breakglass_requirement",
    ):
        with pytest.raises(psycopg.errors.IntegrityConstraintViolation):
            as_owner(statement)

    assert (Bundle.objects.count(), Approval.objects.count()) == (1, 1)


@SIGNED
def test_the_triggers_of_the_log_and_the_evidence_cannot_be_slept_through(db):
    """ENABLE ALWAYS: `session_replication_role = replica` does not switch them off."""
    with database.as_owner() as owner:
        rows = owner.execute(
            "SELECT tgname, tgenabled FROM pg_trigger WHERE NOT tgisinternal "
            "AND tgrelid = ANY (ARRAY['breakglass_auditentry', 'breakglass_bundle',"
            " 'breakglass_approval']::regclass[])"
        ).fetchall()

    assert {name for name, _ in rows} == {
        "auditentry_1_links",
        "auditentry_2_is_append_only",
        "auditentry_3_is_never_truncated",
        "bundle_is_append_only",
        "approval_is_append_only",
        "approval_is_valid",
    }
    assert {enabled for _, enabled in rows} == {"A"}


# ------------------------------------------------------------ forging an entry


def test_an_honest_entry_goes_in(acme):
    honest = entry(acme)

    AuditEntry.objects.create(**honest)

    assert ChainHead.objects.get(tenant=acme).seq == honest["seq"]


@pytest.mark.parametrize(
    "forgery",
    ["a gap", "an old number", "another link", "a time before", "a time to come"],
)
def test_an_entry_that_does_not_fit_its_place_is_refused(acme, forgery):
    head = ChainHead.objects.get(tenant=acme)
    wrong = {
        "a gap": {"seq": head.seq + 2},
        "an old number": {"seq": head.seq},
        "another link": {"prev_hash": bytes(32)},
        "a time before": {"at": head.max_at - timedelta(microseconds=1)},
        "a time to come": {"at": clock.db_now() + timedelta(hours=1)},
    }[forgery]

    with (
        pytest.raises(IntegrityError, match="chain violation"),
        transaction.atomic(),
    ):
        AuditEntry.objects.create(**entry(acme, **wrong))


@pytest.mark.parametrize(
    ("wrong", "constraint"),
    [
        ({"entry_hash": bytes(32)}, "hash_is_of_body"),
        ({"entry_hash": sha256(b"other").digest()}, "hash_is_of_body"),
        ({"body": b"other"}, "hash_is_of_body"),
    ],
)
def test_an_entry_whose_hash_is_not_of_its_bytes_is_refused(acme, wrong, constraint):
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        AuditEntry.objects.create(**entry(acme, **wrong))


def test_a_bundle_whose_hash_is_not_of_its_bytes_is_refused(
    acme, people, pending_request
):
    steps.approve(pending_request, people.peer)
    stored = Bundle.objects.get()
    stored.pk = None
    stored.intent = pending_request.intents.create(
        tenant=acme,
        kind="approval",
        state="signed",
        signer=people.admin,
        statement=b"{}",
        ttl_seconds=900,
        created_at=pending_request.opened_at,
        authenticated_at=pending_request.opened_at,
    )
    stored.bundle = b"other"

    with (
        pytest.raises(IntegrityError, match="sha256_is_of_bytes"),
        transaction.atomic(),
    ):
        stored.save(force_insert=True)
