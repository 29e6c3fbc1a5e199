"""What decisions are compared with: a Django view that returns a constant."""

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse
from django.urls import path


def constant(request: HttpRequest) -> HttpResponse:
    """Reads the body, as a decision does, and answers a constant of its size."""
    answer = b'{"decision": "enforce"}' + b" " * len(request.body)
    return HttpResponse(answer, headers={"Content-Length": len(answer)})


urlpatterns = [path("api/v1/decisions", constant)]

if not settings.configured:
    settings.configure(
        ALLOWED_HOSTS=["*"], ROOT_URLCONF=__name__, MIDDLEWARE=[], SECRET_KEY="bench"
    )
application = get_wsgi_application()
