"""The root key on a medium of its own: written there, and nowhere else."""

import os
import stat

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from breakglass.authority import keys, offline
from breakglass.authority.errors import InstallationTrouble
from breakglass.authority.installation import initialise, open_installation

ROOT_KEY = "fulcio-root.key.pem"


def mode(path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_the_root_key_goes_to_the_medium_and_never_into_the_directory(
    tmp_path, constants
):
    base, stick = tmp_path / "a", tmp_path / "stick"
    before = os.umask(0)  # the worst one
    try:
        assert initialise(base, constants, offline_root=stick)
    finally:
        os.umask(before)
    assert (mode(stick), mode(stick / ROOT_KEY)) == (0o700, 0o600)
    assert not list(base.rglob(ROOT_KEY))
    key = keys.load_private_key(stick / ROOT_KEY, ec.SECP384R1)
    root = open_installation(base).ring.root
    assert key.public_key() == root.public_key()
    beside = (stick / "fulcio-root.crt.pem").read_bytes()
    assert x509.load_pem_x509_certificate(beside) == root


def test_a_private_folder_that_is_there_already_is_used(tmp_path, constants):
    stick = tmp_path / "stick"
    stick.mkdir(mode=0o700)
    initialise(tmp_path / "a", constants, offline_root=stick)
    assert (stick / ROOT_KEY).exists()


def test_a_folder_that_others_can_open_is_refused_before_anything_is_made(
    tmp_path, constants
):
    stick = tmp_path / "stick"
    stick.mkdir()
    stick.chmod(0o755)
    with pytest.raises(InstallationTrouble, match=r"open to others .*chmod 700"):
        initialise(tmp_path / "a", constants, offline_root=stick)
    assert not (tmp_path / "a").exists()


@pytest.mark.parametrize(
    ("where", "said"),
    [
        ("a", "inside"),
        ("a/keys/root", "inside"),
        ("not/mounted", "is it mounted"),
        ("file", "not a folder"),
    ],
)
def test_a_folder_that_cannot_be_offline_is_refused(tmp_path, constants, where, said):
    (tmp_path / "file").touch(0o600)
    with pytest.raises(InstallationTrouble, match=said):
        initialise(tmp_path / "a", constants, offline_root=tmp_path / where)
    assert not (tmp_path / "a").exists()


def test_a_medium_with_another_root_key_is_not_overwritten(tmp_path, constants):
    stick = tmp_path / "stick"
    initialise(tmp_path / "a", constants, offline_root=stick)
    before = (stick / ROOT_KEY).read_bytes()
    with pytest.raises(InstallationTrouble, match="another key"):
        initialise(tmp_path / "b", constants, offline_root=stick)
    assert (stick / ROOT_KEY).read_bytes() == before
    assert not (tmp_path / "b/installation.json").exists()


def test_a_file_system_without_private_modes_gets_no_key(
    tmp_path, installation, monkeypatch
):
    """What a stick with a FAT file system does, mounted without a umask."""

    def write_open(path, data, *, mode):
        path.write_bytes(data)
        path.chmod(0o755)

    monkeypatch.setattr(offline, "write_new", write_open)
    path = installation.layout.keys / ROOT_KEY
    root = offline.read_root(path, installation.ring.root)
    with pytest.raises(InstallationTrouble, match="umask=077"):
        offline.write_root(tmp_path / "stick", root)
    assert not (tmp_path / "stick" / ROOT_KEY).exists()


def test_asking_for_an_offline_root_too_late_is_not_met_with_silence(base, constants):
    stick = base.parent / "stick"
    with pytest.raises(InstallationTrouble, match=r"move .* by hand"):
        initialise(base, constants, offline_root=stick)
    stick.mkdir(mode=0o700)
    (base / "keys" / ROOT_KEY).rename(stick / ROOT_KEY)
    assert initialise(base, constants, offline_root=stick) is False


def test_the_key_of_another_root_is_refused(tmp_path, installation, constants):
    initialise(tmp_path / "other", constants)
    foreign = tmp_path / "other/keys" / ROOT_KEY
    with pytest.raises(InstallationTrouble, match="not the key of this"):
        offline.read_root(foreign, installation.ring.root)
