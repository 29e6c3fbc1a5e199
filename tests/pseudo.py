"""
A language for tests: each marked text in ⟦brackets⟧, and 40 % longer.

It stands in for German. What a page shows outside of brackets is somebody's data, or
a text that nobody marked; what a narrow page cannot hold, German would break as well.
"""

import io
import re
from functools import cache
from pathlib import Path

import allauth
import django
from babel.messages import mofile, pofile
from babel.messages.catalog import Catalog

from portal.translations import keeping

ROOT = Path(__file__).resolve().parents[1]
OPEN, CLOSE = "⟦", "⟧"
LANGUAGE = "de"
_FILLER = "lorem ipsum dolor sit amet consectetur "
# Not said, but used: how a language reads right to left, joins or abbreviates.
_LEFT_ALONE = re.compile(r"^\W*$")
_FOREIGN = (
    Path(django.__file__).parent / "conf/locale",
    Path(django.__file__).parent / "contrib/admin/locale",
    Path(django.__file__).parent / "contrib/auth/locale",
    Path(django.__file__).parent / "contrib/humanize/locale",
    Path(allauth.__file__).parent / "locale",
)


def pseudo(text):
    """Returns a text as this language says it."""
    if _LEFT_ALONE.match(text):
        return text
    length = len(re.sub(r"<[^>]*>|%\(\w+\)s", "", text))
    missing = max(2, round(length * 0.4))
    filler = (_FILLER * (missing // len(_FILLER) + 1))[:missing].rstrip()
    return f"{OPEN}{text} {filler}{CLOSE}"


@cache
def compiled():
    """Returns the whole catalogue as a .mo file's bytes: ours, Django's, allauth's."""
    made = Catalog(locale=LANGUAGE, charset="utf-8")
    for message in _foreign():
        made.add(message.id, context=message.context)
    for message in keeping.read(ROOT, LANGUAGE):
        if message.id:
            made.add(message.id, context=message.context)
    for message in made:
        if not message.id:
            continue
        plural = not isinstance(message.id, str)
        message.string = (
            tuple(pseudo(text) for text in message.id) if plural else pseudo(message.id)
        )
    output = io.BytesIO()
    mofile.write_mo(output, made)
    return output.getvalue()


def _foreign():
    """Yields what the libraries say, from the texts that come with them."""
    for folder in _FOREIGN:
        with (folder / "de/LC_MESSAGES/django.po").open("rb") as file:
            yield from (message for message in pofile.read_po(file) if message.id)


def install(settings, folder):
    """Makes German this language, for as long as the settings are a test's."""
    path = folder / LANGUAGE / "LC_MESSAGES" / "django.mo"
    path.parent.mkdir(parents=True)
    path.write_bytes(compiled())
    settings.LOCALE_PATHS = [folder]
