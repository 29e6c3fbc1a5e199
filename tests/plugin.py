"""
Starts the real servers before Django reads its settings (`-p tests.plugin`).

pytest-django loads the settings before any conftest, so this has to be a plugin that
is imported early. The controlling process starts the servers; each process that runs
tests gets a database of its own.
"""

import os

import pytest

from tests import servers

WORKER = os.environ.get("PYTEST_XDIST_WORKER", "")

if not WORKER:
    os.environ.update(servers.start_servers())
os.environ["DATABASE_URL"], os.environ["BREAKGLASS_OWNER_DATABASE_URL"] = (
    servers.worker_database(WORKER or "master")
)
# Playwright's synchronous API runs an event loop in the test's thread.
os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "true")


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stops what this process started."""
    servers.stop_servers()
