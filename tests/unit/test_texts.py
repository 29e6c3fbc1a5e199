"""A text is English wherever it goes, and another language only where it is shown."""

import copy
import json
import pickle

import pytest
from babel.messages import mofile
from babel.messages.catalog import Catalog
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
MINUTES = ("%(count)s minute", "%(count)s minutes")


@pytest.fixture
def german(settings, tmp_path):
    """
    A catalogue of this test's own, in place of the language's.

    No function is put in gettext's place: a module that is imported meanwhile, as a
    template's tags are, would keep it, and be dumb for as long as the process lives.
    """
    made = Catalog(locale="de", charset="utf-8")
    for key, said in GERMAN.items():
        context, _, english = key.rpartition("\x04")
        made.add(english, said, context=context or None)
    made.add(MINUTES, ("%(count)s Minute", "%(count)s Minuten"))
    path = tmp_path / "de" / "LC_MESSAGES" / "django.mo"
    path.parent.mkdir(parents=True)
    with path.open("wb") as file:
        mofile.write_mo(file, made)
    settings.LOCALE_PATHS = [tmp_path]
    with translation.override("de"):
        yield


def minutes(count):
    return plural(*MINUTES, count=count)


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
