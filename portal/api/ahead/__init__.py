"""Decisions ahead of Django: the certain `enforce`, and the usual bypass."""

from django.conf import settings

from portal.api.ahead.front import Application, DecisionFront
from portal.api.ahead.snapshot import Snapshot


def of(application: Application) -> DecisionFront:
    """Returns the application with the front ahead of it, as the settings say."""
    if not settings.DECISION_SNAPSHOT:
        return DecisionFront(application)
    snapshot = Snapshot()
    snapshot.start()
    return DecisionFront(application, snapshot=snapshot)
