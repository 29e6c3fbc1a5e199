"""The one reading of JSON: strict, bounded, and never anything but Malformed."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.api import strict_json


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\xff\xfe{\x00}\x00",
        "{}".encode("utf-16"),
        b"\xef\xbb\xbf{}",
        b'{"a": 1, "a": 1}',
        b'{"a": NaN}',
        b'{"a": Infinity}',
        b'{"a": -Infinity}',
        b'{"a": 1e999}',
        b'{"a": ' + b"9" * 19 + b"}",
        b'{"a": 0.' + b"9" * 30 + b"}",
        b"[" * 9 + b"]" * 9,
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"a": "\\u0000"}',
        b'{"\\u0000": 1}',
        b'{"a": "\\ud800"}',
        b'{"a": ["\\udc00\\ud800"]}',
        b'{"a": "\x01"}',
        b'{"a": 1} {}',
        b"{'a': 1}",
        b'{"a": 01}',
        b'{"a": 1,}',
        b"// {}",
    ],
)
def test_the_strict_parser_refuses(raw):
    with pytest.raises(strict_json.Malformed):
        strict_json.parse(raw)


def test_the_strict_parser_reads_the_rest():
    raw = (
        rb'{"a": [1, -2.5, true, null, {"b": "\ud83d\ude00 [[[[[[[[[ \" \\"}], "c": ""}'
    )

    assert strict_json.parse(raw) == {
        "a": [1, -2.5, True, None, {"b": '😀 [[[[[[[[[ " \\'}],
        "c": "",
    }


def test_other_limits_are_for_other_languages_and_still_limits():
    deep = b"[" * 20 + b"9" * 20 + b"]" * 20
    limits = strict_json.Limits(depth=20, digits=20)

    assert strict_json.parse_within(deep, limits)
    for raw in (b"[" + deep + b"]", deep.replace(b"9", b"99"), b"[]" * 200_001):
        with pytest.raises(strict_json.Malformed):
            strict_json.parse_within(raw, limits)


def test_brackets_in_texts_do_not_nest():
    raw = rb'["\\", "\"[[[[[[[[[[", "{{{{{{{{{{{{"]'

    assert strict_json.parse(raw) == ["\\", '"[[[[[[[[[[', "{{{{{{{{{{{{"]


SYNTAX = st.text(alphabet='{}[]":,\\ue0d8 1.-NaItrf').map(str.encode)
TEXT = st.text(alphabet='aé😀"\\/')
SCALARS = st.none() | st.booleans() | st.integers(-(10**16), 10**16) | TEXT
DOCUMENTS = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner),
    max_leaves=5,
)


def read(raw):
    """Returns what was read, and what was refused; one of them is None."""
    try:
        return strict_json.parse(raw), None
    except strict_json.Malformed as exc:
        return None, str(exc)


@given(st.binary() | SYNTAX)
def test_any_bytes_are_read_or_refused_and_nothing_else(raw):
    value, refusal = read(raw)

    if refusal is None:
        assert value == json.loads(raw)
    else:
        assert refusal.isascii()
        assert len(refusal) < 400


@given(DOCUMENTS)
def test_what_others_write_is_read_as_they_meant_it(value):
    found, refusal = read(json.dumps(value).encode())

    assert found == value if refusal is None else "nested" in refusal
