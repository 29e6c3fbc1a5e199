"""`manage.py evidence export`: on record, sealed over, written, verified."""

import subprocess
import sys

import pytest
from django.core.management import CommandError, call_command

from breakglass.models import AuditEntry, Export
from tests.standalone import FILE, verifier

pytestmark = pytest.mark.django_db(transaction=True)
WHY = ("--reason", "The yearly audit.")


@pytest.fixture(autouse=True)
def folders(settings, tmp_path):
    settings.CHECKPOINT_DIR = str(tmp_path / "checkpoints")


def exported(tmp_path, *arguments):
    out = tmp_path / "evidence.zip"
    call_command("evidence", "export", *arguments, "--out", str(out), *WHY)
    return out


def test_the_file_verifies_by_itself_in_another_process(
    acme, active_grant, tmp_path, capsys
):
    out = exported(tmp_path, "acme")

    run = subprocess.run(  # noqa: S603 - our own file
        [sys.executable, "-I", str(FILE), str(out)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=tmp_path,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert "Nothing is wrong." in run.stdout
    assert "Not proven: No checkpoint from outside was given" in run.stdout
    assert str(out) in capsys.readouterr().out
    assert out.stat().st_mode & 0o777 == 0o600


def test_it_is_an_entry_by_the_operator_with_the_reason(acme, tmp_path):
    exported(tmp_path, "acme")

    entry = AuditEntry.objects.get(tenant=acme, event="evidence.exported")
    assert entry.actor == "operator at the shell"
    assert b"The yearly audit." in bytes(entry.body)
    assert Export.objects.get().state == "ready"


def test_one_bypass_can_be_taken_alone(acme, active_grant, tmp_path):
    name = active_grant.request.bypass_id

    files = verifier.read(exported(tmp_path, "acme", "--bypass", name))

    assert f"requests/{name}.json" in files
    assert "proofs.jsonl" in files


@pytest.mark.parametrize(
    ("arguments", "code"), [(["nope"], 2), (["acme", "--bypass", "BG-000000"], 2)]
)
def test_what_there_is_not_is_said_with_two(acme, tmp_path, arguments, code):
    with pytest.raises(CommandError) as caught:
        exported(tmp_path, *arguments)

    assert caught.value.returncode == code
    assert not Export.objects.exists()


def test_a_place_that_cannot_be_written_is_said_with_one(acme, tmp_path):
    with pytest.raises(CommandError) as caught:
        exported(tmp_path / "absent", "acme")

    assert caught.value.returncode == 1
    assert "cannot be written" in str(caught.value)
