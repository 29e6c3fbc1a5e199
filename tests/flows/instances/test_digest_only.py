"""Only digests leave the site: what is sent, and that it still proves everything."""

import base64
import json
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import pytest
from requests.adapters import HTTPAdapter

from breakglass.errors import SigningFailed
from breakglass.models import AuditEntry, Bundle
from breakglass.signing import instance
from breakglass.signing.keyless import signer_from_settings, verifier_from_settings
from tests import factories
from tests.flows.instances.conftest import WORKLOAD, issuer, report_on

pytestmark = pytest.mark.django_db(transaction=True)

CLI = Path(sys.executable).with_name("sigstore")


@pytest.fixture
def digest_only(settings, platform):
    """As for the public instance: the workload signs, the log is told a digest."""
    settings.SIGNING_DIGEST_ONLY = True
    return platform


@pytest.fixture
def sent(monkeypatch):
    """Everything that goes out over HTTP: address and body."""
    bodies, send = [], HTTPAdapter.send

    def noting(self, request, **options):
        bodies.append((request.url, request.body or b""))
        return send(self, request, **options)

    monkeypatch.setattr(HTTPAdapter, "send", noting)
    return bodies


def test_the_log_is_told_a_digest_a_signature_and_the_workloads_certificate(
    people, pending_request, digest_only, sent
):
    factories.approve(pending_request, people.peer, comment="Go.")

    (_, request), (where, entry) = sent
    assert list(json.loads(request)) == ["certificateSigningRequest"]
    assert where.endswith("/api/v1/log/entries")
    statement = bytes(Bundle.objects.get().intent.statement)
    proposed = json.loads(entry)
    assert proposed["kind"] == "hashedrekord"
    assert set(proposed["spec"]) == {"data", "signature"}
    assert proposed["spec"]["data"]["hash"]["value"] == sha256(statement).hexdigest()
    for body in (request, entry):
        for private in (people.peer.email, pending_request.bypass_id, "acme"):
            assert private not in text_of(body)


def text_of(body):
    """A JSON body with everything in base64 opened, twice: PEM is base64 again."""
    found = [body.decode() if isinstance(body, bytes) else body]
    for piece in list(strings(json.loads(found[0]))):
        found.append(piece)
        opened = opened_base64(piece)
        found.append(opened)
        lines = [line for line in opened.splitlines() if "-----" not in line]
        found.append(opened_base64("".join(lines)))
    return "\n".join(found)


def strings(value):
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from strings(item)


def opened_base64(text):
    try:
        return base64.b64decode(text).decode("latin-1")
    except ValueError:
        return ""


def test_otherwise_the_whole_statement_is_sent(people, pending_request, platform, sent):
    """The control: what the test above looks for is there to be found."""
    factories.approve(pending_request, people.peer)

    envelope = json.loads(sent[1][1])["spec"]["proposedContent"]["envelope"]
    assert people.peer.email in text_of(envelope)


def test_the_whole_log_verifies_with_its_checkpoints(
    acme, people, pending_request, digest_only, seal
):
    factories.approve(pending_request, people.peer)
    file = seal()

    kinds = [json.loads(bytes(b.bundle)) for b in Bundle.objects.all()]
    assert all("messageSignature" in kind for kind in kinds)
    assert report_on(acme, file) == ([], [])


def test_a_statement_changed_in_the_database_is_found(
    acme, people, pending_request, digest_only
):
    factories.approve(pending_request, people.peer)
    bundle = Bundle.objects.get()
    changed = bytes(bundle.intent.statement).replace(b'"low"', b'"top"')
    assert changed != bytes(bundle.intent.statement)

    with pytest.raises(SigningFailed, match="digest mismatch"):
        verifier_from_settings().verify(
            bundle=bytes(bundle.bundle),
            statement=changed,
            expected=instance.workloads(),
        )


def test_without_its_statement_such_a_bundle_proves_nothing(
    people, pending_request, digest_only
):
    factories.approve(pending_request, people.peer)

    with pytest.raises(SigningFailed, match="its statement was not given"):
        verifier_from_settings().payload_of(
            bundle=bytes(Bundle.objects.get().bundle), expected=instance.workloads()
        )


def test_a_digest_of_anything_else_than_a_statement_is_no_evidence(people, digest_only):
    other = b'{"_type": "something else"}'
    raw = signer_from_settings().sign(statement=other, identity=None)

    with pytest.raises(SigningFailed, match="does not carry an in-toto statement"):
        verifier_from_settings().verify(
            bundle=raw, statement=other, expected=instance.workloads()
        )


@pytest.mark.parametrize("subject", ["the file", "its digest", "another digest"])
def test_the_stock_command_verifies_the_statement_as_a_file(
    people, pending_request, digest_only, settings, tmp_path, subject
):
    factories.approve(pending_request, people.peer)
    bundle = Bundle.objects.get()
    statement, evidence = tmp_path / "statement.json", tmp_path / "b.sigstore.json"
    statement.write_bytes(bytes(bundle.intent.statement))
    evidence.write_bytes(bytes(bundle.bundle))
    named = {
        "the file": str(statement),
        "its digest": "sha256:" + sha256(statement.read_bytes()).hexdigest(),
        "another digest": "sha256:" + "0" * 64,
    }[subject]
    run = subprocess.run(  # noqa: S603 - the wheel's own command
        [
            *(str(CLI), "--trust-config", settings.TRUST_CONFIG, "verify", "identity"),
            *("--bundle", str(evidence), "--cert-identity", WORKLOAD),
            *("--cert-oidc-issuer", issuer(), named),
        ],
        capture_output=True,
        text=True,
        env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"},
        timeout=60,
        check=False,
    )

    assert (run.returncode == 0) is (subject != "another digest"), run.stderr


def test_the_entrys_page_names_and_offers_the_file_that_the_stock_command_takes(
    acme, people, pending_request, digest_only, client_for
):
    factories.approve(pending_request, people.peer)
    statement = bytes(Bundle.objects.get().intent.statement)
    seq = AuditEntry.objects.get(event="request.approved").seq
    auditor = client_for(people.auditor)

    page = auditor.get(f"/t/acme/audit/{seq}").content.decode()
    taken = auditor.get(f"/t/acme/audit/{seq}/statement")

    assert f"acme-{seq}.statement.json" in page
    assert taken.content == statement
