"""The shell recipe, run for real against a real server: blocked, shipped, stopped."""

import hashlib
import json
import shutil
from pathlib import Path

import pytest

from breakglass.models import AuditEntry, Deploy
from breakglass.services import grants
from tests.flows.shell_recipe.script import current, read_until

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl"),
]


def close(grant, people):
    grants.revoke(
        tenant=grant.tenant,
        bypass_id=grant.request.bypass_id,
        person=people.security,
        reason="the incident is over",
    )


def test_a_signed_artefact_ships_without_asking(deploy, artefact, target):
    Path(f"{artefact}.sig").write_text("signature")

    code, said = deploy(BREAKGLASS_URL="http://127.0.0.1:9")

    assert code == 0, said
    assert current(target) == "releases/run.1"
    assert (
        json.loads((target / "current/release.json").read_text())["bypass_id"] is None
    )
    assert not Deploy.objects.exists()


def test_without_a_bypass_the_gate_stays_closed(deploy, target, artefact, live_server):
    code, said = deploy()

    assert code == 3, said
    assert "no_grant" in said
    digest = hashlib.sha256(artefact.read_bytes()).hexdigest()
    assert (
        f"{live_server.url}/t/acme/requests/new?gate=prod-deploy&service=checkout"
        f"&branch=hotfix/a%2Bb&artifact=sha256:{digest}"
    ) in said
    assert current(target) == "releases/old"
    assert not (target / "releases/run.1").exists()
    assert not Deploy.objects.exists()


@pytest.mark.parametrize("shell", ["bash", "dash"])
def test_under_a_bypass_it_ships_and_says_under_which(
    deploy, target, artefact, active_grant, shell
):
    if shutil.which(shell) is None:
        pytest.skip(f"there is no {shell}")
    bypass_id = active_grant.request.bypass_id

    code, said = deploy(shell=shell, DEPLOY_ACTOR="ci@acme")

    assert code == 0, said
    assert bypass_id in said
    release = json.loads((target / "current/release.json").read_text())
    assert release["bypass_id"] == bypass_id
    assert (target / "current/artefact").read_bytes() == artefact.read_bytes()
    row = Deploy.objects.get(deploy_id="run.1")
    assert (row.state, row.artifact, row.actor) == (
        "succeeded",
        release["artifact"],
        "ci@acme",
    )
    assert AuditEntry.objects.filter(event="deploy.finished").count() == 1


def test_a_grant_closed_before_the_switch_stops_the_deploy(
    start, target, active_grant, people
):
    process = start(STAGE_PAUSE="2")
    read_until(process, "stage 1")
    close(active_grant, people)
    _, err = process.communicate(timeout=60)

    assert process.returncode == 4, err
    assert "revoked" in err
    assert current(target) == "releases/old"
    assert not (target / "releases/run.1").exists()
    assert Deploy.objects.get(deploy_id="run.1").state == "reverted"


def test_a_window_that_ends_after_the_switch_takes_it_back(
    start, target, active_grant, advance
):
    process = start(STAGE_PAUSE="2")
    read_until(process, "stage 2")
    assert current(target) == "releases/run.1"
    advance(15 * 60)
    _, err = process.communicate(timeout=60)

    assert process.returncode == 4, err
    assert "expired" in err
    assert current(target) == "releases/old"
    assert Deploy.objects.get(deploy_id="run.1").state == "reverted"


def test_after_the_close_the_same_artefact_is_blocked_again(
    deploy, target, active_grant, people
):
    assert deploy()[0] == 0
    close(active_grant, people)

    code, said = deploy(DEPLOY_ID="run.2")

    assert (code, "no_grant" in said) == (3, True)
    assert current(target) == "releases/run.1"


def test_a_deploy_that_cannot_switch_is_rolled_back_and_reported(
    start, target, active_grant
):
    process = start(STAGE_PAUSE="2")
    read_until(process, "stage 1")
    (target / "current").unlink()  # a folder in its place cannot be replaced
    (target / "current").mkdir()
    (target / "current/kept").touch()
    _, err = process.communicate(timeout=60)

    assert process.returncode == 1
    assert "stage 2 failed" in err
    assert not (target / "releases/run.1").exists()
    assert Deploy.objects.get(deploy_id="run.1").state == "failed"


def test_a_cancelled_deploy_is_rolled_back_and_reported(start, target, active_grant):
    process = start(STAGE_PAUSE="2")
    read_until(process, "stage 2")
    process.terminate()
    process.communicate(timeout=60)

    assert process.returncode == 1
    assert current(target) == "releases/old"
    assert Deploy.objects.get(deploy_id="run.1").state == "failed"


def test_the_token_of_another_tenant_opens_nothing(
    deploy, active_grant, other_gate_token, target
):
    code, _ = deploy(BREAKGLASS_TOKEN=other_gate_token)

    assert code == 3
    assert current(target) == "releases/old"


def test_another_gates_name_opens_nothing(deploy, active_grant):
    code, said = deploy(GATE="db-migrate")

    assert (code, "no_answer_403" in said) == (3, True)
