"""The signing outage in tests: passkeys in software, a sealed key, a tier for it."""

from django.test import override_settings

from breakglass import clock
from breakglass.services.approving import approvals, counting, signatures
from breakglass.signing import fallback, sealed
from breakglass.states import SigningOutage
from tests import authenticator, factories
from tests.flows.services import steps

_KEYS = {}
PASSPHRASE = "only-for-the-suite-0123456789"


def seal(settings, folder):
    """Makes a sealed key in `folder` and configures it; returns its path."""
    settings.SEALED_KEY = str(folder / "sealed_key.pem")
    settings.SEALED_KEY_PASSPHRASE = PASSPHRASE
    path = folder / "sealed_key.pem"
    sealed.make(path=path, passphrase=PASSPHRASE)
    return path


def passkey(user):
    """Returns a passkey that may approve at once, as one known for long."""
    if user.public_id not in _KEYS:
        with override_settings(PASSKEY_COOL_DOWN_MINUTES=0):
            # Its counter stays at 0: a child that is killed counts for itself alone.
            made = authenticator.Authenticator(counts=False)
            _KEYS[user.public_id] = authenticator.enrol(user, authenticator=made)
    return _KEYS[user.public_id]


def proof(intent, user):
    """The person's passkey answers for exactly this decision."""
    return passkey(user).proof(intent, clock.db_now())


def confirm(intent, user):
    """Goes on from a draft with the person's passkey; returns the outcome."""
    return approvals.confirm(
        intent_id=intent.public_id, approver=user, proof=proof(intent, user)
    )


def commit(bypass, user, *, ttl=None):
    """Decides with a passkey, as far as the bytes that are about to be signed."""
    intent = factories.intend(bypass, user, ttl=ttl)
    return approvals._commit(
        intent_id=intent.public_id, approver=user, proof=proof(intent, user)
    )


def allow(tenant, *tiers):
    """Publishes a policy whose tiers allow the fallback; call it before asking."""
    for tier in tiers or ("low", "high"):
        steps.publish(tenant, tier=tier, signing_outage=SigningOutage.OFFLINE_QUORUM)


def approve(bypass, approver, *, ttl=None):
    """
    Approves with a passkey, signed by the fallback inside the test's transaction.

    As if the instance had just failed: `signatures.fulfil` is tested with real ones.
    """
    intent = commit(bypass, approver, ttl=ttl)
    return counting.record(intent=intent, bundle=sign_down(intent))


def sign_down(intent):
    """Signs as while the instance is down, and stores the bundle."""
    signed = fallback.sign(
        statement=bytes(intent.statement), identity=signatures._identity(intent)
    )
    return signatures._store(intent=intent, signed=signed)


def second_peer(tenant):
    """One more person who may approve a low-impact request."""
    found = factories.person("peer2@acme.example", "Second Peer")
    factories.join(tenant, found, "peers")
    return found


def grant(tenant, people, gate, *, further=None, **fields):
    """Opens a low request of the on-call and grants it under the fallback."""
    bypass = factories.request(tenant, people.oncall, gate, **fields)
    assert approve(bypass, people.peer).grant is None
    return approve(bypass, further or second_peer(tenant)).grant
