"""A refusal on a form: the reader's language, the field that it names, no stop."""

import pytest
from django import forms
from django.utils import translation

from breakglass.errors import Conflict, InvalidInput, NotFound
from breakglass.texts import text
from portal.http.errors import put_on


class ReasonForm(forms.Form):
    reason = forms.CharField()


@pytest.mark.parametrize(
    ("error", "field", "found"),
    [
        (InvalidInput(text("it is empty"), field="reason"), "", "reason"),
        (InvalidInput(text("it is empty"), field="elsewhere"), "", "__all__"),
        (InvalidInput(text("it is empty"), field="elsewhere"), "reason", "reason"),
        (Conflict(text("it is over")), "reason", "reason"),
        (Conflict(text("it is over.")), "", "__all__"),
    ],
)
def test_a_refusal_is_put_on_its_field_with_a_capital_and_no_stop(error, field, found):
    form = ReasonForm({"reason": "because"})

    put_on(form, error, field=field)

    (said,) = form.errors[found]
    assert said in ("It is empty", "It is over")


def test_a_refusal_on_a_form_speaks_the_readers_language():
    form = ReasonForm({"reason": "because"})

    with translation.override("de"):
        put_on(form, NotFound(text("this gate has no such token")), field="reason")

    assert form.errors["reason"] == ["Dieses Gate hat kein solches Token"]
