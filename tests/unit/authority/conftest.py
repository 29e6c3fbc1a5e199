"""An installation on disk, and nothing else: no database, no network."""

import pytest

from breakglass.authority.config import Constants
from breakglass.authority.installation import initialise, open_installation


@pytest.fixture
def constants() -> Constants:
    return Constants(
        issuer="https://breakglass.internal/oidc",
        log_name="log.breakglass.internal",
        site="breakglass.internal",
    )


@pytest.fixture
def base(tmp_path, constants):
    """The directory of a finished installation."""
    assert initialise(tmp_path / "authority", constants)
    return tmp_path / "authority"


@pytest.fixture
def installation(base):
    return open_installation(base)
