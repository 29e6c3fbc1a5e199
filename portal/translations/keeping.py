"""The `.po` files under `locale/`: brought up to date, and looked over for gaps."""

import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from babel.messages import pofile
from babel.messages.catalog import Catalog, Message

from portal.translations import extracting

_HEADER: Final = "# Kept by `make messages`; docs/translation.md says how."
_PLACEHOLDER: Final = re.compile(r"%\(\w+\)[a-z]|%[a-z%]|\{\w*\}")
# They change with every run, and say nothing that the repository does not.
_RESTLESS: Final = (
    "POT-Creation-Date",
    "PO-Revision-Date",
    "Generated-By",
    "Last-Translator",
    "Language-Team",
    "Report-Msgid-Bugs-To",
    "Project-Id-Version",
)


def path_of(root: Path, language: str) -> Path:
    """Returns where a language's catalogue is kept."""
    return root / "locale" / language / "LC_MESSAGES" / "django.po"


def read(root: Path, language: str) -> Catalog:
    """Returns a language's catalogue; an empty one if there is none yet."""
    path = path_of(root, language)
    if not path.exists():
        return Catalog(locale=language, project="breakglass", charset="utf-8")
    return pofile.read_po(io.BytesIO(path.read_bytes()), abort_invalid=True)


def update(root: Path, language: str) -> list[str]:
    """
    Writes into a language's catalogue what the source holds now; returns the problems.

    New texts come without a translation, and what nobody says any more is dropped.
    Nothing is guessed from similar texts: a fuzzy translation is a wrong one.
    """
    catalogue = read(root, language)
    catalogue.update(extracting.find_messages(root), no_fuzzy_matching=True)
    write(catalogue, path_of(root, language))
    return problems(root, language)


def write(catalogue: Catalog, path: Path) -> None:
    """Writes a catalogue in one order, without what changes from run to run."""
    catalogue.obsolete.clear()
    catalogue.fuzzy = False
    catalogue.header_comment = _HEADER
    output = io.BytesIO()
    pofile.write_po(
        output,
        catalogue,
        width=0,
        sort_output=True,
        ignore_obsolete=True,
        include_lineno=False,
    )
    lines = output.getvalue().decode().splitlines(keepends=True)
    kept = [
        line
        for line in lines
        if not line.startswith(tuple(f'"{name}:' for name in _RESTLESS))
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(kept), encoding="utf-8")


def problems(root: Path, language: str) -> list[str]:
    """Returns what keeps a catalogue from being whole, a line each; none is good."""
    catalogue, source = read(root, language), extracting.find_messages(root)
    known = {_key(message): message for message in catalogue if message.id}
    said = {_key(message): message for message in source if message.id}
    found = [f"missing: {_named(said[key])}" for key in said if key not in known]
    found += [f"nobody says: {_named(known[key])}" for key in known if key not in said]
    found += [
        f"nobody says: {_named(message)}" for message in catalogue.obsolete.values()
    ]
    for message in known.values():
        found += [f"{problem}: {_named(message)}" for problem in _flaws(message)]
    return sorted(found)


def _key(message: Message) -> tuple[str, str | None]:
    return (
        message.id if isinstance(message.id, str) else message.id[0],
        message.context,
    )


def _named(message: Message) -> str:
    return repr(_key(message)[0])


def _flaws(message: Message) -> Iterator[str]:
    originals = (message.id,) if isinstance(message.id, str) else tuple(message.id)
    strings = (
        (message.string,)
        if isinstance(message.string, str)
        else tuple(message.string or ("",))
    )
    if message.fuzzy:
        yield "fuzzy"
    if not all(text.strip() for text in strings):
        yield "not translated"
        return
    wanted = {tuple(sorted(_PLACEHOLDER.findall(text))) for text in originals}
    # One form of a plural may leave the number out ("one grant"), in any language.
    allowed = set().union(*wanted) if len(originals) > 1 else None
    for text in strings:
        holders = tuple(sorted(_PLACEHOLDER.findall(text)))
        is_known = holders in wanted if allowed is None else set(holders) <= allowed
        if not is_known:
            yield f"placeholders {' '.join(holders) or 'missing'}"
    if any(a.strip() != a for a in strings) and not any(
        a.strip() != a for a in originals
    ):
        yield "blanks at an end"
