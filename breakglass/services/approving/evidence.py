"""What stands beside a signature: asked for, checked, kept; in the commit's step."""

from datetime import datetime

from breakglass.errors import NotFound, PasskeyRequired, ReauthenticationRequired
from breakglass.models import Assertion, Authentication, Intent
from breakglass.queries import policies
from breakglass.rules.evidence import AssertedPasskey, Proof
from breakglass.services.approving import counting
from breakglass.services.people import passkeys
from breakglass.texts import text


def require(*, intent: Intent, proof: Proof) -> None:
    """
    Raises unless the proof carries what it says, and what the tier asks for.

    PasskeyRequired by the stricter of the pinned and the current policy.
    """
    if proof.passkey is not None:
        return
    if proof.method == "passkey":
        msg = text("The passkey's answer is missing. Nothing was recorded.")
        raise ReauthenticationRequired(msg)
    if intent.request is None:
        msg = text("this decision is about no request")
        raise NotFound(msg)
    if policies.terms_of(bypass=intent.request).passkey_required:
        raise PasskeyRequired(counting.PASSKEY_REQUIRED)


def keep(*, intent: Intent, proof: Proof, now: datetime) -> None:
    """Stores the fresh sign-in, and verifies and stores the assertion beside it."""
    Authentication.objects.create(
        intent=intent,
        method=proof.method,
        at=proof.at,
        issuer=proof.issuer,
        subject=proof.subject,
        token_sha256=proof.token_sha256,
        auth_time=proof.auth_time,
        amr=list(proof.amr),
        acr=proof.acr,
    )
    if proof.passkey is not None:
        assert_by(intent=intent, passkey=proof.passkey, now=now)


def assert_by(*, intent: Intent, passkey: AssertedPasskey, now: datetime) -> None:
    """Verifies the signer's assertion over exactly this decision; keeps it whole."""
    if intent.signer is None:
        msg = text("this decision is nobody's")
        raise NotFound(msg)
    credential = passkeys.verify(
        intent=intent, person=intent.signer, passkey=passkey, now=now
    )
    Assertion.objects.create(
        intent=intent,
        credential=credential,
        authenticator_data=passkey.authenticator_data,
        client_data=passkey.client_data,
        signature=passkey.signature,
        made_at=now,
    )
