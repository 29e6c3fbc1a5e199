"""
When something may sign in place of the Sigstore instance, and what must then hold.

Two looks at the same rules: before a signature, so that nothing is signed in vain, and
under the request's lock, before one counts.
"""

from breakglass.errors import NotPermitted
from breakglass.models import Assertion, Bundle, BypassRequest, Grant, Intent
from breakglass.models.signing import IntentKind
from breakglass.queries import outage, policies
from breakglass.states import Assurance, SignedBy
from breakglass.texts import text


def allowed(*, intent: Intent) -> bool:
    """
    Says whether the fallback may sign this statement, should the instance be down.

    An approval needs a tier that allows it (by both policies), its own passkey, and a
    request on which nobody approved without one. A grant needs to be one of the
    fallback. Checkpoints and countersignatures always wait for the instance.
    """
    if intent.kind == IntentKind.GRANT:
        return Grant.objects.filter(
            statement=intent, assurance=Assurance.OFFLINE_QUORUM
        ).exists()
    if intent.kind != IntentKind.APPROVAL or intent.request is None:
        return False
    return (
        policies.terms_of(bypass=intent.request).offline_quorum
        and has_passkey(intent=intent)
        and not outage.bare(bypass=intent.request)
    )


def has_passkey(*, intent: Intent) -> bool:
    """
    Says whether the signer's own passkey stands beside the decision.

    One that was revoked while the decision waited vouches for nobody any more.
    """
    return Assertion.objects.filter(
        intent=intent,
        credential__user=intent.signer,
        credential__revoked_at__isnull=True,
    ).exists()


def require_fits(*, bypass: BypassRequest, intent: Intent, bundle: Bundle) -> None:
    """
    Raises NotPermitted for an approval that would break what the fallback promises.

    Called under the request's lock. Either the approval or an earlier one was signed
    without the instance; then all of them have passkeys, and the tier allows it.
    """
    stands_in = bundle.signed_by != SignedBy.INSTANCE
    if not stands_in and not outage.is_offline(bypass=bypass):
        return
    if not has_passkey(intent=intent):
        msg = text(
            "While this request waited, signing was down, and it goes on "
            "under the fallback: every approval needs a passkey. Approve "
            "again with yours."
        )
        raise NotPermitted(msg)
    if not stands_in:
        return
    if not policies.terms_of(bypass=bypass).offline_quorum:
        msg = text(
            "The tier does not allow the outage fallback any more. Approve "
            "again when the signing service is back."
        )
        raise NotPermitted(msg)
    if outage.bare(bypass=bypass):
        msg = text(
            "Somebody approved this request without a passkey, so it "
            "cannot go on under the fallback. Approve again when the "
            "signing service is back."
        )
        raise NotPermitted(msg)
