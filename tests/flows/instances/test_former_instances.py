"""After a change of instance: what was signed before stays evidence."""

import json
from pathlib import Path

import pytest

from breakglass.authority import trust as authority_trust
from breakglass.authority.config import Constants
from breakglass.authority.installation import initialise, open_installation
from breakglass.errors import SigningFailed
from breakglass.models import Bundle
from breakglass.signing.keyless import verifier_from_settings
from tests import factories
from tests.flows.instances.conftest import report_on

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def moved(settings, tmp_path):
    """Another instance with other keys takes over; returns the former's file."""
    base = tmp_path / "other"
    constants = Constants(
        issuer=settings.SIGNING_ISSUER, log_name="log.other", site="other"
    )
    initialise(base, constants)
    layout = authority_trust.publish(open_installation(base), settings.AUTHORITY_URL)
    former = settings.TRUST_CONFIG

    def _move():
        settings.TRUST_CONFIG = str(layout.trust_config)
        return former

    return _move


def verified(bundle, email):
    return verifier_from_settings().verify(
        bundle=bytes(bundle.bundle),
        statement=bytes(bundle.intent.statement),
        email=email,
    )


def test_a_bundle_of_a_former_instance_needs_its_root(
    acme, people, pending_request, moved, settings
):
    factories.approve(pending_request, people.peer)
    bundle = Bundle.objects.get()
    former = moved()

    with pytest.raises(SigningFailed, match="does not verify"):
        verified(bundle, people.peer.email)
    assert report_on(acme)[0], "the log says so too"
    settings.EXTRA_TRUST = [former]
    assert verified(bundle, people.peer.email).identity == people.peer.email
    assert report_on(acme)[0] == []


def test_under_a_former_root_too_only_the_named_person_counts(
    people, pending_request, moved, settings
):
    factories.approve(pending_request, people.peer)
    settings.EXTRA_TRUST = [moved()]

    with pytest.raises(SigningFailed, match="SANs do not match"):
        verified(Bundle.objects.get(), people.approver1.email)


def test_a_bare_trusted_root_will_do(
    people, pending_request, moved, settings, tmp_path
):
    factories.approve(pending_request, people.peer)
    root = json.loads(Path(moved()).read_text())["trustedRoot"]
    file = tmp_path / "trusted_root_2025.json"
    file.write_text(json.dumps(root))
    settings.EXTRA_TRUST = [str(file)]

    assert verified(Bundle.objects.get(), people.peer.email)


def test_a_former_root_that_is_gone_hinders_no_new_signature(
    people, pending_request, settings
):
    settings.EXTRA_TRUST = ["/nonexistent/former.json"]

    assert factories.approve(pending_request, people.peer).grant is not None


def test_a_former_root_that_is_gone_is_said_where_it_is_needed(
    people, pending_request, moved, settings
):
    factories.approve(pending_request, people.peer)
    moved()
    settings.EXTRA_TRUST = ["/nonexistent/former.json"]

    with pytest.raises(
        SigningFailed, match=r"former\.json .* cannot be read"
    ) as caught:
        verified(Bundle.objects.get(), people.peer.email)
    assert caught.value.retryable, "an operator can put it back"
