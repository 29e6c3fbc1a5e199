"""The snippets to copy really run: they ask, and only a clear bypass lets through."""

import os
import subprocess
from textwrap import dedent

import pytest
import yaml

from portal.http.gates import cluster_recipes, recipes
from portal.http.gates.recipes import dry_run_call, end_call, recipe

URL = "https://breakglass.example"
BYPASS = '{"decision":"bypass","reason":"grant_in_force"}'
ENFORCE = (
    '{"decision":"enforce","reason":"no_grant","note":"\\"decision\\":\\"bypass\\""}'
)
GIVEN = {
    "SERVICE": "checkout",
    "BRANCH": "main",
    "DEPLOY_ID": "run-1",
    "BREAKGLASS_TOKEN": "bg_live_secret",
}


SCRIPTS = [kind for kind in recipes.GateKind if kind not in cluster_recipes.TEXTS]


def script_of(kind):
    """Returns the shell that the kind's platform would run, as it would read it."""
    text = recipe(kind=kind, base_url=URL, gate="prod-deploy", service="checkout").text
    match kind:
        case "github_actions":
            return yaml.safe_load(text)[1]["run"]
        case "gitlab_ci":
            return yaml.safe_load(text)["policy-gate"]["script"][0]
        case "argo_cd":
            job = yaml.safe_load(text)
            return job["spec"]["template"]["spec"]["containers"][0]["args"][0]
        case "jenkins":
            inside = text.split("'''")[1]
            assert text.count("'''") == 2
            # Groovy drops a line's end behind a backslash, and knows no other here.
            joined = inside.replace("\\\n", "")
            assert "\\" not in joined
            return dedent(joined)
        case _:
            return text


@pytest.fixture
def run(tmp_path):
    """Runs a script where the policy check refuses and `curl` answers as told."""

    def _run(script, *, answer, code=0, policy=1):
        (tmp_path / "policy-check").write_text(f"#!/bin/sh\nexit {policy}\n")
        (tmp_path / "git").write_text("#!/bin/sh\necho main\n")
        (tmp_path / "curl").write_text(
            '#!/bin/sh\ncat > "$WORK/config"\nprintf "%s\\n" "$@" > "$WORK/args"\n'
            f"printf %s '{answer}'\nexit {code}\n"
        )
        for name in ("policy-check", "git", "curl"):
            (tmp_path / name).chmod(0o755)
        return subprocess.run(  # noqa: S603 - our own snippet
            ["/bin/sh", "-e", "-c", script],
            cwd=tmp_path,
            env={
                **GIVEN,
                "PATH": f"{tmp_path}:{os.environ['PATH']}",
                "WORK": str(tmp_path),
            },
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
        )

    return _run


@pytest.mark.parametrize("kind", SCRIPTS)
def test_the_snippet_lets_through_on_a_clear_bypass_and_on_nothing_else(
    kind, run, tmp_path
):
    script = script_of(kind)
    assert run(script, answer=BYPASS).returncode == 0
    asked = (tmp_path / "args").read_text()
    assert f"{URL}/api/v1/decisions" in asked
    body = yaml.safe_load(asked[asked.index("{") : asked.rindex("}") + 1])
    assert (body["gate"], body["service"]) == ("prod-deploy", "checkout")
    assert body["deploy_id"]
    assert "bg_live_secret" not in asked  # arguments are seen by every user
    assert "Bearer bg_live_secret" in (tmp_path / "config").read_text()
    for answer, code in ((ENFORCE, 0), ("", 0), ("oops", 0), ("", 22), (BYPASS, 28)):
        assert run(script, answer=answer, code=code).returncode == 1, (answer, code)


@pytest.mark.parametrize("kind", ["gitlab_ci", "argo_cd", "jenkins", "shell"])
def test_a_deploy_that_the_policy_allows_asks_nobody(kind, run, tmp_path):
    assert run(script_of(kind), answer=ENFORCE, policy=0).returncode == 0
    assert not (tmp_path / "args").exists()


def test_github_asks_only_when_the_check_refused():
    steps = yaml.safe_load(recipe(kind="github_actions", base_url=URL, gate="g").text)
    assert steps[0]["continue-on-error"] is True
    assert steps[1]["if"] == "steps.policy.outcome == 'failure'"
    assert "${{" not in steps[1]["run"]  # names of branches must not become code


def test_no_snippet_holds_a_token_and_each_names_its_gate():
    for kind in recipes.GateKind.values:
        found = recipe(kind=kind, base_url=URL, gate="prod-deploy")
        assert "prod-deploy" in found.text
        assert "bg_live_" not in found.text
        assert found.where
        assert "token" in found.secret.lower()


def test_the_calls_by_hand_are_the_apis():
    assert '"dry_run": true' in dry_run_call(base_url=URL, gate="g")
    assert f"{URL}/api/v1/deploys/$DEPLOY_ID" in end_call(base_url=URL)
