"""
The certificate authority: Fulcio's certificates, with a certificate transparency log.

Certificates follow Fulcio's certificate specification and oid-info.md; the SCT in them
follows RFC 6962. A certificate, its log entry and the use of its ID token are one
transaction.
"""

import struct
from datetime import UTC, datetime, timedelta
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, ObjectIdentifier

from breakglass.authority import ctlog, wire
from breakglass.authority.errors import Refused
from breakglass.authority.installation import Installation
from breakglass.authority.keys import key_id
from breakglass.authority.oidc import ID_TOKEN, Identity
from breakglass.authority.store import Store, Transaction

CERTIFICATE_TTL: Final = timedelta(minutes=10)

_ISSUER_V1: Final = ObjectIdentifier("1.3.6.1.4.1.57264.1.1")  # raw bytes, deprecated
_ISSUER_V2: Final = ObjectIdentifier("1.3.6.1.4.1.57264.1.8")  # DER UTF8String
_SCT_LIST: Final = ObjectIdentifier("1.3.6.1.4.1.11129.2.4.2")

_UTF8_STRING: Final = 0x0C
_OCTET_STRING: Final = 0x04
_SHORT_LENGTH: Final = 0x80

# RFC 6962: version v1, leaf or signature type 0, precert_entry; ECDSA with SHA-256.
_V1, _TIMESTAMPED, _PRECERT_ENTRY = 0, 0, 1
_SHA256, _ECDSA = 4, 3


class CertificateAuthority:
    """Issues ten-minute signing certificates to holders of an ID token."""

    def __init__(self, *, installation: Installation, store: Store) -> None:
        self._installation = installation
        self._ring = installation.ring
        self._store = store
        self._issuer = installation.constants.issuer
        self._ct_log_id = installation.generation.ct_log_id
        self._issuer_key_hash = key_id(self._ring.fulcio.public_key())

    def issue(self, *, csr_pem: bytes, identity: Identity) -> list[x509.Certificate]:
        """
        Returns leaf, intermediate and root for the key in the CSR.

        Uses up the ID token: raises `Refused` (401) the second time. Raises `Refused`
        (400) for a CSR that is malformed, not self-signed, or not for a P-256 key;
        the token stays usable then.
        """
        public_key = _requested_key(csr_pem)
        with self._store.transaction() as transaction:
            if not transaction.consume(
                kind=ID_TOKEN, jti=identity.jti, expires_at=identity.expires_at
            ):
                raise Refused("the identity token has been used before", status=401)
            leaf = self._certify(transaction, public_key, identity)
        return [leaf, *self._ring.chain]

    def trust_bundle(self) -> list[x509.Certificate]:
        """Returns the chain above every certificate, issuing CA first."""
        return list(self._ring.chain)

    def _certify(
        self,
        transaction: Transaction,
        public_key: ec.EllipticCurvePublicKey,
        identity: Identity,
    ) -> x509.Certificate:
        """
        Signs the certificate twice: once for its log entry, once with the SCT.

        cryptography cannot build the poison extension's counterpart, and need not: the
        logged bytes are the TBS without the SCT, so the same builder without and with
        that last extension gives both (RFC 6962 section 3.2).
        """
        # First: the start must not precede the log's time, nor the keys their end.
        head = transaction.lock(self._installation.generation.ct_tree)
        self._installation.require_current()
        builder = self._builder(public_key, identity, head.now_ms)
        unlogged = builder.sign(self._ring.fulcio, hashes.SHA384())
        entry = self._log_entry(unlogged.tbs_certificate_bytes, head.now_ms)
        transaction.append(
            head,
            entry,
            lambda size, root: ctlog.signed_tree_head(
                self._ring.ctlog, size=size, root=root, timestamp_ms=head.now_ms
            ),
        )
        sct_list = _der(_OCTET_STRING, self._sct_list(entry, head.now_ms))
        certificate = builder.add_extension(
            x509.UnrecognizedExtension(_SCT_LIST, sct_list), critical=False
        ).sign(self._ring.fulcio, hashes.SHA384())
        if certificate.tbs_precertificate_bytes != unlogged.tbs_certificate_bytes:
            raise RuntimeError("the logged bytes differ from the certificate's")
        return certificate

    def _builder(
        self, public_key: ec.EllipticCurvePublicKey, identity: Identity, now_ms: int
    ) -> x509.CertificateBuilder:
        start = datetime.fromtimestamp(now_ms // 1000, UTC)
        ca_key = self._ring.fulcio.public_key()
        own_key_id = x509.SubjectKeyIdentifier.from_public_key(public_key)
        ca_key_id = x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key)
        issuer = self._issuer.encode("ascii")
        issuer_v1 = x509.UnrecognizedExtension(_ISSUER_V1, issuer)
        issuer_v2 = x509.UnrecognizedExtension(_ISSUER_V2, _der(_UTF8_STRING, issuer))
        address = x509.SubjectAlternativeName([x509.RFC822Name(identity.email)])
        code_signing = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING])
        return (
            x509.CertificateBuilder()
            .subject_name(x509.Name([]))  # empty, hence the critical SAN (RFC 5280)
            .issuer_name(self._ring.intermediate.subject)
            .public_key(public_key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(start)
            .not_valid_after(start + CERTIFICATE_TTL)
            .add_extension(_digital_signature_only(), critical=True)
            .add_extension(code_signing, critical=False)
            .add_extension(own_key_id, critical=False)
            .add_extension(ca_key_id, critical=False)
            .add_extension(address, critical=True)
            .add_extension(issuer_v1, critical=False)
            .add_extension(issuer_v2, critical=False)
        )

    def _log_entry(self, tbs: bytes, now_ms: int) -> bytes:
        """
        Returns the MerkleTreeLeaf of RFC 6962 section 3.4 for a precertificate.

        The same bytes are what the SCT signs (section 3.2): the two structures agree
        field by field when there are no extensions.
        """
        header = struct.pack("!BBQH", _V1, _TIMESTAMPED, now_ms, _PRECERT_ENTRY)
        length = len(tbs).to_bytes(3, "big")
        no_extensions = b"\x00\x00"
        return header + self._issuer_key_hash + length + tbs + no_extensions

    def _sct_list(self, entry: bytes, now_ms: int) -> bytes:
        """Returns a SignedCertificateTimestampList of one (RFC 6962 section 3.3)."""
        signature = self._ring.ctlog.sign(entry, ec.ECDSA(hashes.SHA256()))
        sct = struct.pack("!B32sQH", _V1, self._ct_log_id, now_ms, 0)
        sct += struct.pack("!BBH", _SHA256, _ECDSA, len(signature)) + signature
        item = struct.pack("!H", len(sct)) + sct
        return struct.pack("!H", len(item)) + item


def pem(certificate: x509.Certificate) -> str:
    """Returns the certificate as PEM text."""
    return certificate.public_bytes(serialization.Encoding.PEM).decode("ascii")


def _requested_key(csr_pem: bytes) -> ec.EllipticCurvePublicKey:
    """Returns the P-256 key of a CSR (RFC 2986) that proves its possession."""
    try:
        csr = x509.load_pem_x509_csr(csr_pem)
        key = csr.public_key()
        proven = csr.is_signature_valid
    except wire.BAD_X509 as exc:
        raise Refused("the certificate signing request is malformed") from exc
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(
        key.curve, ec.SECP256R1
    ):
        raise Refused("only ECDSA P-256 keys are certified")
    if not proven:
        raise Refused("the certificate signing request is not signed by its own key")
    return key


def _digital_signature_only() -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )


def _der(tag: int, content: bytes) -> bytes:
    """Returns a DER tag-length-value (X.690 section 8.1) of less than 64 KiB."""
    size = len(content)
    if size < _SHORT_LENGTH:
        return bytes([tag, size]) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, _SHORT_LENGTH | len(length)]) + length + content
