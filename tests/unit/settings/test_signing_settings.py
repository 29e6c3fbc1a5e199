"""What the variables of an instance mean, and what is refused before it can hurt."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
NAMES = [
    "SIGNING_INSTANCE",
    "SIGNING_IDENTITY",
    "SIGNING_WORKLOAD",
    "WORKLOAD_ISSUER",
    "TUF_URL",
    "SIGNING_DIGEST_ONLY",
    "SIGNING_SLOTS",
    "EXTRA_WORKLOADS",
    "EXTRA_TRUST",
]
SCRIPT = (
    "import json; from portal.settings import dev; "
    f"print(json.dumps({{n: getattr(dev, n) for n in {NAMES}}}))"
)
WORKLOAD = {
    "BREAKGLASS_WORKLOAD_IDENTITY": "svc@platform.example",
    "BREAKGLASS_WORKLOAD_ISSUER": "https://platform.example",
}


def run(**variables):
    """Reads the settings in a process with these variables only."""
    kept = {"PATH": os.environ["PATH"]}
    return subprocess.run(  # noqa: S603 - our own interpreter
        [sys.executable, "-c", SCRIPT],
        cwd=ROOT,
        env={**kept, **variables},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def read(**variables):
    done = run(**variables)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_by_default_the_embedded_authority_signs_in_the_approvers_name():
    found = read()

    assert (found["SIGNING_INSTANCE"], found["SIGNING_IDENTITY"]) == (
        "embedded",
        "portal",
    )
    assert found["SIGNING_WORKLOAD"] == "portal@breakglass.internal"
    assert found["WORKLOAD_ISSUER"] == "https://breakglass.internal/oidc"
    assert (found["TUF_URL"], found["SIGNING_DIGEST_ONLY"]) == ("", False)


def test_the_public_instance_gets_digests_only_and_trust_through_tuf():
    found = read(BREAKGLASS_SIGNING_INSTANCE="public", **WORKLOAD)

    assert found["SIGNING_IDENTITY"] == "workload"
    assert found["SIGNING_DIGEST_ONLY"] is True
    assert found["TUF_URL"] == "https://tuf-repo-cdn.sigstore.dev"
    assert found["SIGNING_WORKLOAD"] == "svc@platform.example"


@pytest.mark.parametrize("instance", ["private", "public"])
def test_an_external_instance_needs_to_know_whose_certificates_are_ours(instance):
    done = run(BREAKGLASS_SIGNING_INSTANCE=instance)

    assert done.returncode != 0
    for name in WORKLOAD:
        assert name in done.stderr


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("BREAKGLASS_SIGNING_INSTANCE", "sigstore"),
        ("BREAKGLASS_SIGNING_IDENTITY", "nobody"),
        ("BREAKGLASS_SIGNING_SLOTS", "0"),
        ("BREAKGLASS_EXTRA_WORKLOADS", "only-an-identity"),
        ("BREAKGLASS_EXTRA_WORKLOADS", "three whole words"),
    ],
)
def test_a_value_that_means_nothing_stops_the_start_by_its_name(name, value):
    done = run(**{name: value})

    assert done.returncode != 0
    assert name in done.stderr


def test_lists_are_separated_by_commas():
    found = read(
        BREAKGLASS_EXTRA_TRUST="/a.json,/b.json",
        BREAKGLASS_EXTRA_WORKLOADS="a https://a.example,b https://b.example",
    )

    assert found["EXTRA_TRUST"] == ["/a.json", "/b.json"]
    assert found["EXTRA_WORKLOADS"] == ["a https://a.example", "b https://b.example"]
