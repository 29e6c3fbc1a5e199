"""
Charts, drawn by the server as SVG. `{% load charts %}`

{% chart picture %}    a `portal.http.charts.pictures.Picture`: the drawing,
                       its sentence, and the numbers as a table
{{ grant|was_open_for }}        "22 minutes": how long a bypass that is over was open
{{ seconds|as_whole_minutes }}  60, of 3600
"""

from typing import Any, Final

from django import template

from breakglass.models import Grant
from portal.http.charts.pictures import Picture
from portal.templatetags.portal import duration

register = template.Library()

_MINUTE: Final = 60


@register.inclusion_tag("dashboard/parts/chart.html")
def chart(picture: Picture) -> dict[str, Any]:
    """Draws one picture."""
    return {"picture": picture}


@register.filter
def was_open_for(grant: Grant) -> str:
    """Returns how long it was open: to its close, or to the end of its window."""
    end = min(grant.closed_at or grant.expires_at, grant.expires_at)
    return duration(end - grant.starts_at)


@register.filter
def as_whole_minutes(seconds: int) -> int:
    """Returns seconds in whole minutes."""
    return seconds // _MINUTE
