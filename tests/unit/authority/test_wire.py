"""The strict readers: a value of the promised type, or a refusal with status 400."""

import pytest

from breakglass.authority import wire
from breakglass.authority.errors import Refused


def test_an_object_is_read():
    assert wire.json_object('{"name": "schön"}'.encode()) == {"name": "schön"}


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"[]",
        b'{"a": NaN}',
        b'{"a": -Infinity}',
        b'{"a": "\xff"}',
        '{"a": 1}'.encode("utf-16"),
        '{"a": 1}'.encode("utf-16-le"),  # json.loads would guess this one
        "\ufeff{}".encode(),
        b'{"a": ' + b"9" * 5_000 + b"}",
        b"[" * 100_000,
    ],
    ids=range(10),
)
def test_anything_else_is_refused(raw):
    with pytest.raises(Refused) as refusal:
        wire.json_object(raw)
    assert refusal.value.status == 400


@pytest.mark.parametrize("value", [None, 5, "", [], {}, "\ud800"])
def test_text_is_text(value):
    with pytest.raises(Refused):
        wire.text({"key": value}, "key")


@pytest.mark.parametrize("value", [None, 5, "A", "A===", "AA", "A-_=", "A A=", "é"])
def test_base64_is_the_standard_alphabet_with_padding(value):
    with pytest.raises(Refused):
        wire.unbase64(value, what="value")


@pytest.mark.parametrize(
    "value", ["", "-1", "+1", "1.0", "1_0", " 1", "\u0661", "9" * 16]
)
def test_a_number_is_ascii_digits(value):
    with pytest.raises(Refused):
        wire.decimal({"n": value}, "n")


@pytest.mark.parametrize("value", [None, "x", {}, [], [1, 2]])
def test_exactly_one_item_is_one(value):
    with pytest.raises(Refused):
        wire.only_item({"key": value}, "key")
