"""The description of the API: for machines, and as a page."""

import json
from http import HTTPStatus
from typing import Final

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe
from pydantic import RootModel

from portal.api import description, examples
from portal.api.edge import Endpoint
from portal.api.languages.described import SPOKEN
from portal.api.reasons import REASONS
from portal.api.strict_json import Json


def _openapi(_request: HttpRequest) -> RootModel[dict[str, object]]:
    return RootModel[dict[str, object]](description.document())


openapi: Final = Endpoint("openapi", {"GET": _openapi, "HEAD": _openapi})


@login_not_required
@require_safe
def page(request: HttpRequest) -> HttpResponse:
    """Shows the calls with their examples; it holds nothing that is secret."""
    operations = [
        {
            "operation": operation,
            "method": operation.method.upper(),
            "asks": _pretty(operation.asks),
            "answers": {name: _pretty(v) for name, v in operation.answers.items()},
            "refusals": {
                status: (means, examples.ERRORS[status][0])
                for status, means in operation.refusals.items()
            },
        }
        for operation in description.OPERATIONS
    ]
    spoken = [
        {"spoken": one, "asks": _pretty(one.asks), "answers": _pretty(one.answers)}
        for one in SPOKEN
    ]
    context = {
        "operations": operations,
        "spoken": spoken,
        "reasons": {str(reason): means for reason, means in REASONS.items()},
        "refusal": _pretty(examples.error(HTTPStatus.UNPROCESSABLE_ENTITY)),
    }
    return render(request, "api/docs.html", context)


def _pretty(value: Json) -> str:
    return json.dumps(value, indent=2)
