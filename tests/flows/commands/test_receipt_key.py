"""`manage.py receipt_key`, and what `check --deploy` says of the keys."""

import json

import pytest
from django.core.checks import Error, Info, run_checks
from django.core.management import CommandError, call_command


@pytest.fixture
def places(settings, tmp_path):
    paths = [tmp_path / "keys" / "first.pem", tmp_path / "keys" / "second.pem"]
    settings.RECEIPT_KEYS = [str(path) for path in paths]
    return paths


def run(action, capsys):
    call_command("receipt_key", action)
    return capsys.readouterr().out


def said_of_deployment():
    found = run_checks(include_deployment_checks=True)
    return [m for m in found if m.id and m.id.startswith("breakglass.")]


def test_init_makes_what_is_missing_and_show_prints_public_halves(places, capsys):
    assert run("init", capsys).count("Made a key") == 2
    keys = [path.read_bytes() for path in places]
    assert run("init", capsys).count("unchanged") == 2
    assert [path.read_bytes() for path in places] == keys

    shown = json.loads(run("show", capsys))["keys"]

    assert len({key["kid"] for key in shown}) == 2
    assert not any("d" in key for key in shown)


def test_show_without_a_key_fails_in_one_sentence(places):
    with pytest.raises(CommandError, match=r"cannot be read: .*first\.pem") as error:
        call_command("receipt_key", "show")

    assert error.value.returncode == 1


def test_init_without_a_place_is_a_usage_error(settings):
    settings.RECEIPT_KEYS = []

    with pytest.raises(CommandError, match="names no file") as error:
        call_command("receipt_key", "init")

    assert error.value.returncode == 2


def test_the_deployment_check_says_whether_receipts_can_be_signed(
    places, settings, capsys
):
    (message,) = said_of_deployment()
    assert isinstance(message, Info)
    assert "receipt_key init" in message.hint

    run("init", capsys)
    assert said_of_deployment() == []

    broken = places[0].with_name("broken.pem")
    broken.write_text("no key at all")
    settings.RECEIPT_KEYS = [*settings.RECEIPT_KEYS, str(broken)]
    (message,) = said_of_deployment()
    assert isinstance(message, Error)
    assert str(broken) in message.msg
