"""
Tags and filters of every page. `{% load portal %}`

{% icon "lock" %}                       inline SVG, hidden from screen readers
{% status "pending" %}                  badge: word + icon + colour; of a bypass
{% status "failed" "deploy" %}          also postmortem, gate, proof, delivery, policy
{% event_icon entry.event %}            icon of an audit event;  {{ event|event_words }}
{% when dt %}                           "3 minutes ago", absolute in the title
{% at dt %}                             "02:41 UTC (08:11 your time)", dated when
                                        it is not today; seconds=True
{% due dt %}                            "in 3 days" or "2 days overdue"
{% closes dt %}                         "closes 03:42 UTC" with a live countdown
{% error_summary form %}                GOV.UK error summary, focused by portal.js
{{ length|duration }}                   "1 hour 30 minutes"; timedelta or seconds
{{ dt|utc }}                            "22 Nov 2026, 02:41:07 UTC", for audit pages
{{ hash|short_hash }}                   first 12 hex digits of bytes or text
{{ people|names }}                      "Ana, Ben or 3 others"
{{ length|as_minutes }}                 "60", as forms write lengths
{{ entry|facts }}                       the facts of an audit entry, as a dict
"""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import lucide
from django import forms, template
from django.template import Context
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext

from breakglass.models import AuditEntry
from portal.http import errors
from portal.templatetags import moments, words

register = template.Library()

_MINUTE: Final = 60
_NAMED: Final = 3
_HASH_SHOWN: Final = 12


@register.simple_tag
def icon(name: str, css: str = "") -> SafeString:
    """Returns a lucide icon; it always stands beside a word, so it is hidden."""
    svg = lucide._render_icon(  # noqa: SLF001 - the package offers only its own tag
        str(name),
        None,
        **{"class": f"icon {css}".strip(), "aria-hidden": "true", "focusable": "false"},
    )
    return mark_safe(svg)  # noqa: S308 - the package's own file, our own attributes


@register.simple_tag
def status(state: str, kind: str = "bypass") -> SafeString:
    """Returns the badge of a state: a word, an icon and a colour."""
    look = words.KINDS[kind].get(str(state), words.UNKNOWN)
    return format_html(
        '<span class="tag tag-{}">{} {}</span>', look.tone, icon(look.icon), look.word
    )


@register.filter
def status_word(state: str, kind: str = "bypass") -> str:
    """Returns only the word of a state, for titles."""
    return str(words.KINDS[kind].get(str(state), words.UNKNOWN).word)


@register.simple_tag
def event_icon(event: str) -> SafeString:
    """Returns the icon of an audit event, in its tone."""
    look = words.event_look(event)
    return icon(look.icon, f"tone-{look.tone}")


@register.filter
def event_words(event: str) -> str:
    """Returns an audit event in the past tense: "approved"."""
    return str(words.event_look(event).word)


@register.filter
def duration(length: timedelta | float | None) -> str:
    """Returns a length in words, in the two largest units that matter."""
    return "" if length is None else moments.length(length)


@register.simple_tag(takes_context=True)
def when(context: Context, at_time: datetime | None) -> SafeString:
    """Returns a moment relative to now; times.js keeps it up to date."""
    if at_time is None:
        return SafeString("")
    shown = moments.relative(at_time, _now(context))
    return _time(at_time, shown, _reader(context), "data-relative")


@register.simple_tag(takes_context=True)
def at(
    context: Context, at_time: datetime | None, *, seconds: bool = False
) -> SafeString:
    """Returns a moment in UTC, with its date when that is not today's."""
    if at_time is None:
        return SafeString("")
    reader = _reader(context)
    shown = moments.clock_time(at_time, _now(context), seconds=seconds)
    shown += moments.beside(at_time, reader)
    return _time(at_time, shown, reader, "data-local")


@register.simple_tag(takes_context=True)
def due(context: Context, at_time: datetime | None) -> SafeString:
    """Returns a deadline: "in 3 days", or "2 days overdue"."""
    if at_time is None:
        return SafeString("")
    shown = moments.due(at_time, _now(context))
    return _time(at_time, shown, _reader(context), "")


@register.simple_tag(takes_context=True)
def closes(context: Context, at_time: datetime, word: str = "closes") -> SafeString:
    """
    Returns a deadline: the fixed time, and the time left, ticked by times.js.

    The server's clock goes along, so a wrong phone clock does not matter; without
    JavaScript the fixed time stays.
    """
    now, reader = _now(context), _reader(context)
    shown = moments.clock_time(at_time, now, seconds=False)
    shown += moments.beside(at_time, reader)
    time = _time(at_time, shown, reader, "data-local")
    return format_html(
        '<span class="deadline"><span class="closes">{}</span><span class="left" '
        'role="timer" data-deadline="{}" data-now="{}" data-after="{}" hidden>'
        "</span></span>",
        format_html(words.closing(word), time=time),
        _iso(at_time),
        _iso(now),
        # Translators: behind the time left of a countdown, as in "12:34 left".
        pgettext("countdown", "left"),
    )


@register.filter
def utc(at_time: datetime | None) -> str:
    """Returns a moment in full, to the second, in UTC."""
    return moments.in_full(at_time) if at_time else ""


@register.filter
def iso(at_time: datetime | None) -> str:
    """Returns a moment for machines."""
    return _iso(at_time) if at_time else ""


@register.filter
def short_hash(value: bytes | memoryview | str) -> str:
    """Returns the first digits of a hash, which people compare by eye."""
    text = value if isinstance(value, str) else bytes(value).hex()
    return text[:_HASH_SHOWN]


@register.filter
def names(people: Sequence[object], word: str = "or") -> str:
    """Returns people as "Ana, Ben or Cem", or "Ana, Ben, Cem or 4 others"."""
    shown = [str(person) for person in people[:_NAMED]]
    rest = len(people) - _NAMED
    if rest > 0:
        others = ngettext("%(count)s other", "%(count)s others", rest)
        shown.append(others % {"count": rest})
    if len(shown) <= 1:
        return "".join(shown)
    pattern = (
        _("%(people)s and %(last)s") if word == "and" else _("%(people)s or %(last)s")
    )
    return pattern % {"people": ", ".join(shown[:-1]), "last": shown[-1]}


@register.filter
def facts(entry: AuditEntry) -> dict[str, Any]:
    """Returns what an audit entry says, read from its stored bytes."""
    body = json.loads(bytes(entry.body))
    found: dict[str, Any] = body.get("facts", {})
    return found


@register.filter
def sentence(text: object) -> str:
    """Returns words as a sentence: a capital first, a full stop last."""
    return errors.sentence(text)


@register.filter
def as_minutes(length: timedelta) -> str:
    """Returns a length as forms write it: whole minutes."""
    return str(int(length.total_seconds() // _MINUTE))


@register.filter
def percent_of(part: timedelta, seconds: int) -> int:
    """Returns how much of so many seconds is used, in whole percent, 0 to 100."""
    return max(0, min(100, int(part.total_seconds() * 100 / seconds)))


@register.inclusion_tag("parts/error_summary.html")
def error_summary(form: forms.BaseForm) -> dict[str, Any]:
    """Lists a form's errors on top, each a link to its field."""
    found = []
    for name, messages in form.errors.items():
        bound = form[name] if name in form.fields else None
        visible = bound is not None and not bound.is_hidden
        target = _target(bound) if bound is not None and visible else ""
        found += [(target, message) for message in messages]
    return {"errors": found}


def _target(bound: forms.BoundField) -> str:
    """A radio group's error leads to its first choice."""
    return f"{bound.auto_id}_0" if bound.use_fieldset else bound.auto_id


def _now(context: Context) -> datetime:
    """The view's clock, else the frame's, else (error pages) the process's."""
    shell = context.get("shell")
    found: datetime | None = context.get("now") or (shell.now if shell else None)
    return found or timezone.now()


def _reader(context: Context) -> moments.Reader:
    """Whoever reads the page: by their profile, else their browser."""
    is_24_hour = getattr(context.get("user"), "is_24_hour", True)
    return moments.Reader(zone=context.get("zone"), is_24_hour=is_24_hour)


def _time(
    at_time: datetime, shown: str, reader: moments.Reader, attribute: str
) -> SafeString:
    return format_html(
        '<time datetime="{}" title="{}" {}>{}</time>',
        _iso(at_time),
        moments.in_both(at_time, reader),
        SafeString(attribute),
        shown,
    )


def _iso(at_time: datetime) -> str:
    return f"{at_time.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%fZ}"
