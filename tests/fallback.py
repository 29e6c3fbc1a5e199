"""The signing outage in tests: passkeys as rows, a sealed key, a tier for it."""

from uuid import uuid4

from breakglass import clock
from breakglass.models import Assertion, Credential, CredentialNotice
from breakglass.services import counting, signatures
from breakglass.signing import fallback, sealed
from breakglass.states import SigningOutage
from tests import factories
from tests.flows.services import steps

PASSPHRASE = "only-for-the-suite-0123456789"


def seal(settings, folder):
    """Makes a sealed key in `folder` and configures it; returns its path."""
    settings.SEALED_KEY = str(folder / "sealed_key.pem")
    settings.SEALED_KEY_PASSPHRASE = PASSPHRASE
    path = folder / "sealed_key.pem"
    sealed.make(path=path, passphrase=PASSPHRASE)
    return path


def passkey(user, tenant):
    """Returns a passkey of the person that the tenant's log has known for long."""
    now = clock.db_now()
    made = Credential.objects.create(
        user=user,
        name=f"key of {user}",
        credential_id=uuid4().bytes,
        public_key=b"cose",
        aaguid=uuid4(),
        rp_id="localhost",
        enrolled_at=now,
    )
    CredentialNotice.objects.create(
        credential=made, tenant=tenant, logged_at=now, usable_from=now
    )
    return made


def assert_beside(intent, user):
    """Puts an assertion of that person beside a decision."""
    known = Credential.objects.filter(user=user).first()
    return Assertion.objects.create(
        intent=intent,
        credential=known or passkey(user, intent.tenant),
        authenticator_data=b"data",
        client_data=b"{}",
        signature=b"signature",
        made_at=clock.db_now(),
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
    intent = steps.commit(factories.intend(bypass, approver, ttl=ttl), approver)
    assert_beside(intent, approver)
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
