"""A channel of acme, and the posts that reach it."""

import pytest

from breakglass import notify
from tests.flows.delivery.ways_out import Post, webhook


@pytest.fixture
def post(monkeypatch):
    """Stands in for all channels; e-mail stays Django's own."""
    real, fake = notify.notifier_for, Post()
    monkeypatch.setattr(
        notify, "notifier_for", lambda kind: real(kind) if kind == "email" else fake
    )
    return fake


@pytest.fixture
def channel(acme, post):
    """A webhook of acme, whose posts `post` keeps."""
    return webhook(acme, "ops-room")
