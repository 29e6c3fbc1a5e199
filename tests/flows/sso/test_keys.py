"""The provider's documents: kept for a while, asked for again when a key is new."""

import pytest
from joserfc.jwk import ECKey, RSAKey

from breakglass.models import Authentication, Grant
from tests import factories
from tests.flows.sso.steps import approve, page_of, text

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def peer(people, link, signed_in, acme):
    link(people.peer, "sub-peer")
    return signed_in(people.peer)


def test_documents_are_kept_and_a_rotation_needs_no_waiting(
    peer, people, acme, gate, idp
):
    idp.discovered = idp.key_fetches = 0
    for number in range(2):
        approve(
            peer, factories.request(acme, people.oncall, gate, service=f"s{number}")
        )
    assert (idp.discovered, idp.key_fetches) == (1, 1)

    idp.rotate(RSAKey, "k2")
    approve(peer, factories.request(acme, people.oncall, gate, service="s2"))

    assert (idp.discovered, idp.key_fetches) == (1, 2)
    assert Authentication.objects.count() == Grant.objects.count() == 3


def test_an_unknown_key_is_asked_for_once_in_a_sign_in(peer, idp, pending_request):
    idp.mode, idp.key_fetches = "unknown kid", 0
    approve(peer, pending_request)
    assert idp.key_fetches == 1
    approve(peer, pending_request)
    assert idp.key_fetches == 2
    assert not Grant.objects.exists()


@pytest.mark.parametrize("methods", [["client_secret_basic"], ["client_secret_post"]])
def test_elliptic_keys_and_both_ways_to_send_the_secret_work(
    peer, idp, pending_request, methods
):
    idp.rotate(ECKey, "e1")
    idp.discovery = {"token_endpoint_auth_methods_supported": methods}

    approve(peer, pending_request)

    assert Grant.objects.exists(), text(peer.get(page_of(pending_request)))
    assert ("client_secret" in idp.told[-1]) == (methods == ["client_secret_post"])
    idp.rotate(RSAKey, "k3")
