"""Health and metrics, for probes and Prometheus: no login, no page."""

import os
from dataclasses import asdict

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from portal.http.health import probes


@login_not_required
@never_cache
@require_safe
def alive(_request: HttpRequest) -> HttpResponse:
    """Says that this process answers; asks nothing else."""
    return JsonResponse({"state": probes.OK})


@login_not_required
@never_cache
@require_safe
def ready(_request: HttpRequest) -> HttpResponse:
    """Says how each part is; 503 when one fails that nothing works without."""
    checks = probes.readiness()
    blocked = any(
        check.blocks and check.state != probes.OK for check in checks.values()
    )
    body = {name: asdict(check) for name, check in checks.items()}
    return JsonResponse({"ready": not blocked, **body}, status=503 if blocked else 200)


@login_not_required
@never_cache
@require_safe
def metrics(_request: HttpRequest) -> HttpResponse:
    """
    Returns the API's counters, and gauges read from the database.

    Where the web server runs more than one process, each counts for itself: set
    PROMETHEUS_MULTIPROC_DIR (an empty folder, wiped at start), and the counts of
    all of them are added up here.
    """
    registry = CollectorRegistry()
    if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    else:
        registry.register(probes.REGISTRY)
    registry.register(probes.DatabaseGauges())
    return HttpResponse(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)
