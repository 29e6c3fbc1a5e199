"""What the database refuses of passkeys, merges and the fallback: migration 0004."""

from datetime import timedelta

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction

from breakglass import clock
from breakglass.models import (
    Assertion,
    Authentication,
    Countersignature,
    Credential,
    CredentialNotice,
    Identity,
    Reanchor,
    User,
)
from tests import factories
from tests.flows.services import steps
from tests.flows.services.rows import (
    assert_with,
    evidence,
    insert,
    insert_grant,
    passkey,
)

pytestmark = pytest.mark.django_db


def refuses(match, step):
    with pytest.raises(DatabaseError, match=match), transaction.atomic():
        step()
    return True


def offline(bypass, person, *, with_passkey=True):
    """An approval that the sealed key signed."""
    bundle = evidence(bypass, person, signed_by="sealed_key")
    if with_passkey:
        assert_with(bundle, person)
    return insert(bypass, person, bundle)


# ------------------------------------------------------------ evidence never changes


def test_a_stored_assertion_and_its_sign_in_never_change(people, pending_request):
    steps.approve(pending_request, people.peer)
    bundle, _ = assert_with(evidence(pending_request, people.senior), people.senior)

    assert refuses("permission denied", Assertion.objects.all().delete)
    assert refuses(
        "permission denied", lambda: Assertion.objects.update(signature=b"other")
    )
    assert refuses(
        "permission denied", lambda: Authentication.objects.update(method="passkey")
    )
    assert Assertion.objects.get().intent == bundle.intent


def test_a_passkeys_key_and_person_stay_and_its_end_is_written_once(people):
    mine = passkey(people.peer)
    rows = Credential.objects.filter(pk=mine.pk)

    assert refuses("frozen", lambda: rows.update(public_key=b"another"))
    assert refuses("frozen", lambda: rows.update(user=people.oncall))
    assert refuses("append-only", rows.delete)
    rows.update(revoked_at=clock.db_now(), revoked_by="peer@acme.example")
    assert refuses("set once", lambda: rows.update(revoked_at=None, revoked_by="")), (
        "a revoked passkey does not come back"
    )


def test_no_cool_down_is_shortened_and_no_notice_moved(acme, people):
    mine, now = passkey(people.peer), clock.db_now()
    assert refuses(
        "credentialnotice_cools_down",
        lambda: CredentialNotice.objects.create(
            credential=mine,
            tenant=acme,
            logged_at=now,
            usable_from=now - timedelta(seconds=1),
        ),
    )
    CredentialNotice.objects.create(
        credential=mine, tenant=acme, logged_at=now, usable_from=now
    )

    assert refuses(
        "permission denied", lambda: CredentialNotice.objects.update(usable_from=now)
    )


def test_an_identity_ends_once_and_may_then_be_somebody_elses(people):
    pair = {"issuer": "https://login.example", "subject": "42"}
    first = Identity.objects.create(user=people.peer, created_at=clock.db_now(), **pair)
    taken = {"user": people.senior, "created_at": clock.db_now(), **pair}
    rows = Identity.objects.filter(pk=first.pk)

    assert refuses("is_one_person", lambda: Identity.objects.create(**taken))
    assert refuses("frozen", lambda: rows.update(user=people.senior))
    rows.update(unlinked_at=clock.db_now())
    assert refuses("set once", lambda: rows.update(unlinked_at=None))
    assert Identity.objects.create(**taken).user == people.senior


def test_a_merged_account_is_never_active(people):
    rows = User.objects.filter(pk=people.peer.pk)

    assert refuses(
        "user_merged_is_inactive", lambda: rows.update(merged_into=people.senior)
    )
    rows.update(merged_into=people.senior, is_active=False)
    assert refuses("user_merged_is_inactive", lambda: rows.update(is_active=True))


def test_one_admin_alone_never_anchors_a_log_again(acme, people):
    now = clock.db_now()
    asked = Reanchor.objects.create(
        tenant=acme,
        reason="restored",
        size=1,
        head_hash=bytes(32),
        published_size=2,
        published_hash=bytes(32),
        proposed_by=people.admin,
        proposed_at=now,
    )
    rows = Reanchor.objects.filter(pk=asked.pk)

    assert refuses(
        "reanchor_takes_two",
        lambda: rows.update(confirmed_by=people.admin, confirmed_at=now),
    )
    assert refuses("frozen", lambda: rows.update(size=9))
    rows.update(confirmed_by=people.security, confirmed_at=now)
    assert refuses("set once", lambda: rows.update(confirmed_by=people.senior))


# ------------------------------------------------------------ passkeys that a tier asks


def test_a_tier_that_asks_for_passkeys_gets_no_approval_without_one(acme, people, gate):
    steps.publish(acme, passkey_required=True)
    bypass = factories.request(acme, people.oncall, gate)
    bare = evidence(bypass, people.peer)
    anothers, _ = assert_with(
        evidence(bypass, people.peer, mark="another's"), people.senior
    )

    assert refuses("lacks its passkey", lambda: insert(bypass, people.peer, bare))
    assert refuses("lacks its passkey", lambda: insert(bypass, people.peer, anothers))
    assert_with(bare, people.peer)
    assert insert(bypass, people.peer, bare)


def test_the_sealed_key_alone_approves_nothing(people, pending_request):
    assert refuses(
        "lacks its passkey",
        lambda: offline(pending_request, people.peer, with_passkey=False),
    )
    assert offline(pending_request, people.peer)


# ------------------------------------------------------------ the fallback is stricter


def test_a_grant_on_the_fallback_needs_one_more_and_says_so(people, pending_request):
    offline(pending_request, people.peer)
    fallback = {"assurance": "offline_quorum"}

    assert refuses("says so", lambda: insert_grant(pending_request, quorum=1)), (
        "a sealed signature cannot pass for an ordinary one"
    )
    assert refuses(
        "stricter, not easier",
        lambda: insert_grant(pending_request, quorum=1, **fallback),
    )
    assert refuses(
        "without its quorum",
        lambda: insert_grant(pending_request, quorum=2, **fallback),
    )


def test_a_grant_on_the_fallback_needs_a_passkey_of_everybody(people, pending_request):
    offline(pending_request, people.peer)
    insert(pending_request, people.senior, evidence(pending_request, people.senior))

    assert refuses(
        "stricter, not easier",
        lambda: insert_grant(pending_request, quorum=2, assurance="offline_quorum"),
    )


def test_a_grant_on_the_fallback_ends_within_the_hour(acme, people, gate):
    bypass = factories.request(acme, people.oncall, gate, ttl=timedelta(hours=4))
    for person in (people.peer, people.senior):
        bundle, _ = assert_with(
            evidence(bypass, person, 14_400, signed_by="sealed_key"), person
        )
        insert(bypass, person, bundle, ttl_seconds=14_400)

    assert refuses(
        "offline_is_stricter|stricter, not easier",
        lambda: insert_grant(
            bypass, quorum=2, ttl_seconds=14_400, assurance="offline_quorum"
        ),
    )


def test_a_missed_countersignature_is_flagged_for_ever(active_grant_row):
    now = clock.db_now()
    Countersignature.objects.create(grant=active_grant_row, due_at=now)
    rows = Countersignature.objects.all()
    rows.update(flagged_at=now)

    assert refuses("set once", lambda: rows.update(flagged_at=None))
    assert refuses("append-only", rows.delete)
    rows.update(signed_at=now)
    assert rows.get().flagged_at == now


@pytest.fixture
def active_grant_row(acme, people, gate):
    """A grant of an ordinary quorum."""
    return steps.grant(acme, people, gate)


# ------------------------------------------------------------ a grant is in the log


def commit_grant(bypass):
    """Writes a grant past the ledger, and has the database look as at a commit."""
    insert_grant(bypass, quorum=1)
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")


def test_a_grant_that_the_log_does_not_name_cannot_commit(people, pending_request):
    insert(pending_request, people.peer, evidence(pending_request, people.peer))

    with (
        pytest.raises(IntegrityError, match="without its entry in the log"),
        transaction.atomic(),
    ):
        commit_grant(pending_request)
