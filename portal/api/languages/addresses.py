"""The addresses of the languages, below /api/v1/."""

from typing import Final

from django.urls import URLPattern, path

from portal.api import decisions
from portal.api.languages.kubernetes import Admission
from portal.api.languages.speaking import Language, Speaking


def _view(language: Language) -> Speaking:
    return Speaking(language, decisions.answered)


urlpatterns: Final[list[URLPattern]] = [
    path("kubernetes/admission", _view(Admission()), name="api-kubernetes"),
]
