"""The addresses of the languages: below /api/v1/, or where their standards put them."""

from typing import Final

from django.urls import URLPattern, path

from portal.api import decisions
from portal.api.edge import Endpoint
from portal.api.languages import authzen
from portal.api.languages.authzen import Evaluation, Evaluations
from portal.api.languages.gatekeeper import Provider
from portal.api.languages.kubernetes import Admission
from portal.api.languages.kyverno import ServiceCall
from portal.api.languages.opa import Allow, Document
from portal.api.languages.speaking import Language, Speaking


def _view(language: Language) -> Speaking:
    return Speaking(language, decisions.answered)


below_api: Final[list[URLPattern]] = [
    path("kubernetes/admission", _view(Admission()), name="api-kubernetes"),
    path("gatekeeper", _view(Provider()), name="api-gatekeeper"),
    path("kyverno", _view(ServiceCall()), name="api-kyverno"),
]
of_standards: Final[list[URLPattern]] = [
    path("v1/data/breakglass", _view(Document()), name="opa-document"),
    path("v1/data/breakglass/allow", _view(Allow()), name="opa-allow"),
    path("access/v1/evaluation", _view(Evaluation()), name="authzen-evaluation"),
    path("access/v1/evaluations", _view(Evaluations()), name="authzen-evaluations"),
    path(
        ".well-known/authzen-configuration",
        Endpoint("authzen-configuration", {"GET": authzen.configuration}),
        name="authzen-configuration",
    ),
]
