"""
Figures of the gate health report. `{% load health %}`

{{ figures|per_100 }}      "12.5": bypasses per 100 deploys seen, or nothing
{{ figures|blaming }}      3: post-mortems that blame the gate, wholly or partly
"""

from decimal import Decimal

from django import template
from django.utils.formats import number_format

from breakglass.rules.gate_health import Figures

register = template.Library()


@register.filter
def per_100(figures: Figures) -> str:
    """Returns the rate with one digit, as the reader writes numbers."""
    tenths = figures.tenths_per_100
    return "" if tenths is None else str(number_format(Decimal(tenths) / 10, 1))


@register.filter
def blaming(figures: Figures) -> int:
    """Returns how many of the answers blame the gate."""
    return figures.blamed + figures.partly
