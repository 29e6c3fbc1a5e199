"""
The key ring: five private keys and the two CA certificates, one PEM file each.

Keys are made once, by ``authority init``. Loading never makes or repairs anything: a
missing, readable-by-others or damaged file is an error that names the file.
"""

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from breakglass.authority.errors import InstallationTrouble

# The web PKI profile that verifiers apply to CAs knows RSA and ECDSA only, and
# sigstore's log identifiers agree across tools for ECDSA only (rekor#2062).
CURVES: Final[Mapping[str, type[ec.SECP256R1 | ec.SECP384R1]]] = {
    "fulcio-root": ec.SECP384R1,
    "fulcio": ec.SECP384R1,
    "ctlog": ec.SECP256R1,
    "rekor": ec.SECP256R1,
    "oidc": ec.SECP256R1,
}
OFFLINE: Final = "fulcio-root"  # may be moved off the host once `init` has run
CA_YEARS: Final = 10


@dataclass(frozen=True, slots=True)
class KeyRing:
    """The online keys and the certificate chain above every signing certificate."""

    fulcio: ec.EllipticCurvePrivateKey
    ctlog: ec.EllipticCurvePrivateKey
    rekor: ec.EllipticCurvePrivateKey
    oidc: ec.EllipticCurvePrivateKey
    intermediate: x509.Certificate
    root: x509.Certificate

    @property
    def chain(self) -> tuple[x509.Certificate, x509.Certificate]:
        """The CA certificates, issuing one first."""
        return self.intermediate, self.root


def spki(key: ec.EllipticCurvePublicKey) -> bytes:
    """Returns the DER SubjectPublicKeyInfo of *key* (RFC 5280 section 4.1.2.7)."""
    return key.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def key_id(key: ec.EllipticCurvePublicKey) -> bytes:
    """Returns SHA-256 over the SPKI: the log ID of RFC 6962 section 3.2."""
    return hashlib.sha256(spki(key)).digest()


def write_new(path: Path, data: bytes, *, mode: int) -> None:
    """Creates *path* with *mode* and *data* on disk; refuses to replace a file."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
    with os.fdopen(os.open(path, flags, mode), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def new_private_key_pem(curve: ec.EllipticCurve) -> bytes:
    """Returns a new private key as unencrypted PKCS #8 PEM."""
    return ec.generate_private_key(curve).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def create(directory: Path, *, site: str) -> dict[str, str]:
    """
    Makes the key ring in *directory* (0700, files 0600) and the CA certificates.

    Returns the fingerprint of every key by role. Raises `FileExistsError` rather than
    touch a file that is there already.
    """
    directory.mkdir(mode=0o700)
    ring: dict[str, ec.EllipticCurvePrivateKey] = {}
    for role, curve in CURVES.items():
        path = _key_path(directory, role)
        write_new(path, new_private_key_pem(curve()), mode=0o600)
        ring[role] = load_private_key(path, curve)
    root, intermediate = _ca_certificates(ring["fulcio-root"], ring["fulcio"], site)
    for role, certificate in (("fulcio-root", root), ("fulcio", intermediate)):
        pem = certificate.public_bytes(serialization.Encoding.PEM)
        write_new(_certificate_path(directory, role), pem, mode=0o644)
    return {role: key_id(key.public_key()).hex() for role, key in ring.items()}


def load(directory: Path, fingerprints: Mapping[str, str]) -> KeyRing:
    """
    Loads the key ring and checks every key against the fingerprint noted at `init`.

    Raises `InstallationTrouble` naming the first file that is missing, damaged,
    readable by others, or not the one that was made. The root's key may be gone.
    """
    ring: dict[str, ec.EllipticCurvePrivateKey] = {}
    for role, curve in CURVES.items():
        path = _key_path(directory, role)
        if role == OFFLINE and not path.exists():
            continue
        ring[role] = load_private_key(path, curve)
        _require_same(path, ring[role].public_key(), fingerprints[role])
    certificates: dict[str, x509.Certificate] = {}
    for role in ("fulcio-root", "fulcio"):
        path = _certificate_path(directory, role)
        certificates[role] = _load_certificate(path)
        public_key = certificates[role].public_key()
        if not isinstance(public_key, ec.EllipticCurvePublicKey):
            raise InstallationTrouble(f"{path} is not a certificate for an EC key")
        _require_same(path, public_key, fingerprints[role])
    return KeyRing(
        fulcio=ring["fulcio"],
        ctlog=ring["ctlog"],
        rekor=ring["rekor"],
        oidc=ring["oidc"],
        intermediate=certificates["fulcio"],
        root=certificates["fulcio-root"],
    )


def load_private_key(
    path: Path, curve: type[ec.EllipticCurve]
) -> ec.EllipticCurvePrivateKey:
    """Returns the private key in *path*; raises `InstallationTrouble` naming it."""
    try:
        mode = path.stat().st_mode & 0o777
        data = path.read_bytes()
    except OSError as exc:
        raise _trouble(path, f"cannot be read: {exc.strerror}") from exc
    if mode & 0o077:
        raise _trouble(path, f"is open to others (mode {mode:o}); run chmod 600")
    try:
        key = serialization.load_pem_private_key(data, password=None)
    except (ValueError, TypeError) as exc:
        raise _trouble(path, "is damaged: not a PEM private key") from exc
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(
        key.curve, curve
    ):
        raise _trouble(path, f"is not a key on curve {curve.name}")
    return key


def load_public_key(path: Path) -> ec.EllipticCurvePublicKey:
    """Returns the P-256 public key in *path*; raises `InstallationTrouble`."""
    try:
        key = serialization.load_pem_public_key(path.read_bytes())
    except OSError as exc:
        raise _trouble(path, f"cannot be read: {exc.strerror}") from exc
    except ValueError as exc:
        raise _trouble(path, "is damaged: not a PEM public key") from exc
    if not isinstance(key, ec.EllipticCurvePublicKey) or key.key_size != 256:  # noqa: PLR2004 - the curve's name
        raise _trouble(path, "is not a P-256 public key")
    return key


def _trouble(path: Path, problem: str) -> InstallationTrouble:
    return InstallationTrouble(
        f"{path} {problem}. Keys are never made again after init: restore the file "
        "from a backup."
    )


def _key_path(directory: Path, role: str) -> Path:
    return directory / f"{role}.key.pem"


def _certificate_path(directory: Path, role: str) -> Path:
    return directory / f"{role}.crt.pem"


def _load_certificate(path: Path) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(path.read_bytes())
    except OSError as exc:
        raise _trouble(path, f"cannot be read: {exc.strerror}") from exc
    except ValueError as exc:
        raise _trouble(path, "is damaged: not a PEM certificate") from exc


def _require_same(path: Path, key: ec.EllipticCurvePublicKey, expected: str) -> None:
    if key_id(key).hex() != expected:
        raise _trouble(path, "belongs to another installation")


def _ca_certificates(
    root_key: ec.EllipticCurvePrivateKey,
    intermediate_key: ec.EllipticCurvePrivateKey,
    site: str,
) -> tuple[x509.Certificate, x509.Certificate]:
    root_name = _name("breakglass-root", site)
    root = (
        _ca_builder(root_name, root_key, path_length=None)
        .issuer_name(root_name)
        .add_extension(_authority_key(root_key), critical=False)
        .sign(root_key, hashes.SHA384())
    )
    code_signing = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING])
    intermediate = (
        _ca_builder(_name("breakglass-ca", site), intermediate_key, path_length=0)
        .issuer_name(root_name)
        .add_extension(_authority_key(root_key), critical=False)
        .add_extension(code_signing, critical=False)
        .sign(root_key, hashes.SHA384())
    )
    return root, intermediate


def _name(common_name: str, organization: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )


def _authority_key(key: ec.EllipticCurvePrivateKey) -> x509.AuthorityKeyIdentifier:
    return x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key())


def _ca_builder(
    subject: x509.Name, key: ec.EllipticCurvePrivateKey, *, path_length: int | None
) -> x509.CertificateBuilder:
    """Fills what both CA certificates share (RFC 5280 section 4.2, web PKI profile)."""
    # A minute back, so that the first entries never precede their own authority.
    start = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=1)
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
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + timedelta(days=365 * CA_YEARS))
        .add_extension(
            x509.BasicConstraints(ca=True, path_length=path_length), critical=True
        )
        .add_extension(usage, critical=True)
        .add_extension(identifier, critical=False)
    )
