"""The loud bar and the cards of a signing outage, in every look."""

import pytest

from breakglass.errors import SigningFailed
from breakglass.models import Countersignature
from breakglass.services.approving import countersigning, signatures
from tests import database, factories, fallback
from tests.browser.steps import request_url
from tests.browser.test_every_page import _looks
from tests.flows.services import steps

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def outage(acme, people, gate, settings, tmp_path):
    """One bypass unverified for ever, one open, one request that waits, and one on."""
    fallback.seal(settings, tmp_path)
    fallback.allow(acme, "low")
    other = fallback.second_peer(acme)
    fallback.passkey(people.peer)
    old = fallback.grant(acme, people, gate, further=other, service="ledger")
    _sign(old)
    database.advance(25 * 3600)
    countersigning.countersign_due()
    _sign(fallback.grant(acme, people, gate, further=other))
    waits = factories.request(acme, people.oncall, gate, service="payments")
    intent = steps.commit(factories.intend(waits, people.peer), people.peer)
    error = SigningFailed("no answer", stage="network", retryable=True)
    signatures._postpone(intent=intent, error=error)
    goes_on = factories.request(acme, people.oncall, gate, service="search")
    fallback.approve(goes_on, people.peer)
    rows = Countersignature.objects.order_by("pk")
    return [*(row.grant.request for row in rows), waits, goes_on]


def _sign(grant):
    bundle = fallback.sign_down(grant.statement)
    signatures._record(intent=grant.statement, bundle=bundle)


def test_the_pages_of_an_outage_are_clean_in_every_look(
    open_page, watch, axe, outage, people
):
    page = open_page(people.oncall)
    found = []
    paths = {bypass.service: request_url(bypass) for bypass in outage}
    for name, path in {**paths, "list": "/t/acme/requests", "first": "/"}.items():
        page.set_viewport_size({"width": 1280, "height": 900})
        page.emulate_media(color_scheme="light")
        page.goto(path)
        found += [f"{name}: {text}" for text in [*_looks(page, axe), *watch.take()]]
        shown = page.get_by_role("region", name="Signed under the outage fallback")
        assert shown.is_visible(), name
    assert not found, "\n".join(found)
