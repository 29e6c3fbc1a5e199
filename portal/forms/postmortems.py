"""The post-mortem editor: sections, a timeline, action items, and what was shown."""

import re
from typing import Any, Final

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from breakglass.models import PostMortem
from breakglass.rules import postmortem as rules
from breakglass.rules.postmortem_body import Clash
from breakglass.states import GateBlame
from portal.forms.postmortem_sections import Sections

MAX_ITEMS: Final = 50
_ROW: Final = re.compile(r"items-(\d{1,3})-(?:text|owner|due_on|link|is_done)")
_BLAME: Final = {
    GateBlame.YES: gettext_lazy("Yes, it stood in the way of a good change"),
    GateBlame.PARTLY: gettext_lazy("Partly, it could be better"),
    GateBlame.NO: gettext_lazy("No, it was right to ask"),
    GateBlame.UNKNOWN: gettext_lazy("Not known"),
}


class PostMortemForm(forms.Form):
    """What is not a section. What publishing lacks is for the service to say."""

    body = forms.CharField(required=False, max_length=100_000, strip=False)
    gate_blamed = forms.ChoiceField(
        label=gettext_lazy("Was the gate at fault that a bypass was needed?"),
        choices=list(_BLAME.items()),
        required=False,
        help_text=gettext_lazy("The gate health report counts these answers."),
        widget=forms.RadioSelect(attrs={"class": "form-check-input"}),
    )
    no_action_reason = forms.CharField(
        label=gettext_lazy("Why no action is needed"),
        required=False,
        max_length=1_000,
        widget=forms.Textarea(attrs={"rows": 2, "class": "form-control"}),
    )
    revision = forms.IntegerField(required=False, min_value=0, widget=forms.HiddenInput)
    items_base = forms.CharField(required=False, widget=forms.HiddenInput)
    gate_base = forms.CharField(required=False, widget=forms.HiddenInput)

    def clean_body(self) -> str:
        """Browsers send CRLF; what is stored has plain line ends."""
        return str(self.cleaned_data["body"]).replace("\r\n", "\n")


class ActionItemForm(forms.Form):
    """One row; a row without a text is dropped."""

    text = forms.CharField(
        label=gettext_lazy("What is to be done"),
        required=False,
        max_length=300,
        widget=forms.TextInput(attrs={"class": "form-control"}),
    )
    owner = forms.CharField(
        label=gettext_lazy("Who does it"),
        required=False,
        max_length=100,
        widget=forms.TextInput(attrs={"class": "form-control", "list": "members"}),
    )
    due_on = forms.DateField(
        label=gettext_lazy("Until"),
        required=False,
        widget=forms.DateInput(
            format="%Y-%m-%d", attrs={"type": "date", "class": "form-control"}
        ),
    )
    link = forms.URLField(
        label=gettext_lazy("Link to the tracker"),
        required=False,
        max_length=500,
        assume_scheme="https",
        widget=forms.URLInput(attrs={"class": "form-control"}),
    )
    is_done = forms.BooleanField(
        label=gettext_lazy("Done"),
        required=False,
        widget=forms.CheckboxInput(attrs={"class": "form-check-input"}),
    )

    def clean(self) -> dict[str, Any]:
        """An owner of nothing is a row half filled in."""
        cleaned = super().clean() or self.cleaned_data
        other = any(cleaned.get(name) for name in ("owner", "due_on", "link"))
        if other and not cleaned.get("text", "").strip():
            text = _("Say what is to be done, or empty the row.")
            self.add_error("text", text)
        return cleaned


ActionItemFormSet = forms.formset_factory(
    ActionItemForm, extra=0, max_num=MAX_ITEMS, absolute_max=MAX_ITEMS
)


class Editor:
    """
    The form, its rows and its sections, always bound or unbound together.

    A client that sends only `body` (design.md section 11) means the whole text; the
    editor sends `section` beside each `body`.
    """

    def __init__(
        self,
        form: PostMortemForm,
        items: Any,
        sections: Sections,
        sent: QueryDict | None = None,
    ) -> None:
        self.form, self.items, self.sections = form, items, sections
        self.sent = sent or QueryDict()
        self.problems: list[tuple[str, str]] = []

    @classmethod
    def of(cls, *, postmortem: PostMortem, sections: Sections, base: str) -> "Editor":
        """Shows what is stored, with one empty row to write in."""
        rows: list[dict[str, Any]] = [
            {
                "text": item.text,
                "owner": item.owner,
                "due_on": item.due_on,
                "link": item.link,
                "is_done": item.is_done,
            }
            for item in postmortem.action_items.all()
        ]
        initial = {
            "gate_blamed": postmortem.gate_blamed,
            "gate_base": postmortem.gate_blamed,
            "no_action_reason": postmortem.no_action_reason,
            "revision": postmortem.revision,
            "items_base": base,
        }
        items = ActionItemFormSet(initial=[*rows, {}], prefix="items")
        return cls(PostMortemForm(initial=initial), items, sections)

    @classmethod
    def posted(
        cls, data: QueryDict, *, sections: Sections, more_rows: int = 0
    ) -> "Editor":
        """
        Reads what was sent. Rows are counted here, not believed from the form.

        A client that posts only `body` and `publish` needs no management form.
        """
        filled = data.copy()
        rows = 1 + max((_row_numbers(filled)), default=-1)
        filled["items-TOTAL_FORMS"] = str(min(rows + more_rows, MAX_ITEMS))
        filled["items-INITIAL_FORMS"] = "0"
        items = ActionItemFormSet(filled, prefix="items")
        return cls(PostMortemForm(filled), items, sections.posted(data), filled)

    @property
    def is_whole(self) -> bool:
        """True when one text stands for everything."""
        return "section" not in self.sent

    @property
    def shows_whole(self) -> bool:
        """True when what was typed is one text."""
        return bool(self.sent) and self.is_whole

    def is_valid(self) -> bool:
        """Whether all parts are well formed; runs each, so each shows its errors."""
        good = [self.form.is_valid(), self.items.is_valid(), self.sections.is_valid()]
        if self.is_whole and not self.form.cleaned_data.get("body", "").strip():
            self.form.add_error("body", _("Write something."))
            good.append(False)
        self._collect()
        return all(good)

    def revision(self, *, default: int) -> int:
        """The revision that the writer saw; a client without one saw the newest."""
        revision: int | None = self.form.cleaned_data.get("revision")
        return default if revision is None else revision

    def action_items(self) -> list[dict[str, Any]]:
        """Returns the rows that say something, in order, by the service's names."""
        rows = [row.cleaned_data for row in self.items if row.cleaned_data]
        return [
            {**row, "text": row["text"].strip(), "owner": row["owner"].strip()}
            for row in rows
            if row["text"].strip()
        ]

    def answers(self) -> dict[str, str]:
        """Returns the answers beside sections and items, and what was shown of them."""
        names = ("no_action_reason", "gate_blamed", "items_base", "gate_base")
        return {name: self.form.cleaned_data[name] for name in names}

    def blame(self, *, stored: str) -> str:
        """What a client of the whole text says of the gate; `unknown` if nothing."""
        return self.form.cleaned_data["gate_blamed"] or stored or GateBlame.UNKNOWN

    def at_revision(self, revision: int) -> "Editor":
        """Returns the same typed text on top of another revision."""
        data = self.sent.copy()
        data["revision"] = str(revision)
        return self.posted(data, sections=self.sections)

    def clashed(self, clashes: list[tuple[Clash, str]], *, items_base: str) -> None:
        """
        Puts the other text beside each of mine, with words on whose it is.

        The next save stands on what is stored: by then both have been seen.
        """
        data = self.sent.copy()
        for clash, said in clashes:
            if clash.key == rules.ITEMS:
                data["items_base"] = items_base
            elif clash.key == rules.GATE:
                data["gate_base"] = clash.theirs
            else:
                self.sections.clashed(clash, said)
                continue
            self.problems.append(
                ("items" if clash.key == rules.ITEMS else "gate", said)
            )
        self.form.data = data

    def missing(self, parts: tuple[rules.Missing, ...]) -> None:
        """Lists what publishing lacks, each leading to its field."""
        for part in parts:
            self.problems.append((self._target(part), _words_of(part)))

    def _target(self, part: rules.Missing) -> str:
        if part.key == rules.GATE:
            return "gate"
        if part.key == rules.ITEMS:
            return "items"
        return self.sections.target(part.key)

    def _collect(self) -> None:
        for name, said in self.form.errors.items():
            target = {"no_action_reason": "id_no_action_reason"}.get(name, "")
            self.problems += [(target, str(text)) for text in said]
        for row in self.items:
            for name, said in row.errors.items():
                self.problems += [(row[name].auto_id, str(text)) for text in said]
        self.problems += self.sections.problems()


def _words_of(part: rules.Missing) -> str:
    if part.key == rules.GATE:
        return _("Say whether the gate was at fault.")
    if part.key == rules.ITEMS:
        return _("Add at least one action item, or say why there is none.")
    if part.key == "summary" and part.is_there:
        return _("Write a summary.")
    if part.is_there:
        return _("Write something under “%(heading)s”.") % {"heading": part.heading}
    return _("Add the heading “%(heading)s”.") % {"heading": f"## {part.heading}"}


def words_of(parts: tuple[rules.Missing, ...]) -> list[str]:
    """Returns what is missing, as instructions in the reader's language."""
    return [_words_of(part) for part in parts]


def _row_numbers(data: QueryDict) -> list[int]:
    found = (_ROW.fullmatch(name) for name in data)
    return [int(match[1]) for match in found if match]
