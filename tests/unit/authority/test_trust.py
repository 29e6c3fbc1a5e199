"""The trust files: their shape, and what may and may not depend on the address."""

import base64
import dataclasses
import hashlib
import json
import stat

from sigstore.models import ClientTrustConfig, TrustedRoot

from breakglass.authority import trust
from breakglass.authority.config import Constants

URL = "http://127.0.0.1:8001"


def test_the_stock_client_reads_both_files(installation):
    layout = trust.publish(installation, URL)
    config = ClientTrustConfig.from_json(layout.trust_config.read_text())
    assert [str(log.url) for log in config.signing_config.get_tlogs()] == [
        f"{URL}/api/v1"
    ]
    assert config.signing_config.get_fulcio().url == URL
    assert config.signing_config.get_tsas() == []
    TrustedRoot.from_file(str(layout.trusted_root))


def test_media_types_are_those_of_the_specification(installation):
    signing = trust.signing_config(installation, URL)
    config = trust.client_trust_config(installation, signing)
    prefix = "application/vnd.dev.sigstore"
    assert config["mediaType"] == f"{prefix}.clienttrustconfig.v0.1+json"
    root, signing = config["trustedRoot"], config["signingConfig"]
    assert root["mediaType"] == f"{prefix}.trustedroot+json;version=0.1"
    assert signing["mediaType"] == f"{prefix}.signingconfig.v0.2+json"
    services = [*signing["caUrls"], *signing["oidcUrls"], *signing["rekorTlogUrls"]]
    assert {service["majorApiVersion"] for service in services} == {1}
    assert all(service["url"].startswith(URL) for service in services)


def test_the_trusted_root_does_not_know_where_the_authority_is_served(installation):
    layout = trust.publish(installation, URL)
    first = layout.trusted_root.read_bytes()
    trust.publish(installation, "https://elsewhere.example")
    assert layout.trusted_root.read_bytes() == first
    assert b"127.0.0.1" not in first
    config = json.loads(layout.trust_config.read_text())
    assert config["trustedRoot"] == json.loads(first)


def test_the_log_url_contains_the_checkpoint_name(installation):
    (log,) = trust.trusted_root(installation)["tlogs"]
    assert log["baseUrl"] == "https://log.breakglass.internal"
    der = base64.b64decode(log["publicKey"]["rawBytes"])
    assert base64.b64decode(log["logId"]["keyId"]) == hashlib.sha256(der).digest()


def test_names_come_from_the_constants(installation):
    other = Constants("https://a.example", "log.a.example", "a.example")
    renamed = dataclasses.replace(installation, constants=other)
    text = json.dumps(trust.trusted_root(renamed))
    assert "https://log.a.example" in text
    assert "breakglass.internal" not in text


def test_files_are_replaced_whole_and_readable_by_everybody(installation):
    layout = trust.publish(installation, URL)
    before = layout.trust_config.stat().st_ino
    trust.publish(installation, URL)
    assert layout.trust_config.stat().st_ino != before  # a new file was moved there
    assert stat.S_IMODE(layout.trust_config.stat().st_mode) == 0o644
    assert not list(layout.base.glob(".*")), "a temporary file was left behind"
