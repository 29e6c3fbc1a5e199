"""What the API counts, in this process (Prometheus)."""

from typing import Final

from prometheus_client import Counter, Histogram

from portal.http.health.probes import REGISTRY

DECISIONS: Final = Counter(
    "breakglass_decisions",
    "Answers given to gates, by verdict and reason.",
    ["decision", "reason", "mode"],
    registry=REGISTRY,
)
ERRORS: Final = Counter(
    "breakglass_api_errors",
    "Refused or failed API requests, by code. Each one told the gate to enforce.",
    ["endpoint", "code"],
    registry=REGISTRY,
)
SECONDS: Final = Histogram(
    "breakglass_api_request_seconds",
    "Time from a parsed request line to the answer, by endpoint.",
    ["endpoint"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
    registry=REGISTRY,
)
