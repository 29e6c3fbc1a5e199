"""Other ways to sign than by default: tokens of a platform, of a provider."""

from types import SimpleNamespace

import pytest
from django.conf import settings as configured

from breakglass.services.approving import signatures
from breakglass.services.logs import sealing
from breakglass.services.logs.verification import verify_tenant
from tests.conformance.authority.stock_client import Portal

WORKLOAD = "signer@platform.example"


@pytest.fixture
def mint(authority_url, trust_config_path, portal_key_path):
    """Makes an ID token for a name, good for one certificate: `mint(email)`."""
    return Portal(authority_url, trust_config_path, portal_key_path).id_token


@pytest.fixture
def platform(settings, tmp_path, mint):
    """
    A platform that puts the workload's token into a file: `platform.renew()`.

    The authority takes each token once, so a signature that kept an old one fails.
    """
    file = tmp_path / "workload-token"
    settings.SIGNING_IDENTITY = "workload"
    settings.SIGNING_WORKLOAD = WORKLOAD
    settings.WORKLOAD_ISSUER = settings.SIGNING_ISSUER
    settings.WORKLOAD_TOKEN_FILE = str(file)

    def renew():
        file.write_text(mint(WORKLOAD) + "\n")

    renew()
    return SimpleNamespace(file=file, renew=renew)


@pytest.fixture
def seal(settings, tmp_path, platform):
    """Seals, signs under the workload's name, and publishes."""
    settings.CHECKPOINT_DIR = str(tmp_path / "checkpoints")

    def _seal(slug="acme"):
        sealing.seal_due()
        for _ in range(5):  # each signature needs a token of its own
            platform.renew()
            signatures.sign_due(limit=1)
        sealing.seal_due()
        return tmp_path / "checkpoints" / f"{slug}.jsonl"

    return _seal


def report_on(tenant, file=None):
    """Verifies the whole log; returns what is wrong, and what is not proven."""
    report = verify_tenant(tenant=tenant, checkpoint_file=file)
    return report.findings, report.unproven


def issuer():
    """The issuer of everything that the suite's authority certifies."""
    return configured.SIGNING_ISSUER
