"""A tier that allows the fallback, a sealed key, and services that are down."""

import json
import socket
from datetime import timedelta
from pathlib import Path

import pytest

from breakglass.services.approving import signatures
from tests import fallback
from tests.flows.services import steps


@pytest.fixture
def sealed(settings, tmp_path):
    """The sealed key, made and configured."""
    return fallback.seal(settings, tmp_path)


@pytest.fixture
def tolerant(acme):
    """Acme, whose low and high tiers allow the fallback."""
    fallback.allow(acme)
    return acme


@pytest.fixture
def peer2(acme):
    """One more person who may approve a low-impact request."""
    return fallback.second_peer(acme)


@pytest.fixture
def signs_here(monkeypatch):
    """Real signatures of the instance, inside the test's transaction."""
    monkeypatch.setattr(
        signatures, "fulfil", lambda *, intent, **_: steps.sign_here(intent)
    )


@pytest.fixture
def silent_service(settings):
    """A service that takes connections and never answers one."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as server:
        settings.AUTHORITY_URL = f"http://127.0.0.1:{server.getsockname()[1]}"
        yield server


@pytest.fixture
def other_instance(settings, tmp_path):
    """
    Another instance than the embedded authority, and it is down.

    Its trust config is the authority's, but for where to sign: a dead port.
    """
    config = json.loads(Path(settings.TRUST_CONFIG).read_text())
    signing = config["signingConfig"]
    for urls in (signing["caUrls"], signing["rekorTlogUrls"]):
        for one in urls:
            one["url"] = "http://127.0.0.1:9"
    path = tmp_path / "other.json"
    path.write_text(json.dumps(config))
    settings.TRUST_CONFIG = str(path)
    settings.SIGNING_INSTANCE = "private"
    settings.SIGNING_DEADLINE = timedelta(seconds=4)
    return path
