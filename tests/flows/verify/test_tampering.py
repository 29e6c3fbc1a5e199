# ruff: noqa: S608 - the forger writes SQL; nothing of it comes from outside
"""Whoever owns the database can change every byte of it: the verifier still knows."""

import json

import pytest

from breakglass.audit import chain
from breakglass.models import AuditEntry, Tenant
from breakglass.services import grants
from breakglass.services.logs import sealing
from breakglass.services.logs.verification import verify_tenant
from breakglass.services.tenancy import policies
from tests import factories

pytestmark = pytest.mark.django_db(transaction=True)

ENTRY = "breakglass_auditentry"
AT = f"UPDATE {ENTRY} SET {{}} WHERE tenant_id = %s AND seq = %s"


def found(story, *, file=None):
    report = verify_tenant(tenant=story.tenant, checkpoint_file=file)
    return [(finding.seq, finding.message) for finding in report.findings]


def numbers(story):
    return {seq for seq, _ in found(story)}


def size(story):
    return AuditEntry.objects.filter(tenant=story.tenant).count()


def place(story, which):
    return {"first": 1, "middle": size(story) // 2, "last": size(story)}[which]


def seq_of(story, event):
    return AuditEntry.objects.filter(tenant=story.tenant, event=event).latest("seq").seq


def move_head(story, forge):
    """What a careful forger does last: the head says what the log says."""
    last = AuditEntry.objects.filter(tenant=story.tenant).latest("seq")
    forge(
        "UPDATE breakglass_chainhead SET seq = %s, entry_hash = %s "
        "WHERE tenant_id = %s",
        [last.seq, bytes(last.entry_hash), story.tenant.pk],
    )


def hash_again(story, forge, *, seq, **changes):
    """Rewrites one entry, and links everything behind it anew."""
    rows = list(AuditEntry.objects.filter(tenant=story.tenant).order_by("seq"))
    prev = bytes(rows[seq - 1].prev_hash)
    for row in rows[seq - 1 :]:
        content = {**json.loads(bytes(row.body)), "prev": prev.hex()}
        content |= changes if row.seq == seq else {}
        raw = chain.canonical(content)
        forge(
            AT.format("body = %s, prev_hash = %s, entry_hash = %s"),
            [raw, prev, chain.entry_hash(raw), story.tenant.pk, row.seq],
        )
        prev = chain.entry_hash(raw)
    move_head(story, forge)


def test_an_untouched_log_verifies_and_leaves_nothing_open(story):
    report = verify_tenant(tenant=story.tenant, checkpoint_file=story.file)

    assert report.findings == []
    assert report.unproven == []
    assert report.entries == size(story)
    assert report.bundles == 5  # two approvals, two grants, one checkpoint
    assert report.anchors == 2  # the same one, in the database and outside


def test_another_tenants_log_verifies_too(story):
    assert verify_tenant(tenant=Tenant.objects.get(slug="globex")).ok


@pytest.mark.parametrize("which", ["first", "middle", "last"])
def test_a_flipped_byte_of_a_body_is_named(story, forge, which):
    seq = place(story, which)

    forge(
        AT.format("body = set_byte(body, 40, get_byte(body, 40) # 1)"),
        [story.tenant.pk, seq],
    )

    assert numbers(story) == {seq}


@pytest.mark.parametrize(
    "change",
    [
        "event = 'grant.revoked'",
        "actor = 'mallory@acme.example'",
        "bypass_id = 'BG-000000'",
        "at = at + interval '1 hour'",
        "prev_hash = sha256('x')",
        "entry_hash = sha256('x')",
    ],
)
def test_a_changed_column_is_named(story, forge, change):
    seq = place(story, "middle")

    forge(AT.format(change), [story.tenant.pk, seq])

    assert seq in numbers(story)


@pytest.mark.parametrize("which", ["first", "middle", "last"])
def test_a_deleted_entry_is_named(story, forge, which):
    seq = place(story, which)

    forge(
        f"DELETE FROM {ENTRY} WHERE tenant_id = %s AND seq = %s", [story.tenant.pk, seq]
    )

    # After the last one only the head knows that there was another.
    assert numbers(story) & {seq, seq - 1}


def test_two_swapped_entries_are_named(story, forge):
    rows = AuditEntry.objects.filter(tenant=story.tenant)
    one, two = rows.get(seq=5), rows.get(seq=6)
    forge(AT.format("seq = 1000"), [story.tenant.pk, one.seq])
    forge(AT.format("seq = 5"), [story.tenant.pk, two.seq])
    forge(AT.format("seq = 6"), [story.tenant.pk, 1000])

    assert {5, 6} <= numbers(story)


def test_a_log_with_other_numbers_is_named(story, forge):
    seq = place(story, "middle")
    tail = f"UPDATE {ENTRY} SET seq = seq + %s WHERE tenant_id = %s AND seq >= %s"
    forge(tail, [1000, story.tenant.pk, seq])
    forge(tail, [-999, story.tenant.pk, 1000])

    assert {seq, seq + 1} <= numbers(story)


def test_an_entry_of_another_tenant_is_named(story, forge):
    globex = AuditEntry.objects.filter(tenant__slug="globex").latest("seq")
    last = size(story)
    forge(
        f"INSERT INTO {ENTRY} (tenant_id, seq, prev_hash, entry_hash, body, at, event, "
        "actor, bypass_id) SELECT %s, %s, prev_hash, entry_hash, body, at, event, "
        f"actor, bypass_id FROM {ENTRY} WHERE id = %s",
        [story.tenant.pk, last + 1, globex.pk],
    )
    move_head(story, forge)

    assert (last + 1, "belongs to another place or tenant") in found(story)


def test_a_history_hashed_again_contradicts_its_checkpoint(story, forge):
    hash_again(story, forge, seq=3, facts={"role": "nothing-happened"})

    sealed = seq_of(story, "log.sealed") - 1
    assert (sealed, "is not the one that its checkpoint sealed") in found(story)


def test_a_checkpoint_changed_along_with_its_history_is_no_longer_signed(story, forge):
    hash_again(story, forge, seq=3, facts={"role": "nothing-happened"})
    sealed = seq_of(story, "log.sealed") - 1
    tip = AuditEntry.objects.get(tenant=story.tenant, seq=sealed)
    forge("UPDATE breakglass_checkpoint SET head_hash = %s", [bytes(tip.entry_hash)])

    problems = found(story)

    assert (0, "a checkpoint bundle signs another subject than stored") in problems


def test_a_checkpoint_outside_knows_a_history_hashed_again_from_the_start(story, forge):
    hash_again(story, forge, seq=3, facts={"role": "nothing-happened"})
    forget_checkpoints(forge)

    assert found(story) == []
    assert [seq for seq, _ in found(story, file=story.file)] != []


def test_before_the_first_checkpoint_a_new_history_is_said_to_be_unproven(
    acme, people, forge
):
    """The honest limit of a chain without a signature: it is named, not hidden."""
    seq = AuditEntry.objects.filter(tenant=acme).latest("seq").seq
    row = AuditEntry.objects.get(tenant=acme, seq=seq)
    raw = chain.canonical({**json.loads(bytes(row.body)), "facts": {"forged": True}})
    forge(
        AT.format("body = %s, entry_hash = %s"),
        [raw, chain.entry_hash(raw), acme.pk, seq],
    )
    forge(
        "UPDATE breakglass_chainhead SET entry_hash = %s WHERE tenant_id = %s",
        [chain.entry_hash(raw), acme.pk],
    )

    report = verify_tenant(tenant=acme)

    assert report.ok
    assert "is not proven" in report.unproven[0]


def forget_checkpoints(forge):
    """Every trace of sealing inside the database."""
    forge("DELETE FROM breakglass_checkpoint")
    intents = "SELECT id FROM breakglass_intent WHERE kind = 'checkpoint'"
    forge(f"DELETE FROM breakglass_bundle WHERE intent_id IN ({intents})")
    forge("DELETE FROM breakglass_intent WHERE kind = 'checkpoint'")


def cut_off(story, forge):
    """Takes away the end of the log, with every trace of it inside the database."""
    seq = seq_of(story, "role.member_added")
    forge(
        f"DELETE FROM {ENTRY} WHERE tenant_id = %s AND seq >= %s",
        [story.tenant.pk, seq],
    )
    forget_checkpoints(forge)
    move_head(story, forge)
    return seq


def test_a_cut_off_end_is_found_with_the_checkpoint_from_outside(story, forge):
    cut_off(story, forge)

    assert [m for _, m in found(story, file=story.file)] == [
        "was sealed by a checkpoint, and is gone"
    ]


def test_a_cut_off_end_is_said_to_be_unproven_without_it(story, forge):
    cut_off(story, forge)

    report = verify_tenant(tenant=story.tenant)

    assert report.ok
    assert "nothing was cut off the end" in report.unproven[0]


def test_a_checkpoint_file_without_this_tenant_proves_nothing_and_says_so(
    story, forge, tmp_path
):
    cut_off(story, forge)
    empty = tmp_path / "other.jsonl"
    empty.write_text("\n")

    report = verify_tenant(tenant=story.tenant, checkpoint_file=empty)

    assert report.unproven == ["other.jsonl holds no checkpoint of acme."]


def test_a_deleted_checkpoint_whose_signature_stayed_is_found(story, forge):
    forge("DELETE FROM breakglass_checkpoint")

    assert found(story) == [
        (0, "a checkpoint bundle signs another subject than stored")
    ]


def test_swapped_signatures_of_two_approvals_are_found(story, forge):
    one, two = (b.approvals.get() for b in (story.first, story.second))
    swap = "UPDATE breakglass_approval SET bundle_id = %s WHERE id = %s"
    forge(swap, [story.grants[0].statement.bundle.pk, one.pk])
    forge(swap, [one.bundle_id, two.pk])
    forge(swap, [two.bundle_id, one.pk])

    messages = {message for _, message in found(story)}

    assert messages == {
        f"an approval of {story.first.bypass_id} is not in the log",
        f"an approval of {story.second.bypass_id} is not in the log",
    }


def test_a_signature_whose_bytes_changed_is_found(story, forge):
    bundle = story.first.approvals.get().bundle
    raw = bytes(bundle.bundle).replace(b'"payload": "', b'"payload":"')
    payload = raw.index(b'"payload":"') + len('"payload":"') + 20
    other = b"A" if raw[payload : payload + 1] != b"A" else b"B"
    raw = raw[:payload] + other + raw[payload + 1 :]
    forge(
        "UPDATE breakglass_bundle SET bundle = %s, sha256 = sha256(%s) WHERE id = %s",
        [raw, raw, bundle.pk],
    )

    messages = " ".join(message for _, message in found(story))

    assert "does not verify" in messages
    assert f"an approval of {story.first.bypass_id} is not in the log" in messages


def test_a_grant_that_is_not_in_the_log_is_found(story, forge, people, gate):
    pending = factories.request(story.tenant, people.oncall, gate, service="ledger")
    forge(
        "UPDATE breakglass_grant SET request_id = %s, service = 'ledger' WHERE id = %s",
        [pending.pk, story.grants[0].pk],
    )

    moved, gone = pending.bypass_id, story.first.bypass_id
    assert set(found(story)) == {
        (0, f"the grant of {moved} is not in the log"),
        (0, f"the grant of {gone} is in the log, and its row is gone"),
    }


@pytest.mark.parametrize(
    "change",
    [
        "ttl_seconds = ttl_seconds + 3600, expires_at = expires_at + interval '1 hour'",
        "service = 'everything'",
        "branch = 'main'",
        "max_deploys = 99",
    ],
)
def test_a_grant_with_other_terms_than_were_approved_is_found(story, forge, change):
    forge(f"UPDATE breakglass_grant SET {change} WHERE id = %s", [story.grants[0].pk])

    name = story.first.bypass_id
    assert found(story) == [(0, f"the grant of {name} has other terms than the log")]


def test_a_closed_grant_that_was_brought_back_is_found(story, forge, people):
    grants.revoke(
        tenant=story.tenant,
        bypass_id=story.first.bypass_id,
        person=people.oncall,
        reason="Fixed.",
    )
    assert found(story) == []

    forge(
        "UPDATE breakglass_grant SET state = 'active', closed_at = NULL WHERE id = %s",
        [story.grants[0].pk],
    )

    name = story.first.bypass_id
    assert found(story) == [
        (0, f"the grant of {name} is active, and the log says otherwise")
    ]


def test_an_edited_request_is_found(story, forge):
    edited = "UPDATE breakglass_bypassrequest SET body = %s WHERE id = %s"
    forge(edited, [b'{"service":"everything"}', story.first.pk])

    messages = {message for _, message in found(story)}

    name = story.first.bypass_id
    assert f"the frozen request {name} does not have its digest" in messages


def test_a_request_edited_along_with_its_digest_is_found(story, forge, people, gate):
    """Nobody has approved it yet, so no signature stands against it: the log does."""
    pending = factories.request(story.tenant, people.oncall, gate, service="ledger")
    forge(
        "UPDATE breakglass_bypassrequest SET body = %s, digest = sha256(%s) "
        "WHERE id = %s",
        [b"{}", b"{}", pending.pk],
    )

    assert found(story) == [
        (0, f"the request {pending.bypass_id} is not the one in the log")
    ]


def test_what_happens_after_the_checkpoint_needs_the_next_one(story, seal, people):
    """A second seal extends the first, and both are held against the log."""
    draft = policies.new_draft(tenant=story.tenant, author=people.admin)
    policies.publish(policy_id=draft.pk, actor=people.admin.as_actor())
    grants.revoke(
        tenant=story.tenant,
        bypass_id=story.first.bypass_id,
        person=people.oncall,
        reason="Fixed.",
    )
    seal()

    report = verify_tenant(tenant=story.tenant, checkpoint_file=story.file)

    assert report.findings == []
    assert report.anchors == 4
    assert sealing.seal_due() == 0, "a quiet log stays quiet"
