"""Receivers, and webhooks of acme that lead to them."""

import pytest

from breakglass.actors import OPERATOR
from breakglass.services.hooks import addresses
from tests.flows.hooks.receiver import Receiver


@pytest.fixture(autouse=True)
def exempt(settings):
    """The operator allows this machine, as one would a relay inside the network."""
    settings.NOTIFY_HOSTS = ["127.0.0.1"]


@pytest.fixture
def receiver():
    made = Receiver()
    yield made
    made.stop()


@pytest.fixture
def another():
    made = Receiver()
    yield made
    made.stop()


@pytest.fixture
def hook(acme):
    """Makes a webhook of acme: `hook(receiver)` returns it and its secret."""

    def make(receiver, name="pipelines", **fields):
        words = {"gate": None, "url": f"{receiver.url}/in", "is_active": True, **fields}
        return addresses.store(tenant=acme, name=name, actor=OPERATOR, **words)

    return make
