"""A passkey in software, and its enrolment as the log knows it."""

import hashlib
import json
import uuid
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from fido2 import cbor
from fido2.cose import ES256

from breakglass import clock
from breakglass.audit import chain, events, ledger
from breakglass.models import Assertion, Credential, CredentialNotice

RP_ID, ORIGIN = "localhost", "http://localhost:8000"
PRESENT_AND_VERIFIED = 0b101
ENROLLED = "credential.enrolled"
COOL_DOWN = 24 * 3600


class Authenticator:
    """One P-256 credential of one person."""

    def __init__(self, user):
        self.user = user
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.credential_id = uuid.uuid4().bytes
        self.row = None

    @property
    def spki(self):
        return self.key.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )

    @property
    def cose(self):
        return cbor.encode(ES256.from_cryptography_key(self.key.public_key()))

    def answer(self, challenge, *, origin=ORIGIN, rp_id=RP_ID, flags=None):
        """Returns (authenticator data, client data, signature) for a challenge."""
        client = json.dumps(
            {
                "type": "webauthn.get",
                "challenge": chain.base64url(challenge),
                "origin": origin,
                "crossOrigin": False,
            }
        ).encode()
        site = hashlib.sha256(rp_id.encode()).digest()
        marks = PRESENT_AND_VERIFIED if flags is None else flags
        data = site + bytes([marks]) + bytes(4)
        signed = data + hashlib.sha256(client).digest()
        return data, client, self.key.sign(signed, ec.ECDSA(hashes.SHA256()))

    def enrol(self, tenant):
        """Stores the credential, and writes what each log is told of it."""
        now = clock.db_now()
        usable = now + timedelta(seconds=COOL_DOWN + 5)
        self.row = Credential.objects.create(
            user=self.user,
            name="Key",
            credential_id=self.credential_id,
            public_key=self.cose,
            aaguid=uuid.UUID(int=0),
            rp_id=RP_ID,
            enrolled_at=now,
        )
        CredentialNotice.objects.create(
            credential=self.row, tenant=tenant, logged_at=now, usable_from=usable
        )
        facts = {
            "person": self.user.email,
            "id": str(self.user.public_id),
            "credential": chain.base64url(self.credential_id),
            "name": "Key",
            "public_key": chain.base64url(self.spki),
            "cose_key": chain.base64url(self.cose),
            "algorithm": -7,
            "aaguid": str(self.row.aaguid),
            "rp_id": RP_ID,
            "enrolled_at": chain.timestamp(now),
            "usable_from": chain.timestamp(usable),
            "cool_down_seconds": COOL_DOWN,
        }
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(events, "ALL", events.ALL | {ENROLLED})
            ledger.append(
                tenant=tenant, event=ENROLLED, actor=self.user.as_actor(), facts=facts
            )

    def assert_intent(self, intent):
        """Stores the assertion of one decision's exact bytes."""
        data, client, signature = self.answer(intent.digest)
        Assertion.objects.create(
            intent=intent,
            credential=self.row,
            authenticator_data=data,
            client_data=client,
            signature=signature,
            made_at=clock.db_now(),
        )
