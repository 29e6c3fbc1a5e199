"""How post-mortems are shown: their state in words, and deadlines in business days."""

from datetime import datetime, timedelta
from typing import Final

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from breakglass.rules.postmortem import business_days_between
from portal.templatetags.portal import icon, iso, utc

register = template.Library()

_HOUR: Final = timedelta(hours=1)
_DAY: Final = timedelta(days=1)
# The word, the icon, the tone.
_STATES: Final = {
    "scheduled": (gettext_lazy("Scheduled"), "clock", "calm"),
    "todo": (gettext_lazy("To do"), "circle-dot", "wait"),
    "progress": (gettext_lazy("In progress"), "pen-line", "wait"),
    "review": (gettext_lazy("In review"), "eye", "wait"),
    "done": (gettext_lazy("Done"), "circle-check", "ok"),
}


@register.simple_tag
def postmortem_state(state: str) -> SafeString:
    """Returns the badge of a state: a word, an icon and a colour."""
    word, picture, tone = _STATES[state]
    return format_html(
        '<span class="tag tag-{}">{} {}</span>', tone, icon(picture), word
    )


@register.filter
def postmortem_word(state: str) -> str:
    """Returns only the word of a state, for titles."""
    return str(_STATES[state][0])


@register.simple_tag
def due_in(due_at: datetime, now: datetime) -> SafeString:
    """
    Returns a deadline in business days, as the policy counts: "in 3 business days".

    Within a day of it hours are said, and over a weekend that no whole one passed.
    """
    return format_html(
        '<time datetime="{}" title="{}">{}</time>',
        iso(due_at),
        utc(due_at),
        _overdue(now - due_at, due_at, now) if now >= due_at else _left(due_at, now),
    )


def _overdue(late: timedelta, due_at: datetime, now: datetime) -> str:
    days = business_days_between(start=due_at, end=now)
    if days:
        text = ngettext(
            "%(count)d business day overdue", "%(count)d business days overdue", days
        )
        return text % {"count": days}
    if late < _HOUR:
        return _("overdue since just now")
    if late < _DAY:
        hours = late // _HOUR
        text = ngettext("%(count)d hour overdue", "%(count)d hours overdue", hours)
        return text % {"count": hours}
    return _("overdue for less than a business day")


def _left(due_at: datetime, now: datetime) -> str:
    days = business_days_between(start=now, end=due_at)
    if days:
        text = ngettext("in %(count)d business day", "in %(count)d business days", days)
        return text % {"count": days}
    left = due_at - now
    if left < _HOUR:
        return _("in less than an hour")
    if left < _DAY:
        hours = left // _HOUR
        text = ngettext("in %(count)d hour", "in %(count)d hours", hours)
        return text % {"count": hours}
    return _("in less than a business day")
