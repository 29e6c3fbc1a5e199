"""Django's handle on the web app, which has no models."""

from django.apps import AppConfig
from django.conf import settings

from portal.translations import compiling


class PortalConfig(AppConfig):
    name = "portal"

    def ready(self) -> None:
        """Makes the catalogues that gettext reads, where they are not there yet."""
        compiling.prepare(settings.LOCALE_DIR, settings.LOCALE_BUILD)
