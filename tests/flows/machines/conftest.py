"""A platform, a gate, and a job of the platform that may speak for the gate."""

import pytest

from breakglass.actors import OPERATOR
from breakglass.services.gates import contacts, issuers, machines
from tests import platforms

IDS = {"repository_id": "123456", "repository_owner_id": "4242"}


@pytest.fixture(scope="session")
def _platform():
    with platforms.running() as platform:
        yield platform


@pytest.fixture
def platform(_platform, settings):
    """The issuer, well behaved until told otherwise."""
    contacts.forget()
    settings.IDENTITY_HOSTS = ["127.0.0.1"]
    keys = (_platform.rsa, _platform.ec)
    _platform.keys = [key.as_dict(private=False) for key in keys]
    _platform.about, _platform.answer = {}, None
    _platform.asked.clear()
    yield _platform
    contacts.forget()


@pytest.fixture
def audience(gate):
    return f"https://breakglass.example.com/t/acme/gates/{gate.slug}"


@pytest.fixture
def bind(platform, gate, audience):
    """Lets a machine speak for the gate, and fetches the platform's keys."""

    def _bind(*, kind="github_actions", to=None, **claims):
        identity = machines.add(
            gate=to or gate,
            kind=kind,
            issuer=platform.issuer,
            audience=audience,
            claims=claims or IDS,
            actor=OPERATOR,
        )
        if identity.issuer.fetched_at is None:
            assert issuers.refresh_due() == 1
        return identity

    return _bind


@pytest.fixture
def bound(bind):
    """Repository 123456 of owner 4242, in the environment `production`."""
    return bind(**IDS, environment="production")
