"""The portal's side of a running authority, and one bundle that it signed."""

from pathlib import Path

import pytest
from sigstore.models import Bundle

from tests.conformance.authority.stock_client import Portal, statement_of


@pytest.fixture(scope="module")
def portal(authority_url, trust_config_path, portal_key_path) -> Portal:
    return Portal(authority_url, Path(trust_config_path), Path(portal_key_path))


@pytest.fixture(scope="module")
def bundle(portal) -> Bundle:
    return portal.sign(statement_of("bundle"))
