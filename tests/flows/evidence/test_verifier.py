"""The stand-alone verifier: good archives, what it says, and how it ends."""

import ast
import json
import re
import subprocess
import sys
import zipfile

import pytest

from tests import worlds as builders
from tests.standalone import FILE, verifier


@pytest.fixture
def world(worlds):
    return worlds[0]


@pytest.fixture
def archive(world, tmp_path):
    """The whole log as a ZIP, with the reader's own notes beside it."""
    out = tmp_path / "evidence.zip"
    with zipfile.ZipFile(out, "w") as made:
        for name, raw in world.files.items():
            made.writestr(name, raw)
    (tmp_path / "trust.json").write_bytes(world.trust)
    (tmp_path / "kept.jsonl").write_bytes(b"\n".join(world.outside) + b"\n")
    return out


def run(*arguments, cwd):
    return subprocess.run(  # noqa: S603 - our own file
        [sys.executable, "-I", str(FILE), *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        cwd=cwd,
    )


@pytest.mark.parametrize("number", [0, 1])
@pytest.mark.parametrize("kind", ["files", "part"])
def test_an_archive_as_it_was_made_has_no_finding(worlds, number, kind):
    world = worlds[number]

    report = verifier.verify(
        getattr(world, kind), trust=world.trust, outside=list(world.outside)
    )

    assert report.findings == []


def test_it_counts_what_it_checked(world):
    counts = verifier.verify(world.files, trust=world.trust).counts

    events = [body["event"] for _, body in builders.entries_of(world.files)]
    assert counts["entries"] == len(events)
    for what, event in {
        "requests": "request.opened",
        "approvals": "request.approved",
        "grants": "grant.issued",
        "deploys": "deploy.admitted",
    }.items():
        assert counts[what] == events.count(event) > 0
    assert counts["approvals with a passkey"] == 4
    assert counts["signatures"] == sum(n.startswith("bundles/") for n in world.files)


def test_what_could_not_be_proven_is_said(world):
    alone = " ".join(verifier.verify(world.files).unproven)
    careful = " ".join(
        verifier.verify(
            world.files, trust=world.trust, outside=list(world.outside)
        ).unproven
    )
    part = " ".join(verifier.verify(world.part, trust=world.trust).unproven)

    assert "came from the archive itself" in alone
    assert "No checkpoint from outside was given" in alone
    assert "came from the archive itself" not in careful
    assert "No checkpoint from outside" not in careful
    for told in (alone, careful):
        assert "embedded authority" in told
        assert "2 of 6 approvals carry no passkey" in told
    assert "This is a part of a log" in part


def test_a_waiting_signature_is_not_proven_and_no_finding(world):
    """As an export made while signing was down: deferred, and said so."""
    report = verifier.Report()
    archive = verifier.Archive(
        files=world.files,
        trust=verifier.Trust.read(world.trust),
        report=report,
        manifest=json.loads(world.files["manifest.json"]),
    )
    replay = verifier.Replay(archive)
    for line in world.files["entries.jsonl"].splitlines():
        body, digest, _ = verifier.parsed_entry(json.loads(line)["body"])
        if body["event"] != "grant.signed":
            replay.take(verifier.Entry(body["seq"], digest, body))
    verifier.check_ends(archive, replay)

    assert report.findings == []
    assert sum("is not signed" in text for text in report.unproven) == 4


def test_exit_codes_and_the_report_for_people(archive, tmp_path):
    good = run(
        archive, "--trust", "trust.json", "--checkpoint", "kept.jsonl", cwd=tmp_path
    )
    assert good.returncode == 0, good.stdout + good.stderr
    assert good.stdout.startswith("Log of acme, ")
    assert good.stdout.endswith("Nothing is wrong.\n")
    with zipfile.ZipFile(archive, "a") as broken:
        broken.writestr("extra.txt", b"x")

    bad = run(archive, cwd=tmp_path)

    assert bad.returncode == 1
    assert "extra.txt is in the archive, and not in its manifest" in bad.stdout
    assert bad.stdout.endswith("The evidence does NOT verify.\n")


def test_the_first_bad_entry_is_named_for_machines_too(world, tmp_path):
    folder = tmp_path / "unpacked"
    for name, raw in world.files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(raw)
    lines = world.files["entries.jsonl"].splitlines(keepends=True)
    lines[11] = lines[11].replace(b'\\"seq\\":12', b'\\"seq\\":13')
    (folder / "entries.jsonl").write_bytes(b"".join(lines))

    answer = run(folder, "--json", "--progress", cwd=tmp_path)

    said = json.loads(answer.stdout)
    assert (answer.returncode, said["ok"], said["first_bad"]) == (1, False, 12)
    assert {"counts", "findings", "unproven", "tenant", "scope"} <= set(said)
    assert "entries" in answer.stderr


def test_what_cannot_be_read_at_all_ends_with_two(archive, tmp_path):
    (tmp_path / "garbage.zip").write_bytes(b"garbage")
    (tmp_path / "garbage.json").write_bytes(b"[")
    for arguments in (
        ["absent.zip"],
        ["garbage.zip"],
        [archive, "--trust", "garbage.json"],
        [archive, "--trust", "absent.json"],
        [archive, "--checkpoint", "garbage.json"],
        [],
    ):
        ended = run(*arguments, cwd=tmp_path)
        assert ended.returncode == 2, arguments
        assert "Traceback" not in ended.stderr


def test_a_file_twice_in_a_zip_is_refused(archive, tmp_path):
    with (
        zipfile.ZipFile(archive, "a") as twice,
        pytest.warns(UserWarning, match="Duplicate name"),
    ):
        twice.writestr("rows.json", b"{}")

    ended = run(archive, cwd=tmp_path)

    assert (ended.returncode, "twice" in ended.stderr) == (2, True)


def test_text_from_the_log_cannot_steer_a_terminal(world):
    files = {**world.files, "\x1b[2Jevil": b""}

    assert "\x1b" not in verifier.as_text(verifier.verify(files))


def test_it_shares_no_code_with_the_writer_and_runs_on_python_3_10():
    text = FILE.read_text()
    parsed = ast.parse(text, feature_version=(3, 10))
    imported = {
        (node.module if isinstance(node, ast.ImportFrom) else alias.name).split(".")[0]
        for node in ast.walk(parsed)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }

    assert imported - set(sys.stdlib_module_names) == {"cryptography", "sigstore"}
    assert not re.search(r"sigstore\._|datetime\.UTC|except\*", text)


def test_the_archive_carries_the_very_verifier(world):
    assert world.files["verify_evidence.py"] == FILE.read_bytes()


def test_times_paths_and_matching_are_strict():
    assert verifier.glob("release/*", "release/1.2")
    assert not verifier.glob("release/*", "release/1/2")
    assert verifier.glob("a*b*c", "aXbYbZc")
    assert not verifier.glob("a*a", "a")
    assert not verifier.glob("*", "ä")
    with pytest.raises(ValueError, match="another shape"):
        verifier.moment("2026-11-22T02:41:07Z")
    with pytest.raises(ValueError, match="twice"):
        verifier.strict_json('{"a":1,"a":2}')
    with pytest.raises(ValueError, match="number"):
        verifier.strict_json('{"a":1.5}')


def test_a_matching_finds_people_who_fill_each_others_slots():
    needs = [{"group": "a", "count": 1}, {"group": "b", "count": 1}]

    assert verifier.all_slots_filled(needs, {"1": {"a", "b"}, "2": {"a"}})
    assert not verifier.all_slots_filled(needs, {"1": {"a", "b"}})
    assert not verifier.all_slots_filled(needs, {"1": {"a"}, "2": {"a"}})
    assert not verifier.all_slots_filled([], {"1": {"a"}})
