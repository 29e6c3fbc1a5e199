"""`manage.py verify`: what it prints, and how it ends."""

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from breakglass.management.commands.verify import Bar
from breakglass.models import AuditEntry
from breakglass.services import grants
from breakglass.services.logs import sealing
from breakglass.services.logs.verifying import entries
from tests import database, factories

pytestmark = pytest.mark.django_db(transaction=True)


def verified(capsys, *arguments):
    """Runs the command; returns its exit code and what it printed."""
    try:
        call_command("verify", *arguments)
    except SystemExit as ending:
        code = ending.code
    else:
        code = 0
    return code, capsys.readouterr().out


def refused(*arguments):
    """Runs the command, which must refuse; returns its exit code and sentence."""
    with pytest.raises(CommandError) as caught:
        call_command("verify", *arguments)
    return caught.value.returncode, str(caught.value)


def tamper(forge, tenant, seq):
    forge(
        "UPDATE breakglass_auditentry SET event = 'grant.revoked' "
        "WHERE tenant_id = %s AND seq = %s",
        [tenant.pk, seq],
    )


def test_a_good_log_ends_with_zero_and_says_what_is_not_proven(story, capsys):
    code, said = verified(capsys, "acme")

    total = AuditEntry.objects.filter(tenant=story.tenant).count()
    assert code == 0
    assert f"{total} entries, 5 signed statements, 1 checkpoints checked." in said
    assert "Not proven: No checkpoint from outside the database was given" in said
    assert "Nothing is wrong." in said


def test_with_the_checkpoints_from_outside_nothing_is_left_open(story, capsys):
    code, said = verified(capsys, "acme", "--checkpoint", str(story.file))

    assert code == 0
    assert "Not proven" not in said


def test_a_finding_ends_with_one_and_names_the_entry(story, forge, capsys):
    tamper(forge, story.tenant, 7)

    code, said = verified(capsys, "acme")

    assert code == 1
    assert "Entry 7 has columns that do not say what its bytes say." in said
    assert "The log does NOT verify." in said
    assert "Nothing is wrong" not in said


def test_machines_get_the_same_as_json(story, forge, capsys):
    good_code, good = verified(capsys, "acme", "--json")
    tamper(forge, story.tenant, 7)
    bad_code, bad = verified(capsys, "acme", "--json")

    good, bad = json.loads(good), json.loads(bad)
    assert (good_code, bad_code) == (0, 1)
    assert list(good) == [
        "ok",
        "since",
        "entries",
        "bundles",
        "checkpoints",
        "first_bad",
        "findings",
        "unproven",
        "limits",
    ]
    assert (good["ok"], good["bundles"], good["checkpoints"]) == (True, 5, 1)
    assert (good["findings"], len(good["unproven"])) == ([], 1)
    assert bad["ok"] is False
    assert bad["findings"] == [
        {"seq": 7, "message": "has columns that do not say what its bytes say"}
    ]


def test_an_unknown_tenant_ends_with_two_and_lists_the_known(story):
    code, said = refused("nope")

    assert code == 2
    assert said == "there is no tenant 'nope'; known: acme, globex"


@pytest.mark.parametrize(
    "content",
    [b"garbage\n", b"{}\n", b"[]\n", b"7\n", b"\xff\xfe\x00"],
    ids=str,
)
def test_a_checkpoint_file_of_garbage_ends_with_two_and_names_the_file(
    story, tmp_path, content
):
    file = tmp_path / "kept.jsonl"
    file.write_bytes(content)

    code, said = refused("acme", "--checkpoint", str(file))

    assert code == 2
    assert "kept.jsonl" in said
    assert "\n" not in said


def test_a_missing_checkpoint_file_ends_with_two(story, tmp_path):
    code, said = refused("acme", "--checkpoint", str(tmp_path / "absent.jsonl"))

    assert code == 2
    assert said.endswith("absent.jsonl cannot be read as a checkpoint file")


@pytest.mark.parametrize("change", ["size", "head"])
def test_a_checkpoint_whose_signed_content_was_edited_is_refused(
    story, tmp_path, change
):
    """The line's own words count for nothing; only what its bundle signs does."""
    line = json.loads(story.file.read_text().splitlines()[0])
    line[change] = 1 if change == "size" else "00" * 32
    honest = tmp_path / "honest.jsonl"
    honest.write_text(json.dumps(line) + "\n")
    line["bundle"]["dsseEnvelope"]["payload"] = "e30="
    forged = tmp_path / "forged.jsonl"
    forged.write_text(json.dumps(line) + "\n")

    call_command("verify", "acme", "--checkpoint", str(honest), "--json")
    code, said = refused("acme", "--checkpoint", str(forged))

    assert (code, said) == (
        2,
        "line 1 of forged.jsonl is not a checkpoint of this portal",
    )


def test_a_checkpoint_signed_by_a_person_is_not_the_portals(story, tmp_path):
    line = json.loads(story.file.read_text().splitlines()[0])
    approval = story.first.approvals.get().bundle
    line["bundle"] = json.loads(bytes(approval.bundle))
    file = tmp_path / "kept.jsonl"
    file.write_text(json.dumps(line) + "\n")

    code, said = refused("acme", "--checkpoint", str(file))

    assert code == 2
    assert "is not a checkpoint of this portal" in said


def test_without_trust_the_command_says_what_to_run(story, settings, tmp_path):
    settings.TRUST_CONFIG = str(tmp_path / "absent.json")

    code, said = refused("acme")

    assert code == 1
    assert "authority init" in said


def test_the_embedded_authoritys_limits_are_said(story, capsys, settings):
    _, said = verified(capsys, "acme")
    assert "By design: the signatures are by the embedded authority" in said

    settings.AUTHORITY_DIR = "/somewhere/else"
    _, said = verified(capsys, "acme")
    assert "By design" not in said


def test_statements_that_wait_for_their_signature_are_said(
    story, capsys, no_signing_service
):
    factories.gate(story.tenant, "another")
    database.advance(61)
    sealing.seal_due()

    code, said = verified(capsys, "acme")

    assert code == 0
    assert "Not proven: 1 statement waits for the portal's signature." in said


def test_it_goes_on_from_the_last_verified_head_and_full_means_full(story, capsys):
    first, _ = verified(capsys, "acme", "--record")
    factories.gate(story.tenant, "another")
    total = AuditEntry.objects.filter(tenant=story.tenant).count()

    _, said = verified(capsys, "acme")
    _, whole = verified(capsys, "acme", "--full")

    assert first == 0
    assert f"Incremental: from entry {total};" in said
    assert "1 entries, 0 signed statements" in said
    assert "Full: from the first entry." in whole
    assert f"{total} entries, 5 signed statements" in whole


def test_a_verified_head_that_was_replaced_is_found_incrementally(story, forge, capsys):
    verified(capsys, "acme", "--record")
    total = AuditEntry.objects.filter(tenant=story.tenant).count()
    forge(
        "UPDATE breakglass_auditentry SET entry_hash = sha256('x') "
        "WHERE tenant_id = %s AND seq = %s",
        [story.tenant.pk, total],
    )

    code, said = verified(capsys, "acme")

    assert code == 1
    assert f"First bad entry: {total}." in said
    assert "is another one than was verified before" in said


def test_a_revoked_grant_made_active_again_is_found_incrementally(
    story, forge, people, capsys
):
    """The row says active and the log says revoked: the newest check sees it."""
    grants.revoke(
        tenant=story.tenant,
        bypass_id=story.first.bypass_id,
        person=people.oncall,
        reason="A false alarm.",
    )
    verified(capsys, "acme", "--record")
    forge("UPDATE breakglass_grant SET state = 'active', closed_at = NULL")
    factories.gate(story.tenant, "another")

    code, said = verified(capsys, "acme")

    assert code == 1
    assert f"the grant of {story.first.bypass_id} is active" in said


def test_two_processes_find_what_one_finds(story, forge, capsys, monkeypatch):
    monkeypatch.setattr(entries, "PIECE", 3)
    tamper(forge, story.tenant, 7)

    alone = verified(capsys, "acme", "--processes", "1")
    shared = verified(capsys, "acme", "--processes", "2")

    assert alone == shared
    assert "Entry 7 has columns" in alone[1]


def test_the_bar_fills_and_says_what_it_counts():
    out = StringIO()
    bar = Bar(out)

    for done in range(0, 201, 50):
        bar("entries", done, 200)

    last = out.getvalue().split("\r")[-1]
    assert last == f"entries  [{'#' * 30}] 100 %\n"
    assert out.getvalue().count("\r") == 5
