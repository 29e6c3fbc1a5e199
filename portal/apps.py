"""Django's handle on the web app, which has no models."""

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import Tags, register

from portal import checks
from portal.translations import compiling


class PortalConfig(AppConfig):
    name = "portal"

    def ready(self) -> None:
        """Makes the catalogues that gettext reads, and adds our deployment checks."""
        register(checks.receipt_keys, Tags.security, deploy=True)
        compiling.prepare(settings.LOCALE_DIR, settings.LOCALE_BUILD)
