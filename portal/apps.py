"""Django's handle on the web app, which has no models."""

from django.apps import AppConfig


class PortalConfig(AppConfig):
    name = "portal"
