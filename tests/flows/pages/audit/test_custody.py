"""Auditors are told what the embedded authority cannot promise, and only of it."""

import json
from base64 import b64decode, b64encode
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from django.conf import settings as site

from breakglass.models import AuditEntry, Bundle
from portal.http import custody

LOG = "/t/acme/audit"
TOLD = "What a signature cannot prove here"
pytestmark = pytest.mark.django_db
signed = pytest.mark.django_db(transaction=True)  # signing is outside transactions


@pytest.fixture
def auditor(client_for, acme, people):
    return client_for(people.auditor)


def page(auditor, seq: int) -> str:
    answer = auditor.get(f"{LOG}/{seq}")
    assert answer.status_code == 200
    return answer.content.decode()


def certificate(issuer: str) -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(datetime(2026, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2027, 1, 1, tzinfo=UTC))
        .sign(key, hashes.SHA256())
    )
    return b64encode(made.public_bytes(Encoding.DER)).decode()


@pytest.fixture
def other_instance(settings, tmp_path):
    """The trust config of an instance that somebody else runs."""

    def use(*names: str, retired: tuple[str, ...] = ()) -> None:
        content = json.loads(Path(site.TRUST_CONFIG).read_text())
        content["trustedRoot"]["certificateAuthorities"] = [
            {
                "certChain": {"certificates": [{"rawBytes": certificate(name)}]},
                "validFor": {"end": "2026-06-01T00:00:00Z"} if name in retired else {},
            }
            for name in (*names, *retired)
        ]
        settings.TRUST_CONFIG = str(tmp_path / "trust_config.json")
        (tmp_path / "trust_config.json").write_text(json.dumps(content))

    return use


def test_the_limits_stand_on_the_page_of_an_entry(auditor):
    shown = page(auditor, 1)
    assert TOLD in shown
    assert "<details" in shown[: shown.index(TOLD)].splitlines()[-1]
    assert "any approver’s name" in shown


@signed
def test_the_limits_follow_the_certificate_of_a_signed_entry(
    auditor, acme, active_grant, other_instance
):
    other_instance("sigstore-intermediate")
    entry = AuditEntry.objects.get(tenant=acme, event="request.approved")
    assert TOLD in page(auditor, entry.seq)  # the embedded authority did sign it
    assert TOLD not in page(auditor, 1)


@pytest.mark.parametrize(
    ("live", "retired", "told"),
    [
        (["breakglass-ca"], (), True),
        (["breakglass-ca-12"], ("breakglass-ca",), True),
        (["sigstore-intermediate"], ("breakglass-ca",), False),
        (["breakglass-ca", "sigstore-intermediate"], (), False),
        (["breakglass-ca-x"], (), False),
        ([], ("breakglass-ca",), False),
    ],
)
def test_another_instance_is_not_spoken_ill_of(other_instance, live, retired, told):
    other_instance(*live, retired=retired)
    assert custody.is_embedded(None) is told


@pytest.mark.parametrize(
    ("issuer", "told"), [("breakglass-ca-2", True), ("sigstore-intermediate", False)]
)
def test_a_signature_is_judged_by_who_certified_it(issuer, told):
    material = {"certificate": {"rawBytes": certificate(issuer)}}
    raw = json.dumps({"verificationMaterial": material}).encode()
    assert custody.is_embedded(Bundle(bundle=raw)) is told


@pytest.mark.parametrize("content", [None, "", "[]", "{}", '{"trustedRoot": 1}'])
def test_what_cannot_be_read_makes_no_claim(settings, tmp_path, content):
    path = tmp_path / "trust_config.json"
    settings.TRUST_CONFIG = str(path)
    if content is not None:
        path.write_text(content)
    assert custody.is_embedded(None) is False


def test_the_name_is_the_one_that_the_authority_uses():
    root = json.loads(Path(site.TRUST_CONFIG).read_text())["trustedRoot"]
    raw = root["certificateAuthorities"][0]["certChain"]["certificates"][0]["rawBytes"]
    name = x509.load_der_x509_certificate(b64decode(raw)).subject
    (common_name,) = name.get_attributes_for_oid(NameOID.COMMON_NAME)
    assert common_name.value == "breakglass-ca"
