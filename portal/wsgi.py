"""The WSGI application that granian serves."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings.prod")

_django = get_wsgi_application()

# Only now are the settings and the models there.
from portal.api import ahead  # noqa: E402
from portal.http import starting  # noqa: E402

application = ahead.of(_django)
starting.guard_logs()
starting.count_gate_days()
