"""A software authenticator: makes the bytes that a platform's passkey would."""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from hashlib import sha256
from secrets import token_bytes

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from django.conf import settings
from fido2 import cbor

from breakglass.rules.evidence import AssertedPasskey, AttestedPasskey, Proof
from breakglass.services.people import passkeys
from breakglass.signing import cose

UP, UV, AT = 0x01, 0x04, 0x40
DAY = 86_400


def b64(data):
    """Returns base64url without padding, as browsers write bytes."""
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64(text):
    """The bytes of base64url text."""
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


class Authenticator:
    """
    One credential in software. What it says can be bent: `answer(..., origin=…)`.

    `counts` says whether its signature counter goes up; many platforms keep it at 0.
    """

    def __init__(self, *, algorithm=-7, counts=True, rp_id="localhost"):
        self.credential_id = token_bytes(32)
        self.rp_id = rp_id
        self.algorithm = algorithm
        self.counts = counts
        self.counter = 0
        self.key = {
            -7: lambda: ec.generate_private_key(ec.SECP256R1()),
            -8: ed25519.Ed25519PrivateKey.generate,
            -257: lambda: rsa.generate_private_key(65537, 2048),
        }[algorithm]()

    def cose(self):
        """Returns the public key as a COSE map."""
        public = self.key.public_key()
        if self.algorithm == -8:
            return {1: 1, 3: -8, -1: 6, -2: public.public_bytes_raw()}
        numbers = public.public_numbers()
        if self.algorithm == -257:
            return {1: 3, 3: -257, -1: _bytes(numbers.n), -2: _bytes(numbers.e)}
        x, y = numbers.x.to_bytes(32, "big"), numbers.y.to_bytes(32, "big")
        return {1: 2, 3: -7, -1: 1, -2: x, -3: y}

    def attest(self, challenge, *, flags=UP | UV, cose=None, **said):
        """Answers navigator.credentials.create()."""
        key = cbor.encode(cose or self.cose())
        size = len(self.credential_id).to_bytes(2, "big")
        attested = bytes(16) + size + self.credential_id + key
        data = self._data(flags | AT, said.pop("rp_id", None)) + attested
        return AttestedPasskey(
            client_data=_client_data("webauthn.create", challenge, **said),
            attestation_object=cbor.encode(
                {"fmt": "none", "attStmt": {}, "authData": data}
            ),
            transports=("internal",),
        )

    def answer(
        self, challenge, *, flags=UP | UV, kind="webauthn.get", rp_id=None, **said
    ):
        """Answers navigator.credentials.get()."""
        self.counter += self.counts
        client_data = _client_data(kind, challenge, **said)
        data = self._data(flags, rp_id)
        return AssertedPasskey(
            credential_id=self.credential_id,
            authenticator_data=data,
            client_data=client_data,
            signature=self._sign(data + sha256(client_data).digest()),
        )

    def proof(self, intent, at, **bent):
        """Answers for one decision, as its whole proof."""
        passkey = self.answer(intent.digest, **bent)
        return Proof(method="passkey", at=at, passkey=passkey)

    def _data(self, flags, rp_id):
        rp = sha256((rp_id or self.rp_id).encode()).digest()
        return rp + bytes([flags]) + self.counter.to_bytes(4, "big")

    def _sign(self, message):
        if self.algorithm == -8:
            return self.key.sign(message)
        if self.algorithm == -257:
            return self.key.sign(message, padding.PKCS1v15(), hashes.SHA256())
        return self.key.sign(message, ec.ECDSA(hashes.SHA256()))


def spki(key):
    """Returns an authenticator's public key as the log carries it."""
    return b64(cose.spki(cbor.encode(key.cose())))


def enrol(user, *, authenticator=None, name="My key"):
    """Adds a passkey to the account; it cools down. Returns the authenticator."""
    made = authenticator or Authenticator()
    asked = passkeys.begin_enrolment(user=user)
    made.credential = passkeys.enrol(
        user=user,
        name=name,
        answer=made.attest(asked.challenge),
        challenge=asked.challenge,
    )
    return made


def remove(user, key, *, reason="Lost."):
    """Takes a passkey away, as its owner does."""
    passkeys.revoke(
        user=user,
        public_id=key.credential.public_id,
        reason=reason,
        actor=user.as_actor(),
    )


def _client_data(kind, challenge, *, origin=None, **more):
    said = {
        "type": kind,
        "challenge": b64(challenge),
        "origin": origin or settings.BASE_URL,
        "crossOrigin": False,
        **more,
    }
    return json.dumps(said, separators=(",", ":")).encode()


def _bytes(number):
    return number.to_bytes((number.bit_length() + 7) // 8, "big")
