"""`manage.py trust`: the trust config through TUF, in time, or left as it was."""

import json
import os
import time
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from breakglass import clock
from breakglass.errors import Unavailable
from breakglass.services.tenancy import trust
from tests import factories, hostile
from tests.flows.instances.tuf_repository import Repository, served

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def targets(trust_config_path):
    """What the repository of a private instance would hold: here the suite's own."""
    config = json.loads(trust_config_path.read_text())
    return {
        "trusted_root.json": json.dumps(config["trustedRoot"]),
        "signing_config.v0.2.json": json.dumps(config["signingConfig"]),
    }


@pytest.fixture
def repository(settings, tmp_path, targets):
    """A private instance whose trust comes through TUF, and nothing fetched yet."""
    made = Repository(tmp_path / "repository")
    made.publish(targets)
    settings.SIGNING_INSTANCE = "private"
    settings.TUF_DIR = str(tmp_path / "tuf")
    settings.TRUST_CONFIG = str(tmp_path / "instance" / "trust_config.json")
    settings.TUF_ROOT = str(made.root)
    with served(made.folder) as url:
        settings.TUF_URL = url
        yield made


@pytest.fixture
def held(repository):
    """The trust config after a first good refresh."""
    trust.refresh()
    return Path(repository_file())


def repository_file():
    from django.conf import settings  # noqa: PLC0415 - as the test left them

    return settings.TRUST_CONFIG


def changed(targets):
    """The same trust, in other bytes: a file like any other that TUF brings."""
    root = json.loads(targets["trusted_root.json"])
    root["certificateAuthorities"][0]["uri"] = "https://moved.example"
    return {**targets, "trusted_root.json": json.dumps(root)}


def test_what_tuf_brought_signs_and_verifies(repository, people, pending_request):
    done = trust.refresh()

    assert done.is_new
    assert done.path.stat().st_mode & 0o777 == 0o644
    assert factories.approve(pending_request, people.peer).grant is not None


def test_a_second_refresh_changes_nothing_but_the_age(held):
    os.utime(held, (0, 0))

    assert not trust.refresh().is_new
    assert trust.age(now=clock.db_now()) < timedelta(minutes=5)


def test_a_new_version_takes_the_place_of_the_old(held, repository, targets):
    repository.publish(changed(targets))

    assert trust.refresh().is_new
    assert "https://moved.example" in held.read_text()
    assert [file.name for file in held.parent.iterdir()] == [held.name]


def fails(held, *, matching, deadline=trust.DEADLINE):
    before = held.read_bytes()
    with pytest.raises(Unavailable, match=matching):
        trust.refresh(deadline=deadline)
    assert held.read_bytes() == before, "the old one goes on serving"


def test_a_repository_of_somebody_else_is_not_believed(
    held, settings, tmp_path, targets
):
    other = Repository(tmp_path / "other")
    other.publish(changed(targets))
    with served(other.folder) as url:
        settings.TUF_URL = url
        fails(held, matching="gave no trust config")


def test_old_metadata_played_again_is_refused(held, repository, targets, tmp_path):
    old = {file: file.read_bytes() for file in repository.folder.glob("*.json")}
    repository.publish(changed(targets))
    trust.refresh()
    for file, content in old.items():
        file.write_bytes(content)

    fails(held, matching="gave no trust config: BadVersionNumberError")


def test_expired_metadata_is_refused(held, repository, targets):
    repository.publish(changed(targets), lasts=timedelta(days=-1))

    fails(held, matching="gave no trust config: ExpiredMetadataError")


def test_a_trust_config_that_could_not_sign_is_not_taken_over(
    held, repository, targets
):
    signing = json.loads(targets["signing_config.v0.2.json"])
    signing["caUrls"] = []
    repository.publish({**targets, "signing_config.v0.2.json": json.dumps(signing)})

    fails(held, matching="the trust config cannot be used")


@pytest.mark.parametrize("mode", [hostile.SILENT, hostile.DRIPS_BODY])
def test_a_repository_that_never_answers_is_given_up_in_time(held, settings, mode):
    began = time.monotonic()
    with hostile.server(mode) as url:
        settings.TUF_URL = url
        fails(held, matching="within 2 s", deadline=timedelta(seconds=2))

    assert time.monotonic() - began < 5


@pytest.mark.parametrize("mode", [hostile.REFUSES, hostile.GARBAGE, hostile.FAILS])
def test_a_repository_that_is_none_changes_nothing(held, settings, mode):
    with hostile.server(mode) as url:
        settings.TUF_URL = url
        fails(held, matching="gave no trust config")


def test_a_folder_that_cannot_be_written_is_named(repository, settings, tmp_path):
    (tmp_path / "file").write_text("not a folder")
    settings.TRUST_CONFIG = str(tmp_path / "file" / "trust_config.json")
    with pytest.raises(Unavailable, match="cannot be written"):
        trust.refresh()


# ----------------------------------------------------------------- on a schedule


def test_the_sweep_refreshes_once_a_day(held, repository, targets, advance):
    repository.publish(changed(targets))
    assert trust.refresh_due() == 0, "a day has not passed"

    advance(25 * 3600)
    assert trust.refresh_due() == 1
    assert "https://moved.example" in held.read_text()


def test_a_sweep_that_failed_tries_again_after_an_hour(
    held, settings, advance, repository, targets
):
    repository.publish(changed(targets))
    good, settings.TUF_URL = settings.TUF_URL, "http://127.0.0.1:9"
    advance(25 * 3600)
    assert trust.refresh_due() == 0
    settings.TUF_URL = good
    assert trust.refresh_due() == 0, "each second would hold a worker each second"

    advance(3700)
    assert trust.refresh_due() == 1


def test_the_embedded_authority_needs_no_refresh(held, settings, advance):
    settings.SIGNING_INSTANCE = "embedded"
    settings.TUF_URL = "http://127.0.0.1:9"
    advance(25 * 3600)

    assert trust.refresh_due() == 0


# ----------------------------------------------------------------- at the shell


def test_the_command_says_what_it_did(repository, capsys):
    call_command("trust", "refresh")
    assert ": new, sha256:" in capsys.readouterr().out
    call_command("trust", "refresh")
    assert ": unchanged, sha256:" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("url", "code", "words"),
    [("", 2, "no TUF repository is configured"), ("http://127.0.0.1:9", 1, "gave no")],
)
def test_the_command_ends_with_a_code_and_a_sentence(
    repository, settings, url, code, words
):
    settings.TUF_URL = url
    with pytest.raises(CommandError, match=words) as caught:
        call_command("trust", "refresh")

    assert caught.value.returncode == code


def test_the_command_shows_whom_and_what_is_trusted(held, settings, capsys):
    settings.EXTRA_TRUST = [str(held)]
    settings.EXTRA_WORKLOADS = ["old@platform.example https://old.example"]
    call_command("trust", "show")

    said = capsys.readouterr().out
    assert "instance: private" in said
    assert "old@platform.example (https://old.example)" in said
    assert f"TUF repository: {settings.TUF_URL}" in said
    assert said.count("sha256:") == 2

    call_command("trust", "show", "--json")
    assert json.loads(capsys.readouterr().out)["instance"] == "private"


def test_without_a_trust_config_the_command_says_what_to_run(repository):
    with pytest.raises(CommandError, match="run `manage"):
        call_command("trust", "show")
