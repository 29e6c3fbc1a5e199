"""The post-mortem editor: one text, action items, and the revision it started from."""

import re
from collections.abc import Mapping
from typing import Any, Final

from django import forms
from django.http import QueryDict

from breakglass.models import PostMortem

MAX_ITEMS: Final = 50
_ROW: Final = re.compile(r"items-(\d{1,3})-(?:text|owner|is_done)")


class PostMortemForm(forms.Form):
    """The text itself. What is missing for publishing is for the service to say."""

    body = forms.CharField(
        label="Write-up",
        max_length=100_000,
        strip=False,
        help_text="Markdown. Headings with ##, lists with -, tables with |.",
        widget=forms.Textarea(
            attrs={"rows": 24, "spellcheck": "true", "class": "form-control"}
        ),
    )
    no_action_reason = forms.CharField(
        label="Why no action is needed",
        required=False,
        max_length=1_000,
        widget=forms.Textarea(attrs={"rows": 2, "class": "form-control"}),
    )
    revision = forms.IntegerField(required=False, min_value=0, widget=forms.HiddenInput)

    def clean_body(self) -> str:
        """Browsers send CRLF; what is stored has plain line ends."""
        return str(self.cleaned_data["body"]).replace("\r\n", "\n")


class ActionItemForm(forms.Form):
    """One row; a row without a text is dropped."""

    text = forms.CharField(
        label="What",
        required=False,
        max_length=300,
        widget=forms.TextInput(
            attrs={"class": "form-control", "placeholder": "What is to be done"}
        ),
    )
    owner = forms.CharField(
        label="Who",
        required=False,
        max_length=100,
        widget=forms.TextInput(
            attrs={"class": "form-control", "placeholder": "Who does it"}
        ),
    )
    is_done = forms.BooleanField(
        label="Done",
        required=False,
        widget=forms.CheckboxInput(attrs={"class": "form-check-input"}),
    )

    def clean(self) -> dict[str, Any]:
        """An owner of nothing is a row half filled in."""
        cleaned = super().clean() or self.cleaned_data
        if cleaned.get("owner") and not cleaned.get("text", "").strip():
            self.add_error("text", "Say what is to be done, or empty the row.")
        return cleaned


ActionItemFormSet = forms.formset_factory(
    ActionItemForm, extra=0, max_num=MAX_ITEMS, absolute_max=MAX_ITEMS
)


class Editor:
    """The text form and its rows, always bound or unbound together."""

    def __init__(
        self, form: PostMortemForm, items: Any, sent: QueryDict | None = None
    ) -> None:
        self.form = form
        self.items = items
        self.sent = sent or QueryDict()

    @classmethod
    def of(cls, *, postmortem: PostMortem, body: str) -> "Editor":
        """Shows what is stored, with one empty row to write in."""
        rows = [
            {"text": item.text, "owner": item.owner, "is_done": item.is_done}
            for item in postmortem.action_items.all()
        ]
        initial = {
            "body": body,
            "no_action_reason": postmortem.no_action_reason,
            "revision": postmortem.revision,
        }
        items = ActionItemFormSet(initial=[*rows, {}], prefix="items")
        return cls(PostMortemForm(initial=initial), items)

    @classmethod
    def posted(cls, data: QueryDict, *, more_rows: int = 0) -> "Editor":
        """
        Reads what was sent. Rows are counted here, not believed from the form.

        A client that posts only `body` and `publish` needs no management form.
        """
        filled = data.copy()
        rows = 1 + max((_row_numbers(filled)), default=-1)
        filled["items-TOTAL_FORMS"] = str(min(rows + more_rows, MAX_ITEMS))
        filled["items-INITIAL_FORMS"] = "0"
        return cls(
            PostMortemForm(filled), ActionItemFormSet(filled, prefix="items"), filled
        )

    def is_valid(self) -> bool:
        """Whether both parts are well formed; runs both, so both show errors."""
        return all((self.form.is_valid(), self.items.is_valid()))

    def revision(self, *, default: int) -> int:
        """The revision that the writer saw; a client without one saw the newest."""
        revision: int | None = self.form.cleaned_data.get("revision")
        return default if revision is None else revision

    def action_items(self) -> list[tuple[str, str, bool]]:
        """Returns the rows that say something, in order: text, owner, done."""
        rows: list[Mapping[str, Any]] = [
            row.cleaned_data for row in self.items if row.cleaned_data
        ]
        return [
            (row["text"].strip(), row["owner"].strip(), row["is_done"])
            for row in rows
            if row["text"].strip()
        ]

    def at_revision(self, revision: int) -> "Editor":
        """Returns the same typed text on top of another revision."""
        data = self.sent.copy()
        data["revision"] = str(revision)
        return self.posted(data)


def _row_numbers(data: QueryDict) -> list[int]:
    found = (_ROW.fullmatch(name) for name in data)
    return [int(match[1]) for match in found if match]
