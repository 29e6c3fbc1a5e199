"""A session that goes on, because its person said so."""

import json

from django.http import HttpResponse, HttpResponseRedirect
from django.views.decorators.http import require_POST

from portal.http.accounts import adapter, session_end
from portal.http.htmx import PageRequest, wants_fragment


@require_POST
def renew(request: PageRequest) -> HttpResponse:
    """Answers "Stay signed in": 204 and the new end for htmx, else back to the page."""
    end = session_end.renew(request)
    if not wants_fragment(request):
        return HttpResponseRedirect(adapter.next_address(request, "/"))
    news = {"ends": end.isoformat(), "last": session_end.is_last(request)}
    answer = HttpResponse(status=204)
    answer.headers["HX-Trigger"] = json.dumps({"bg:renewed": news})
    return answer
