"""Catalogues are compiled by whoever starts first, and every marked text is found."""

import gettext
import os

import pytest

from portal.translations import compiling, extracting, keeping

PO = """msgid ""
msgstr ""
"Content-Type: text/plain; charset=utf-8\\n"
"Plural-Forms: nplurals=2; plural=(n != 1);\\n"

msgid "Close"
msgstr "Beenden"

msgid "%(count)s gate"
msgid_plural "%(count)s gates"
msgstr[0] "%(count)s Gate"
msgstr[1] "%(count)s Gates"
"""


@pytest.fixture
def source(tmp_path):
    path = keeping.path_of(tmp_path, "de")
    path.parent.mkdir(parents=True)
    path.write_text(PO)
    return path


def test_a_catalogue_is_compiled_once_and_again_when_its_text_changes(source, tmp_path):
    kept, built = tmp_path / "locale", tmp_path / "built"

    written = compiling.compile_catalogues(kept, built)
    assert [path.relative_to(built).as_posix() for path in written] == [
        "de/LC_MESSAGES/django.mo"
    ]
    assert compiling.compile_catalogues(kept, built) == []
    source.write_text(PO.replace("Beenden", "Schließen"))
    os.utime(source, (0, 0))  # an older file that says something else
    assert compiling.compile_catalogues(kept, built) == written

    with written[0].open("rb") as file:
        found = gettext.GNUTranslations(file)
    assert found.gettext("Close") == "Schließen"
    assert found.ngettext("%(count)s gate", "%(count)s gates", 2) == "%(count)s Gates"


def test_a_process_starts_where_nothing_can_be_written(source, tmp_path, caplog):
    (tmp_path / "built").write_text("a file where the folder should be")

    with caplog.at_level("WARNING"):
        compiling.prepare(tmp_path / "locale", tmp_path / "built")

    assert "translations.not_compiled" in caplog.text


def test_a_read_only_folder_with_the_right_files_is_left_alone(source, tmp_path):
    kept, built = tmp_path / "locale", tmp_path / "built"
    (mo,) = compiling.compile_catalogues(kept, built)
    before = mo.stat()

    compiling.prepare(kept, built)

    assert (mo.stat().st_ino, mo.stat().st_mtime_ns) == (
        before.st_ino,
        before.st_mtime_ns,
    )


SOURCE = {
    "portal/pages.py": """
from django.utils.translation import gettext as _, ngettext
SAID = _("Close the %(gate)s now") % {"gate": gate}
MANY = ngettext("%(n)s gate", "%(n)s gates", n)
    """,
    "breakglass/rules.py": """
raise Conflict(text("this is over"))
word = text_in("post-mortem", "Open")
people = plural("%(count)s person", "%(count)s people", count=3)
    """,
    "templates/page.html": """{% load i18n %}
   {% translate "Indented" %} it's {{ x|default:_("nothing") }}
 {% blocktranslate trimmed count n=gates|length %}
   One gate {{ name }}
 {% plural %}
   {{ n }} gates {{ name }}
 {% endblocktranslate %} {# Translators: of a door #}
 {% translate "Open" context "door" %}
    """,
    "breakglass/migrations/0001.py": 'LABEL = _("never shown")',
}


@pytest.fixture
def tree(tmp_path):
    for name, content in SOURCE.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return tmp_path


def test_every_kind_of_mark_is_found(tree):
    found = {
        (message.id, message.context)
        for message in extracting.find_messages(tree)
        if message.id
    }

    assert found == {
        ("Close the %(gate)s now", None),
        (("%(n)s gate", "%(n)s gates"), None),
        ("this is over", None),
        ("Open", "post-mortem"),
        (("%(count)s person", "%(count)s people"), None),
        ("Indented", None),
        ("nothing", None),
        (("One gate %(name)s", "%(n)s gates %(name)s"), None),
        ("Open", "door"),
    }


def test_an_update_takes_in_what_is_new_and_drops_what_is_gone(tree, source):
    left = keeping.update(tree, "de")

    assert "not translated: 'this is over'" in left
    kept = source.read_text()
    assert 'msgctxt "post-mortem"' in kept
    assert "Beenden" not in kept  # nobody says "Close" any more
    assert "Date" not in kept


def test_a_second_update_changes_nothing(tree, source):
    keeping.update(tree, "de")
    before = source.read_text()
    keeping.update(tree, "de")

    assert source.read_text() == before


@pytest.mark.parametrize(
    ("entry", "problem"),
    [
        ('msgid "this is over"\nmsgstr ""', "not translated: 'this is over'"),
        ('#, fuzzy\nmsgid "this is over"\nmsgstr "x"', "fuzzy: 'this is over'"),
        ('msgid "gone"\nmsgstr "weg"', "nobody says: 'gone'"),
        ('#~ msgid "gone"\n#~ msgstr "weg"', "nobody says: 'gone'"),
        (
            'msgid "Close the %(gate)s now"\nmsgstr "%(gates)s beenden"',
            "placeholders %(gates)s: 'Close the %(gate)s now'",
        ),
        (
            (
                'msgid "%(n)s gate"\nmsgid_plural "%(n)s gates"\n'
                'msgstr[0] "Ein Gate"\nmsgstr[1] ""'
            ),
            "not translated: '%(n)s gate'",
        ),
    ],
)
def test_a_catalogue_with_a_flaw_is_named_with_it(tree, source, entry, problem):
    source.write_text(PO.split('msgid "Close"', maxsplit=1)[0] + entry + "\n")

    assert problem in keeping.problems(tree, "de")


def test_a_singular_may_leave_its_number_out(tree, source):
    source.write_text(
        PO.split('msgid "Close"', maxsplit=1)[0]
        + 'msgid "%(n)s gate"\nmsgid_plural "%(n)s gates"\n'
        'msgstr[0] "Ein Gate"\nmsgstr[1] "%(n)s Gates"\n'
    )

    flaws = [text for text in keeping.problems(tree, "de") if "%(n)s gate'" in text]
    assert flaws == []
