"""Django's handle on the domain app."""

from django.apps import AppConfig


class BreakglassConfig(AppConfig):
    name = "breakglass"
    verbose_name = "breakglass"
    default_auto_field = "django.db.models.BigAutoField"
