"""Tables for spreadsheets, in which nothing that a gate or a person named runs."""

import csv
from collections.abc import Iterable, Sequence
from typing import Final

from django.http import HttpResponse

_STARTS: Final = ("=", "+", "-", "@", "\t", "\r")
"""What makes a spreadsheet take a cell for a formula (OWASP, CSV injection)."""


def answer(
    *, name: str, head: Sequence[str], rows: Iterable[Sequence[object]]
) -> HttpResponse:
    """Returns the table as a file to keep; it starts with the names of its columns."""
    response = HttpResponse(content_type="text/csv; charset=utf-8")
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    writer = csv.writer(response)
    writer.writerow(head)
    writer.writerows([harmless(cell) for cell in row] for row in rows)
    return response


def harmless(value: object) -> str:
    """Returns a cell as text, with a quote before what would be a formula."""
    text = str(value)
    return f"'{text}" if text.startswith(_STARTS) else text
