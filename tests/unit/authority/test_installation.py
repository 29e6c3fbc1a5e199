"""Keys are made once, kept private, and never silently made again."""

import dataclasses
import json
import os
import stat

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from breakglass.authority import config, files, keys
from breakglass.authority.config import Constants
from breakglass.authority.errors import InstallationTrouble, NotUsable
from breakglass.authority.installation import initialise, open_installation

PRIVATE = [
    "keys/fulcio-root.key.pem",
    "keys/fulcio.key.pem",
    "keys/ctlog.key.pem",
    "keys/rekor.key.pem",
    "keys/oidc.key.pem",
    "portal/portal_key.pem",
]
NEEDED = [
    *PRIVATE[1:5],
    "keys/fulcio-root.crt.pem",
    "keys/fulcio.crt.pem",
    "portal_public.pem",
]


def mode(path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def snapshot(base) -> dict[str, bytes]:
    return {str(p): p.read_bytes() for p in base.rglob("*") if p.is_file()}


def test_private_keys_are_for_their_owner_only(tmp_path, constants):
    before = os.umask(0)  # the worst one
    try:
        initialise(tmp_path / "a", constants)
    finally:
        os.umask(before)
    base = tmp_path / "a"
    assert [mode(base / name) for name in PRIVATE] == [0o600] * len(PRIVATE)
    assert mode(base / "keys") == mode(base / "portal") == 0o700


def test_a_second_init_changes_nothing(base, constants):
    before = snapshot(base)
    assert initialise(base, constants) is False
    assert snapshot(base) == before


@pytest.mark.parametrize("name", ["issuer", "log_name", "site"])
def test_init_with_other_constants_is_refused(base, constants, name):
    values = {
        "issuer": "https://other.example/oidc",
        "log_name": "log.other.example",
        "site": "other.example",
    }
    before = snapshot(base)
    with pytest.raises(InstallationTrouble, match=f"made with {name}"):
        initialise(base, dataclasses.replace(constants, **{name: values[name]}))
    assert snapshot(base) == before


@pytest.mark.parametrize("name", NEEDED)
def test_a_missing_file_is_named_and_not_made_again(base, constants, name):
    (base / name).unlink()
    with pytest.raises(InstallationTrouble, match=name):
        open_installation(base)
    with pytest.raises(InstallationTrouble, match=name):
        initialise(base, constants)
    assert not (base / name).exists()


@pytest.mark.parametrize("name", [PRIVATE[0], *NEEDED])
@pytest.mark.parametrize("content", [b"", b"rubbish", b"\xff" * 100])
def test_a_damaged_file_is_named(base, name, content):
    (base / name).write_bytes(content)
    with pytest.raises(InstallationTrouble, match=name):
        open_installation(base)


def test_a_key_of_another_installation_is_refused(base, tmp_path, constants):
    initialise(tmp_path / "other", constants)
    for name in ("keys/rekor.key.pem", "keys/fulcio.crt.pem"):
        own = (base / name).read_bytes()
        (base / name).write_bytes((tmp_path / "other" / name).read_bytes())
        with pytest.raises(InstallationTrouble, match=f"{name} belongs to another"):
            open_installation(base)
        (base / name).write_bytes(own)
    open_installation(base)


def test_a_key_that_others_can_read_is_refused(base):
    (base / "keys/rekor.key.pem").chmod(0o640)
    with pytest.raises(InstallationTrouble, match="open to others"):
        open_installation(base)


def test_the_root_key_may_be_moved_off_the_host(base):
    (base / PRIVATE[0]).unlink()
    open_installation(base)


def test_the_authority_never_reads_the_portals_private_key(base):
    (base / "portal/portal_key.pem").unlink()
    open_installation(base)


def test_the_remains_of_an_interrupted_init_are_not_built_upon(base, constants):
    (base / "installation.json").unlink()
    before = snapshot(base)
    with pytest.raises(InstallationTrouble, match=r"keys exists but"):
        initialise(base, constants)
    assert snapshot(base) == before


def test_no_authority_in_a_directory_says_what_to_run(tmp_path):
    with pytest.raises(InstallationTrouble, match="authority init"):
        open_installation(tmp_path)


@pytest.mark.parametrize(
    "content",
    ["", "{", "[]", "null", "{}", '{"version": 2}', '{"keys": []}'],
)
def test_a_damaged_installation_file_is_named(base, content):
    (base / "installation.json").write_text(content)
    with pytest.raises(InstallationTrouble, match=r"installation\.json"):
        open_installation(base)


def test_an_installation_file_with_a_wrong_type_is_refused(base):
    path = base / "installation.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"site": 5}))
    with pytest.raises(InstallationTrouble, match="damaged"):
        open_installation(base)


def test_the_chain_is_one_that_strict_verifiers_accept(installation):
    ring = installation.ring
    ring.intermediate.verify_directly_issued_by(ring.root)
    ring.root.verify_directly_issued_by(ring.root)
    for certificate, length in ((ring.root, None), (ring.intermediate, 0)):
        constraints = certificate.extensions.get_extension_for_class(
            x509.BasicConstraints
        )
        usage = certificate.extensions.get_extension_for_class(x509.KeyUsage)
        assert constraints.critical
        assert constraints.value == x509.BasicConstraints(ca=True, path_length=length)
        assert usage.critical
        assert usage.value.key_cert_sign
        certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier)
        certificate.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier)


def test_a_key_on_the_wrong_curve_is_refused(tmp_path):
    path = tmp_path / "key.pem"
    pem = keys.pem(ec.generate_private_key(ec.SECP384R1()))
    files.write_new(path, pem, mode=0o600)
    with pytest.raises(InstallationTrouble, match="secp256r1"):
        keys.load_private_key(path, ec.SECP256R1)


@pytest.mark.parametrize(
    "change",
    [
        {"site": ""},
        {"site": "With Space"},
        {"site": "breakglass.internal\n"},
        {"log_name": "log.example/path"},
        {"log_name": "-log.example"},
        {"issuer": "http://breakglass.internal/oidc"},
        {"issuer": "https://breakglass.internal/oidc/"},
        {"issuer": "https://breakglass.internal/oidc?x=1"},
        {"issuer": "https://user@breakglass.internal/oidc"},
        {"issuer": "https:///oidc"},
        {"issuer": "oidc"},
        {"issuer": "https://breakglass.internal/ö"},
        {"issuer": "https://breakglass.internal/oidc\n"},
    ],
)
def test_names_that_cannot_stand_in_signed_formats_are_refused(
    tmp_path, constants, change
):
    with pytest.raises(NotUsable):
        initialise(tmp_path / "a", dataclasses.replace(constants, **change))
    assert not (tmp_path / "a").exists()


def test_an_issuer_may_have_a_port_or_no_path():
    for issuer in ("https://portal.example:8443/oidc", "https://portal.example"):
        Constants(issuer, "log.portal.example", "portal.example").require_valid()


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://127.0.0.1:8001", "http://127.0.0.1:8001"),
        ("https://sigstore.example/", "https://sigstore.example"),
        ("http://[::1]:8001", "http://[::1]:8001"),
    ],
)
def test_a_base_url_is_an_origin(url, expected):
    assert config.origin(url) == expected


@pytest.mark.parametrize(
    "url",
    [
        "",
        "127.0.0.1:8001",
        "ftp://host",
        "http://",
        "http://host/path",
        "http://host?x",
        "http://host:0",
        "http://host:99999",
        "http://user:pass@host",
        "http://[::1",
    ],
)
def test_anything_but_an_origin_is_refused(url):
    with pytest.raises(NotUsable):
        config.origin(url)


def test_a_worker_is_told_what_its_parent_was_told(tmp_path):
    told = config.ServeConfig(tmp_path, "postgresql:///x", "http://127.0.0.1:8001")
    assert config.from_environment(told.to_environment()) == told
    with pytest.raises(NotUsable, match="BREAKGLASS_AUTHORITY_DIR"):
        config.from_environment({})


def test_a_value_may_come_from_a_file(tmp_path):
    (tmp_path / "url").write_text("postgresql:///secret\n")
    environment = {"X_FILE": str(tmp_path / "url")}
    assert config.environment_value("X", environment) == "postgresql:///secret"
    assert config.environment_value("Y", environment) is None
    with pytest.raises(NotUsable, match="X_FILE"):
        config.environment_value("X", {"X_FILE": str(tmp_path / "none")})
