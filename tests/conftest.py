"""Alice's world: two tenants, people of every role, a gate, a signed grant."""

import os
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.test import Client
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings

from tests import database, factories

# How fast examples are made says something about the machine, not about the code.
hypothesis_settings.register_profile(
    "suite", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
hypothesis_settings.load_profile("suite")

PASSWORD = factories.PASSWORD


@pytest.fixture(scope="session")
def django_db_setup(django_db_blocker):
    """The worker's database is migrated already: it is a copy of the template."""
    with django_db_blocker.unblock():
        database.install()


@pytest.fixture
def advance(db):
    """Moves the database's clock: `advance(seconds)`."""
    return database.advance


@pytest.fixture
def people(db):
    """One person of every role; not in any tenant before `acme` is asked for."""
    return factories.people()


@pytest.fixture
def acme(people):
    """The tenant of `people`, as `manage.py bootstrap` makes it, with roles filled."""
    return factories.tenant("acme", "Acme", people)


@pytest.fixture
def charlie(db):
    """A person of another tenant, who may not even know that acme exists."""
    return factories.stranger()


@pytest.fixture
def gate(acme):
    """A gate of acme without environment or data class."""
    return factories.gate(acme, "prod-deploy")


@pytest.fixture
def database_gate(acme):
    """A gate that guards the production database."""
    return factories.gate(acme, "db-migrate", data_class="production-database")


@pytest.fixture
def gate_token(gate):
    """A live token of `gate`, in the clear."""
    return factories.token(gate)


@pytest.fixture
def other_gate_token(charlie):
    """A live token of another tenant's gate."""
    return factories.token(factories.gate(factories.tenant_of(charlie), "prod-deploy"))


@pytest.fixture
def pending_request(acme, people, gate):
    """A low-impact request of the on-call for `checkout`, unanswered."""
    return factories.request(acme, people.oncall, gate)


@pytest.fixture
def high_request(acme, people, gate):
    """A high-impact request, which needs two designated approvers."""
    return factories.request(acme, people.oncall, gate, impact="high")


@pytest.fixture
def active_grant(pending_request, people):
    """A really signed grant of 15 minutes on `checkout`, approved by the peer."""
    return factories.approve(pending_request, people.peer).grant


@pytest.fixture
def client_for():
    """Returns a browser that has just signed in as the given person."""

    def _client(user, password=PASSWORD) -> Client:
        client = Client()
        answer = client.post(
            "/accounts/login/", {"login": user.email, "password": password}
        )
        assert answer.status_code == 302, "the login form refused a good password"
        return client

    return _client


@pytest.fixture(scope="session")
def authority_url():
    """Base address of the running authority process."""
    return settings.AUTHORITY_URL


@pytest.fixture(scope="session")
def trust_config_path():
    """The trust config that the authority wrote."""
    return Path(settings.TRUST_CONFIG)


@pytest.fixture(scope="session")
def portal_key_path():
    """The key with which the portal vouches for people."""
    return Path(settings.PORTAL_KEY)


@pytest.fixture
def no_signing_service(settings):
    """The authority refuses connections: a port where nothing listens."""
    settings.AUTHORITY_URL = "http://127.0.0.1:9"
    settings.SIGNING_DEADLINE = timedelta(seconds=2)


@pytest.fixture(scope="session")
def xdist_worker():
    """The name of this process among the workers, for ports and folders."""
    return os.environ.get("PYTEST_XDIST_WORKER", "master")
