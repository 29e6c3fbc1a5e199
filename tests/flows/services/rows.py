"""Rows written past the services, as a bug or an intruder with the app's role would."""

import uuid
from datetime import timedelta
from hashlib import sha256

from django.db import transaction

from breakglass import clock
from breakglass.models import (
    Approval,
    Assertion,
    Bundle,
    Credential,
    Grant,
    Intent,
    PostMortem,
)


def evidence(bypass, signer, ttl_seconds=900, *, mark="", signed_by="instance"):
    """A bundle row that claims to be the signer's; only its bytes are made up."""
    intent = Intent.objects.create(
        tenant=bypass.tenant,
        kind="approval",
        state="signed",
        signer=signer,
        request=bypass,
        statement=b"{}",
        ttl_seconds=ttl_seconds,
        created_at=bypass.opened_at,
        authenticated_at=bypass.opened_at,
    )
    raw = f"{bypass.bypass_id} {signer.email} {mark}".encode()
    return Bundle.objects.create(
        intent=intent,
        bundle=raw,
        sha256=sha256(raw).digest(),
        identity=signer.email,
        issuer="x",
        signed_by=signed_by,
        log_index=None if signed_by == "sealed_key" else 0,
        integrated_at=bypass.opened_at,
        verified_at=bypass.opened_at,
    )


def passkey(user):
    """A passkey's row; that its bytes are made up does not matter to the database."""
    return Credential.objects.create(
        user=user,
        name="Laptop",
        credential_id=uuid.uuid4().bytes,
        public_key=b"cose",
        aaguid=uuid.UUID(int=0),
        rp_id="localhost",
        enrolled_at=clock.db_now(),
    )


def assert_with(bundle, user):
    """Gives a bundle's intent an assertion of that person's passkey; returns both."""
    made = Assertion.objects.create(
        intent=bundle.intent,
        credential=passkey(user),
        authenticator_data=b"a",
        client_data=b"c",
        signature=b"s",
        made_at=clock.db_now(),
    )
    return bundle, made


def insert(bypass, approver, bundle, **other):
    """Writes an approval."""
    fields = {
        "request": bypass,
        "approver": approver,
        "digest": bypass.digest,
        "ttl_seconds": 900,
        "bundle": bundle,
        "created_at": bypass.opened_at,
    }
    with transaction.atomic():
        return Approval.objects.create(**{**fields, **other})


def insert_grant(bypass, *, quorum, ttl_seconds=900, **other):
    """Writes a grant from now on, with the post-mortem and statement that it needs."""
    now = clock.db_now()
    end = now + timedelta(seconds=ttl_seconds)
    statement = Intent.objects.create(
        tenant=bypass.tenant,
        kind="grant",
        state="committed",
        request=bypass,
        statement=b"{}",
        created_at=now,
    )
    owed = PostMortem.objects.create(
        tenant=bypass.tenant,
        assignee=bypass.requester,
        opens_at=end,
        due_at=end + timedelta(days=1),
    )
    fields = {
        "tenant": bypass.tenant,
        "gate": bypass.gate,
        "request": bypass,
        "postmortem": owed,
        "statement": statement,
        "service": bypass.service,
        "branch": bypass.branch,
        "artifact": bypass.artifact,
        "quorum": quorum,
        "ttl_seconds": ttl_seconds,
        "starts_at": now,
        "expires_at": end,
    }
    return Grant.objects.create(**{**fields, **other})
