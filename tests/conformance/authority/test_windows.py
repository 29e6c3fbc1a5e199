"""Keys count only while they were in use, whatever the stock verifier thinks."""

import base64
import copy
import io
import json
import shutil
import threading
import time
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from wsgiref.simple_server import WSGIRequestHandler, make_server

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from sigstore.models import Bundle, ClientTrustConfig
from sigstore.verify import Verifier, policy

from breakglass.authority import trust
from breakglass.authority.installation import open_installation
from breakglass.authority.rotation import Wish, bring_up, rotate
from breakglass.authority.server import Application
from breakglass.authority.store import Store
from breakglass.errors import SigningFailed
from breakglass.signing import windows
from breakglass.signing.keyless import KeylessVerifier
from tests.conformance.authority import own
from tests.conformance.authority.own import Own
from tests.conformance.authority.stock_client import (
    ALICE,
    Portal,
    statement_of,
    tampered,
)

WHERE = {
    "certificateAuthorities": lambda one: one,
    "tlogs": lambda one: one["publicKey"],
    "ctlogs": lambda one: one["publicKey"],
}
ENTRY = ("verificationMaterial", "tlogEntries", 0)


def bounded(application):
    """wsgiref hands the open socket through; granian, the real server, the body."""

    def call(environ, start_response):
        length = int(environ.get("CONTENT_LENGTH") or 0)
        environ["wsgi.input"] = io.BytesIO(environ["wsgi.input"].read(length))
        return application(environ, start_response)

    return call


class Silent(WSGIRequestHandler):
    def log_message(self, *_):
        pass


@contextmanager
def thief(base: Path, database_url: str, *, ahead: timedelta):
    """Serves stolen keys, in a process that has never heard of a rotation."""
    installation = open_installation(base)
    bring_up(installation, database_url)
    store = Store(
        database_url, size=1, clock=lambda: time.time() + ahead.total_seconds()
    )
    server = make_server("127.0.0.1", 0, None, handler_class=Silent)
    url = f"http://127.0.0.1:{server.server_port}"
    application = Application(installation=installation, store=store, public_url=url)
    server.set_app(bounded(application))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield installation, url
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
        store.close()


@pytest.fixture(scope="module")
def stolen(tmp_path_factory):
    """A statement that the retired keys of an installation signed too late."""
    folder = tmp_path_factory.mktemp("stolen")
    with own.database() as url, own.database() as thieves_url:
        mine = Own(folder / "own", url)
        with mine.served() as portal:
            honest = portal.sign(statement_of("honest"))
        shutil.copytree(mine.base, folder / "copy")
        rotate(mine.base, database_url=url, wish=Wish())
        late = timedelta(minutes=5)
        with thief(folder / "copy", thieves_url, ahead=late) as (installation, address):
            layout = trust.publish(installation, address)
            copied = Portal(address, layout.trust_config, layout.portal_key)
            forged = copied.sign(statement_of("forged"))
    trust_config = mine.installation.layout.trust_config.read_text()
    return trust_config, honest, forged


def ours(trust_config: str, bundle: Bundle) -> bytes:
    verifier = KeylessVerifier(trust_config=trust_config, issuer=own.CONSTANTS.issuer)
    return verifier.payload_of(bundle=bundle.to_json().encode(), email=ALICE)


def test_a_retired_key_that_signs_after_its_end_is_refused(stolen):
    trust_config, _, forged = stolen
    with pytest.raises(SigningFailed, match="not in use") as caught:
        ours(trust_config, forged)
    assert (caught.value.stage, caught.value.retryable) == ("verify", False)


def test_the_stock_verifier_alone_would_have_taken_it(stolen):
    """Why the check exists. Should this fail one day, the library has learnt it."""
    trust_config, _, forged = stolen
    trust = ClientTrustConfig.from_json(trust_config)
    verifier = Verifier(trusted_root=trust.trusted_root)
    verifier.verify_dsse(forged, policy.Identity(identity=ALICE))


def test_what_the_same_key_signed_in_its_time_still_counts(stolen):
    trust_config, honest, _ = stolen
    assert json.loads(ours(trust_config, honest))["subject"][0]["name"] == "honest"


@pytest.fixture(scope="module")
def root(portal) -> dict:
    return json.loads(portal.trust_config.read_text())["trustedRoot"]


def moment(bundle: Bundle, seconds: int) -> str:
    entry = json.loads(bundle.to_json())["verificationMaterial"]["tlogEntries"][0]
    at = datetime.fromtimestamp(int(entry["integratedTime"]) + seconds, UTC)
    return f"{at:%Y-%m-%dT%H:%M:%SZ}"


def check(bundle: Bundle, trusted_root: dict) -> None:
    windows.require_in_window(
        bundle=bundle.to_json().encode(), trusted_root=trusted_root
    )


@pytest.mark.parametrize("kind", WHERE)
@pytest.mark.parametrize(
    ("window", "good"),
    [
        ({}, True),
        ({"start": 0}, True),
        ({"start": 1}, False),
        ({"start": -9, "end": 0}, True),
        ({"start": -9, "end": -1}, False),
        ({"end": -1}, False),
    ],
)
def test_each_key_has_to_be_in_its_window(bundle, root, kind, window, good):
    changed = copy.deepcopy(root)
    for one in changed[kind]:
        WHERE[kind](one)["validFor"] = {
            name: moment(bundle, seconds) for name, seconds in window.items()
        }
    if good:
        check(bundle, changed)
        return
    with pytest.raises(SigningFailed, match="not in use"):
        check(bundle, changed)


@pytest.mark.parametrize("kind", WHERE)
def test_a_key_that_is_not_listed_is_refused(bundle, root, kind):
    with pytest.raises(SigningFailed):
        check(bundle, {**root, kind: []})


def same_name(authority: dict) -> dict:
    """An authority of the same name with another key, as some instances have."""
    der = base64.b64decode(authority["certChain"]["certificates"][0]["rawBytes"])
    name = x509.load_der_x509_certificate(der).subject
    key = ec.generate_private_key(ec.SECP384R1())
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2040, 1, 1, tzinfo=UTC))
        .sign(key, hashes.SHA384())
    )
    raw = base64.b64encode(certificate.public_bytes(Encoding.DER)).decode()
    return {"certChain": {"certificates": [{"rawBytes": raw}]}, "validFor": {}}


def test_another_authority_in_force_does_not_excuse_a_retired_one(bundle, root, stolen):
    changed = copy.deepcopy(root)
    (own_authority,) = changed["certificateAuthorities"]
    own_authority["validFor"]["end"] = moment(bundle, -1)
    others = json.loads(stolen[0])["trustedRoot"]["certificateAuthorities"]
    namesake = same_name(own_authority)
    changed["certificateAuthorities"] += [*others, namesake]
    with pytest.raises(SigningFailed, match="certificate authority"):
        check(bundle, changed)
    own_authority["validFor"]["end"] = moment(bundle, 0)
    namesake["validFor"]["end"] = moment(bundle, -1)
    check(bundle, changed)


def test_one_window_of_several_is_enough(bundle, root):
    """A key that was listed twice, as a trusted root may: once ended, once not."""
    changed = copy.deepcopy(root)
    for kind, place in WHERE.items():
        ended = copy.deepcopy(changed[kind][0])
        place(ended)["validFor"] = {"end": moment(bundle, -1)}
        changed[kind].insert(0, ended)
    check(bundle, changed)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda entry: entry.pop("inclusionPromise"), "promise or signed timestamp"),
        (lambda entry: entry.update(integratedTime="0"), "nobody signed the time"),
    ],
)
def test_a_time_that_nobody_promised_is_no_time(bundle, root, change, said):
    content = json.loads(bundle.to_json())
    change(content["verificationMaterial"]["tlogEntries"][0])
    with pytest.raises(SigningFailed, match=said):
        windows.require_in_window(
            bundle=json.dumps(content).encode(), trusted_root=root
        )


def test_an_entry_that_names_an_unknown_log_is_refused(bundle, root):
    unknown = base64.b64encode(b"\0" * 32).decode()
    changed = tampered(bundle, *ENTRY, "logId", "keyId", value=unknown)
    with pytest.raises(SigningFailed, match="log's key"):
        check(changed, root)


@pytest.mark.parametrize("raw", [b"", b"{}", b"null", b"\xff"])
def test_what_is_no_bundle_is_refused(root, raw):
    with pytest.raises(SigningFailed):
        windows.require_in_window(bundle=raw, trusted_root=root)


@pytest.mark.parametrize("trusted_root", [{}, {"tlogs": None}, {"tlogs": [{}]}])
def test_a_damaged_trusted_root_trusts_nobody(bundle, trusted_root):
    with pytest.raises(SigningFailed):
        check(bundle, trusted_root)
