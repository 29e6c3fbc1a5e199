"""Bytes and hashes of the chain."""

import hashlib
from datetime import UTC, datetime, timedelta, timezone

import pytest
import rfc8785

from breakglass.audit import chain, events


def test_keys_are_sorted_and_nothing_is_padded():
    assert chain.canonical({"b": [1, True, None], "a": "x"}) == (
        b'{"a":"x","b":[1,true,null]}'
    )


def test_keys_sort_by_utf_16_code_units_as_the_rfc_says():
    assert chain.canonical({"\U0001f600": 1, "\ufb33": 2}) == (
        '{"\U0001f600":1,"\ufb33":2}'.encode()
    )


@pytest.mark.parametrize("value", [2**53, -(2**53), float("nan"), float("inf")])
def test_what_has_no_canonical_form_is_refused(value):
    with pytest.raises(rfc8785.CanonicalizationError):
        chain.canonical({"n": value})


def test_a_lone_surrogate_is_refused():
    with pytest.raises(rfc8785.CanonicalizationError):
        chain.canonical({"text": "\ud800"})


def test_a_time_is_utc_with_microseconds_whatever_zone_it_came_in():
    moment = datetime(2026, 11, 22, 4, 41, 7, tzinfo=timezone(timedelta(hours=2)))

    assert chain.timestamp(moment) == "2026-11-22T02:41:07.000000Z"
    assert chain.timestamp(moment.astimezone(UTC)) == chain.timestamp(moment)


def test_times_sort_as_text_in_the_order_in_which_they_happened():
    start = datetime(2026, 11, 22, 23, 59, 59, 999_999, tzinfo=UTC)
    later = start + timedelta(microseconds=1)

    assert chain.timestamp(start) < chain.timestamp(later)


def test_the_hash_covers_a_domain_so_that_other_bytes_never_pass_for_an_entry():
    raw = b'{"a":1}'

    assert chain.entry_hash(raw) == (
        hashlib.sha256(b"breakglass/audit-entry/v1\n" + raw).digest()
    )
    assert chain.entry_hash(raw) != hashlib.sha256(raw).digest()


def test_the_first_entry_links_to_nothing():
    assert bytes(32) == chain.GENESIS


def test_the_catalogue_lists_every_event_once_as_noun_and_past_participle():
    names = [value for name, value in vars(events).items() if name.isupper()]
    listed = [name for name in names if isinstance(name, str)]

    assert len(listed) == len(set(listed)) == len(events.ALL)
    for event in events.ALL:
        noun, _, verb = event.partition(".")
        assert noun.isalpha(), event
        assert verb.replace("_", "").isalpha(), event
        assert len(event) <= 50, "the column holds 50"
