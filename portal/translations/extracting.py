"""
Finds every marked text in the code and the templates.

Without the gettext tools: Babel reads Python, and Django itself turns a template into
something that reads like Python. `docs/translation.md` says how texts are marked.
"""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from babel.messages.catalog import Catalog
from babel.messages.extract import extract
from django.utils.translation.template import templatize

FOLDERS: Final = ("breakglass", "portal", "templates")
# Django's functions under the names that our modules import them by, and our own:
# `texts.text` and `texts.plural` of the domain.
KEYWORDS: Final = {
    "_": None,
    "gettext": None,
    "gettext_lazy": None,
    "gettext_noop": None,
    "_lazy": None,
    "ngettext": (1, 2),
    "ngettext_lazy": (1, 2),
    "pgettext": ((1, "c"), 2),
    "pgettext_lazy": ((1, "c"), 2),
    "npgettext": ((1, "c"), 2, 3),
    "npgettext_lazy": ((1, "c"), 2, 3),
    "text": None,
    "text_in": ((1, "c"), 2),
    "plural": (1, 2),
}
_COMMENT_TAGS: Final = ("Translators:",)
_SKIPPED: Final = ("migrations", "authority", "standalone")


def find_messages(root: Path) -> Catalog:
    """Returns every marked text below `root`, with the files that it stands in."""
    found = Catalog(charset="utf-8")
    for path in _files(root):
        name = path.relative_to(root).as_posix()
        for _line, message, comments, context in _messages(path, name):
            found.add(
                message, locations=[(name, 0)], auto_comments=comments, context=context
            )
    return found


def _files(root: Path) -> Iterator[Path]:
    for folder in FOLDERS:
        for path in sorted((root / folder).rglob("*")):
            is_read = path.suffix in {".py", ".html", ".txt"}
            if is_read and not any(part in _SKIPPED for part in path.parts):
                yield path


def _messages(
    path: Path, name: str
) -> Iterator[tuple[int, str | tuple[str, ...], list[str], str | None]]:
    source = path.read_text(encoding="utf-8")
    if path.suffix != ".py":
        # What is left of the template is X and blanks; its blanks would be read as
        # indentation. A text of several lines is one line by now.
        lines = templatize(source, origin=name).splitlines()
        source = "\n".join(line.strip() for line in lines)
    yield from extract(
        "python", io.BytesIO(source.encode()), KEYWORDS, _COMMENT_TAGS, {}
    )
