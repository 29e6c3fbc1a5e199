"""
The two CA certificates: a root, and the intermediate that issues to people.

Every generation of keys has an intermediate of its own. The root usually outlives
them; it is replaced only when its key is lost or taken for stolen.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

CA_YEARS: Final = 10


@dataclass(frozen=True, slots=True)
class Root:
    """The root: its private key, which no running process needs, and certificate."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate


def new_root(*, site: str, generation: int) -> Root:
    """Makes a root key and its self-signed certificate."""
    # The web PKI profile that verifiers apply to CAs knows RSA and ECDSA only.
    key = ec.generate_private_key(ec.SECP384R1())
    name = _name("breakglass-root", site, generation)
    start = _start()
    builder = _ca_builder(
        name, key.public_key(), path_length=None, start=start, end=_ten_years(start)
    )
    certificate = (
        builder.issuer_name(name)
        .add_extension(_authority_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA384())
    )
    return Root(key, certificate)


def intermediate(
    root: Root, key: ec.EllipticCurvePublicKey, *, site: str, generation: int
) -> x509.Certificate:
    """Certifies the issuing key under *root*; it never outlives its root."""
    start = _start()
    end = min(_ten_years(start), root.certificate.not_valid_after_utc)
    name = _name("breakglass-ca", site, generation)
    code_signing = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING])
    return (
        _ca_builder(name, key, path_length=0, start=start, end=end)
        .issuer_name(root.certificate.subject)
        .add_extension(_authority_key(root.key.public_key()), critical=False)
        .add_extension(code_signing, critical=False)
        .sign(root.key, hashes.SHA384())
    )


def _start() -> datetime:
    # A minute back, so that the first entries never precede their own authority.
    return datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=1)


def _ten_years(start: datetime) -> datetime:
    return start + timedelta(days=365 * CA_YEARS)


def _name(common_name: str, organization: str, generation: int) -> x509.Name:
    # Chain builders look issuers up by name, so no two generations share one.
    suffix = "" if generation == 1 else f"-{generation}"
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization),
            x509.NameAttribute(NameOID.COMMON_NAME, f"{common_name}{suffix}"),
        ]
    )


def _authority_key(key: ec.EllipticCurvePublicKey) -> x509.AuthorityKeyIdentifier:
    return x509.AuthorityKeyIdentifier.from_issuer_public_key(key)


def _ca_builder(
    subject: x509.Name,
    key: ec.EllipticCurvePublicKey,
    *,
    path_length: int | None,
    start: datetime,
    end: datetime,
) -> x509.CertificateBuilder:
    """Fills what both CA certificates share (RFC 5280 section 4.2, web PKI profile)."""
    usage = x509.KeyUsage(
        digital_signature=False,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    )
    identifier = x509.SubjectKeyIdentifier.from_public_key(key)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(end)
        .add_extension(
            x509.BasicConstraints(ca=True, path_length=path_length), critical=True
        )
        .add_extension(usage, critical=True)
        .add_extension(identifier, critical=False)
    )
