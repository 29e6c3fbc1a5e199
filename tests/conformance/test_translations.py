"""The catalogues are whole: all that the source says, in every language, no more."""

from pathlib import Path

import pytest
from django.conf import settings

from portal.translations import keeping

ROOT = Path(__file__).resolve().parents[2]
LANGUAGES = [code for code, _ in settings.LANGUAGES if code != settings.LANGUAGE_CODE]


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_text_is_translated_and_none_lingers(language):
    """If this fails: `make messages`, then translate what it names."""
    assert keeping.problems(ROOT, language) == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_catalogue_is_kept_as_it_is_written(language, tmp_path):
    """So that two who translate do not meet in the order or the wrapping of lines."""
    again = tmp_path / "django.po"
    keeping.write(keeping.read(ROOT, language), again)

    assert again.read_text() == keeping.path_of(ROOT, language).read_text()
