"""A text is English wherever it goes, and another language only where it is shown."""

import copy
import json
import pickle

import pytest
from django.template import Context, Template
from django.utils import translation

from breakglass.errors import Conflict
from breakglass.texts import Text, plural, text, text_in, translated

GERMAN = {
    "the gate is %(gate)s": "das Gate ist %(gate)s",
    "this is over": "das ist <vorbei>",
    "ask for %(length)s": "%(length)s beantragen",
    "door\x04Open": "Offen",
    "broken %(a)s": "kaputt %(b)s",
}


@pytest.fixture
def german(monkeypatch):
    """A catalogue of this test's own, in place of the language's."""
    monkeypatch.setattr(
        translation, "gettext", lambda message: GERMAN.get(message, message)
    )
    monkeypatch.setattr(
        translation,
        "pgettext",
        lambda context, message: GERMAN.get(f"{context}\x04{message}", message),
    )
    monkeypatch.setattr(
        translation,
        "ngettext",
        lambda one, many, n: "%(count)s Minute" if n == 1 else "%(count)s Minuten",
    )


def minutes(count):
    return plural("%(count)s minute", "%(count)s minutes", count=count)


def test_a_text_is_its_english_for_whatever_stores_it(german):
    said = text("the gate is %(gate)s", gate="prod")

    assert said == "the gate is prod"
    assert str(said) == f"{said}" == str(Conflict(said)) == "the gate is prod"
    assert json.dumps({"reason": said}) == '{"reason": "the gate is prod"}'
    assert said.encode() == b"the gate is prod"


def test_a_text_is_translated_with_its_values_where_it_is_asked_for(german):
    assert translated(text("the gate is %(gate)s", gate="p")) == "das Gate ist p"
    assert translated(Conflict(text("this is over"))) == "das ist <vorbei>"
    assert translated(text("ask for %(length)s", length=minutes(5))) == (
        "5 Minuten beantragen"
    )
    assert translated(minutes(1)) == "1 Minute"
    assert translated(text_in("door", "Open")) == "Offen"


def test_a_page_shows_the_translation_escaped(german):
    page = Template("{{ said }}|{{ list|join:', ' }}|{{ error.args.0 }}")
    said = text("this is over")

    shown = page.render(
        Context({"said": said, "list": [said], "error": Conflict(said)})
    )

    assert shown == "|".join(["das ist &lt;vorbei&gt;"] * 3)


def test_what_is_no_text_is_said_as_it_is(german):
    assert translated("this is over") == "this is over"
    assert translated(Conflict("plain")) == "plain"
    assert translated(Conflict()) == ""


def test_a_translation_that_does_not_fit_is_passed_over_for_english(german):
    assert translated(text("broken %(a)s", a=1)) == "broken 1"


def test_a_percent_sign_without_values_is_only_a_percent_sign():
    assert text("100% sure") == "100% sure"


def through_a_pipe(said):
    return pickle.loads(pickle.dumps(said))  # noqa: S301 - our own


@pytest.mark.parametrize("copied", [copy.copy, through_a_pipe])
def test_a_copy_can_still_be_translated(german, copied):
    found = copied(text("the gate is %(gate)s", gate="p"))

    assert isinstance(found, Text)
    assert translated(found) == "das Gate ist p"
