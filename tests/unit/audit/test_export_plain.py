"""No cell of an export is a formula to a spreadsheet."""

import pytest

from breakglass.audit.export_plain import safe_cell


@pytest.mark.parametrize(
    "evil",
    [
        "=1+1",
        "=HYPERLINK(0)",
        "+1",
        "-1",
        "@SUM(1)",
        "\t=1",
        "\r=1",
        "\n=1",
        "  =1",
        "＝1",
    ],
)
def test_a_cell_that_would_be_a_formula_begins_with_an_apostrophe(evil):
    assert safe_cell(evil) == f"'{evil}"


@pytest.mark.parametrize("plain", ["", "a=b", "BG-7Q4MZK", "12", "ana@acme.example"])
def test_any_other_cell_stays_as_it_is(plain):
    assert safe_cell(plain) == plain
