"""Tables for spreadsheets, in which nothing that a gate or a person named runs."""

import csv
from collections.abc import Iterable, Sequence

from django.http import HttpResponse

from breakglass.audit.export_plain import safe_cell


def answer(
    *, name: str, head: Sequence[str], rows: Iterable[Sequence[object]]
) -> HttpResponse:
    """Returns the table as a file to keep; it starts with the names of its columns."""
    response = HttpResponse(content_type="text/csv; charset=utf-8")
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    writer = csv.writer(response)
    writer.writerow(head)
    writer.writerows([safe_cell(cell) for cell in row] for row in rows)
    return response
