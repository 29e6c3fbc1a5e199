"""`manage.py sealed_key`: made once, and its public half shown."""

import pytest
from django.core.management import CommandError, call_command

from breakglass.signing import fallback as room
from tests import fallback


@pytest.fixture
def place(settings, tmp_path):
    settings.SEALED_KEY = str(tmp_path / "sealed_key.pem")
    settings.SEALED_KEY_PASSPHRASE = fallback.PASSPHRASE
    return tmp_path / "sealed_key.pem"


def run(action, capsys):
    call_command("sealed_key", action)
    return capsys.readouterr().out


def test_init_makes_it_once_and_show_prints_its_public_half(place, capsys):
    assert "Made the sealed key" in run("init", capsys)
    key = place.read_bytes()
    assert "unchanged" in run("init", capsys)

    shown = run("show", capsys)

    assert place.read_bytes() == key
    assert room.sealed_keys()[0]["key_id"] in shown
    assert "BEGIN PUBLIC KEY" in shown
    assert "PRIVATE" not in shown
    assert "Ready to sign: yes" in shown


def test_without_a_passphrase_nothing_is_made(place, settings):
    settings.SEALED_KEY_PASSPHRASE = ""

    with pytest.raises(CommandError, match="at least 16 characters") as error:
        call_command("sealed_key", "init")

    assert error.value.returncode == 2
    assert not place.exists()


def test_another_passphrase_does_not_make_another_key(place, settings, capsys):
    run("init", capsys)
    settings.SEALED_KEY_PASSPHRASE = "another passphrase of enough length"

    with pytest.raises(CommandError, match="does not open") as error:
        call_command("sealed_key", "init")

    assert error.value.returncode == 1


def test_show_without_a_key_says_where_it_looked(place):
    with pytest.raises(CommandError, match=r"sealed_key\.public\.json") as error:
        call_command("sealed_key", "show")

    assert error.value.returncode == 2
