"""A Sigstore instance of which one service is not on our side."""

import json
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from tests import hostile

DEADLINE = timedelta(seconds=1)

TOKEN, FULCIO, REKOR, STAMP = "token exchange", "Fulcio", "Rekor", "timestamps"
STAGES = (TOKEN, FULCIO, REKOR)
_SERVICES = {FULCIO: "caUrls", REKOR: "rekorTlogUrls", STAMP: "tsaUrls"}


@pytest.fixture
def broken(settings, tmp_path):
    """`with broken(stage, mode):` that service of the real authority is hostile."""

    @contextmanager
    def _broken(stage, mode, *, deadline=DEADLINE):
        before = (
            settings.AUTHORITY_URL,
            settings.TRUST_CONFIG,
            settings.SIGNING_DEADLINE,
        )
        settings.SIGNING_DEADLINE = deadline
        with hostile.server(mode) as url:
            if stage == TOKEN:
                settings.AUTHORITY_URL = url
            else:
                settings.TRUST_CONFIG = str(
                    trust_config_with(tmp_path, before[1], _SERVICES[stage], url)
                )
            yield
        settings.AUTHORITY_URL, settings.TRUST_CONFIG, settings.SIGNING_DEADLINE = (
            before
        )

    return _broken


def trust_config_with(folder, trust_config, service, url):
    """Writes the trust config with another address for one of its services."""
    content = json.loads(Path(trust_config).read_text())
    services = content["signingConfig"]
    entry = {**services["caUrls"][0], "url": url}
    services[service] = [entry]
    file = folder / f"{service}.json"
    file.write_text(json.dumps(content))
    return file
