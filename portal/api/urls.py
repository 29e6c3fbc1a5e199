"""Addresses under /api/. Anything else there is a refusal in JSON, never a page."""

from django.urls import include, path, re_path

from portal.api import decisions, deploys, documentation, gates, provenance, receipts
from portal.api.edge import Endpoint, nothing_here
from portal.api.languages import addresses

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
none = Endpoint("none", dict.fromkeys(METHODS, nothing_here))

urlpatterns = [
    path("v1/decisions", decisions.decide, name="api-decisions"),
    path("v1/decisions/receipt", receipts.receipt, name="api-receipt"),
    path("v1/deploys/<str:deploy_id>", deploys.finish, name="api-deploy"),
    path(
        "v1/deploys/<str:deploy_id>/provenance", provenance.give, name="api-provenance"
    ),
    path("v1/gates/heartbeat", gates.heartbeat, name="api-heartbeat"),
    path("v1/openapi.json", documentation.openapi, name="api-openapi"),
    path("v1/", include(addresses.below_api)),
    path("docs", documentation.page, name="api-docs"),
    re_path(r"", none, name="api-none"),
]

# Where other standards put their addresses, beside /api/.
standards = [
    *addresses.of_standards,
    re_path(r"^(?:v1/data|access/v1)/", none, name="standards-none"),
]
