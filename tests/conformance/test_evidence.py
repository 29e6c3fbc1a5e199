"""
Evidence stands without our code: the stock `sigstore` CLI verifies what we store.

The bundles are taken out of the database as bytes, written to files, and given to the
command of the wheel with the installation's trust config, with proxies that lead
nowhere: whatever it decides, it decides offline.
"""

import base64
import json
import os
import subprocess
import sys
from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace

import pytest

from breakglass.models import Bundle, Checkpoint
from breakglass.services.approving import signatures
from breakglass.services.logs import sealing
from tests.flows.services import steps

CLI = Path(sys.executable).with_name("sigstore")
NOWHERE = "http://127.0.0.1:9"


@pytest.fixture
def evidence(acme, people, gate, settings, tmp_path, monkeypatch):
    """One approval, the grant it made and a checkpoint, each with its bundle."""
    settings.CHECKPOINT_DIR = str(tmp_path / "checkpoints")
    monkeypatch.setattr(
        signatures, "fulfil", lambda *, intent, **_: steps.sign_here(intent)
    )
    grant = steps.grant(acme, people, gate)
    sealing.seal_due()
    signatures.sign_due()
    head = bytes(Checkpoint.objects.get(tenant=acme).head_hash)
    body = bytes(grant.request.body)
    return SimpleNamespace(
        approval=SimpleNamespace(
            bundle=stored("approval"),
            identity=people.peer.email,
            digest=sha256(body).hexdigest(),
        ),
        grant=SimpleNamespace(
            bundle=stored("grant"),
            identity=settings.SIGNING_WORKLOAD,
            digest=sha256(body).hexdigest(),
        ),
        checkpoint=SimpleNamespace(
            bundle=stored("checkpoint"),
            identity=settings.SIGNING_WORKLOAD,
            digest=head.hex(),
        ),
        body=body,
    )


def stored(kind):
    return bytes(Bundle.objects.get(intent__kind=kind).bundle)


@pytest.fixture
def verified(settings, tmp_path):
    """Asks the stock CLI; returns whether it is satisfied, and what it said."""

    def _verified(*, bundle, identity, issuer=None, subject):
        file = tmp_path / "evidence.sigstore.json"
        file.write_bytes(bundle)
        run = subprocess.run(  # noqa: S603 - the wheel's own command
            [
                str(CLI),
                "--trust-config",
                settings.TRUST_CONFIG,
                "verify",
                "identity",
                "--offline",
                "--bundle",
                str(file),
                "--cert-identity",
                identity,
                "--cert-oidc-issuer",
                issuer or settings.SIGNING_ISSUER,
                subject,
            ],
            env={
                "PATH": os.environ["PATH"],
                "HOME": str(tmp_path),
                "HTTP_PROXY": NOWHERE,
                "HTTPS_PROXY": NOWHERE,
            },
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        return run.returncode == 0, run.stdout + run.stderr

    return _verified


@pytest.mark.parametrize("kind", ["approval", "grant", "checkpoint"])
def test_the_stock_command_verifies_what_the_database_holds(evidence, verified, kind):
    one = getattr(evidence, kind)

    good, said = verified(
        bundle=one.bundle, identity=one.identity, subject=f"sha256:{one.digest}"
    )

    assert good, said


def test_the_stock_command_verifies_the_frozen_request_as_a_file(
    evidence, verified, tmp_path
):
    """Whoever has the request's stored bytes needs not even a digest."""
    file = tmp_path / "request.json"
    file.write_bytes(evidence.body)
    one = evidence.approval

    good, said = verified(bundle=one.bundle, identity=one.identity, subject=str(file))

    assert good, said


def test_the_stock_command_refuses_everything_else(evidence, verified):
    one = evidence.approval
    right = {
        "bundle": one.bundle,
        "identity": one.identity,
        "subject": f"sha256:{one.digest}",
    }
    wrong = {
        "another person": {"identity": "senior@acme.example"},
        "the portal": {"identity": evidence.grant.identity},
        "another issuer": {"issuer": "https://accounts.example/oidc"},
        "another digest": {"subject": "sha256:" + "00" * 32},
        "a changed payload": {"bundle": repacked(one.bundle, flip)},
        "a longer permission": {"bundle": repacked(one.bundle, longer)},
        "the grant's statement": {"bundle": evidence.grant.bundle},
    }

    passed = {
        name: said
        for name, change in wrong.items()
        for good, said in [verified(**{**right, **change})]
        if good or "Traceback" in said
    }

    assert passed == {}
    assert verified(**right)[0], "the negative control"


def repacked(raw, change):
    """The bundle with another payload and nothing else."""
    bundle = json.loads(raw)
    payload = base64.b64decode(bundle["dsseEnvelope"]["payload"])
    bundle["dsseEnvelope"]["payload"] = base64.b64encode(change(payload)).decode()
    return json.dumps(bundle).encode()


def flip(payload):
    return payload[:-3] + bytes([payload[-3] ^ 1]) + payload[-2:]


def longer(payload):
    changed = payload.replace(b'"ttl_seconds":900', b'"ttl_seconds":9000')
    assert changed != payload
    return changed


def test_a_statement_says_what_was_approved_and_by_whom(evidence):
    for kind in ("approval", "grant"):
        payload = json.loads(
            base64.b64decode(
                json.loads(getattr(evidence, kind).bundle)["dsseEnvelope"]["payload"]
            )
        )
        body = json.loads(evidence.body)
        assert payload["subject"][0]["name"] == body["bypass_id"]
        assert payload["predicate"]["bypass_id"] == body["bypass_id"]
        assert payload["predicate"]["tenant"] == body["tenant"]["id"]


def test_no_bundle_carries_what_the_request_was_about(evidence):
    """Only digests leave the site: never a justification or a service's name."""
    body = json.loads(evidence.body)
    for kind in ("approval", "grant", "checkpoint"):
        payload = base64.b64decode(
            json.loads(getattr(evidence, kind).bundle)["dsseEnvelope"]["payload"]
        ).decode()
        assert body["justification"] not in payload
        assert '"checkout"' not in payload
