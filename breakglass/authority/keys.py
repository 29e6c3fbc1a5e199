"""
The key ring: five private keys and the two CA certificates, one PEM file each.

Keys are made by ``authority init`` and ``authority rotate``. Loading never makes or
repairs anything: a missing, readable-by-others or damaged file is an error that names
the file.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from breakglass.authority import certificates
from breakglass.authority.certificates import Root
from breakglass.authority.errors import InstallationTrouble
from breakglass.authority.files import write_new

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


def pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    """Returns the private key as unencrypted PKCS #8 PEM."""
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def create(
    directory: Path, *, site: str, generation: int, root: Root, keep_root: bool
) -> dict[str, str]:
    """
    Makes the online keys in *directory* (0700, files 0600), certified under *root*.

    The root's own key is written beside them only if *keep_root*. Returns the
    fingerprint of every key by role. Raises `FileExistsError` rather than touch a file
    that is there already.
    """
    directory.mkdir(mode=0o700)
    ring = {
        role: ec.generate_private_key(curve())
        for role, curve in CURVES.items()
        if role != OFFLINE
    }
    kept = {**ring, OFFLINE: root.key} if keep_root else ring
    for role, key in kept.items():
        write_new(key_path(directory, role), pem(key), mode=0o600)
    issuing = certificates.intermediate(
        root, ring["fulcio"].public_key(), site=site, generation=generation
    )
    for role, certificate in ((OFFLINE, root.certificate), ("fulcio", issuing)):
        encoded = certificate.public_bytes(serialization.Encoding.PEM)
        write_new(certificate_path(directory, role), encoded, mode=0o644)
    every = {OFFLINE: root.key, **ring}
    return {role: key_id(every[role].public_key()).hex() for role in CURVES}


def paths(directory: Path) -> list[Path]:
    """Returns every file that `create` may have made, private keys first."""
    return [
        *(key_path(directory, role) for role in CURVES),
        *(certificate_path(directory, role) for role in (OFFLINE, "fulcio")),
    ]


def key_path(directory: Path, role: str) -> Path:
    """Returns where the private key of *role* lies."""
    return directory / f"{role}.key.pem"


def certificate_path(directory: Path, role: str) -> Path:
    """Returns where the CA certificate of *role* lies."""
    return directory / f"{role}.crt.pem"


def load(directory: Path, fingerprints: Mapping[str, str]) -> KeyRing:
    """
    Loads the key ring and checks every key against the fingerprint on record.

    Raises `InstallationTrouble` naming the first file that is missing, damaged,
    readable by others, or not the one that was made. The root's key may be gone.
    """
    ring: dict[str, ec.EllipticCurvePrivateKey] = {}
    for role, curve in CURVES.items():
        path = key_path(directory, role)
        if role == OFFLINE and not path.exists():
            continue
        ring[role] = load_private_key(path, curve)
        _require_same(path, ring[role].public_key(), fingerprints[role])
    chain: dict[str, x509.Certificate] = {}
    for role in (OFFLINE, "fulcio"):
        path = certificate_path(directory, role)
        chain[role] = _load_certificate(path)
        public_key = chain[role].public_key()
        if not isinstance(public_key, ec.EllipticCurvePublicKey):
            raise InstallationTrouble(f"{path} is not a certificate for an EC key")
        _require_same(path, public_key, fingerprints[role])
    return KeyRing(
        fulcio=ring["fulcio"],
        ctlog=ring["ctlog"],
        rekor=ring["rekor"],
        oidc=ring["oidc"],
        intermediate=chain["fulcio"],
        root=chain[OFFLINE],
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
