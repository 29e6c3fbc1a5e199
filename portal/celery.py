"""The Celery app. Tasks live in breakglass.tasks; the schedule in settings."""

import os

from celery import Celery
from celery.signals import worker_ready

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings.prod")

app = Celery("portal")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks(["breakglass"])


@worker_ready.connect  # type: ignore[untyped-decorator]  # Celery ships no types
def guard_logs(**_named: object) -> None:
    """Compares each log with what was published, before the first task."""
    from portal.http import starting  # noqa: PLC0415 - models need a set-up Django

    starting.guard_logs()
