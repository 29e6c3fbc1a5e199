"""Pages for what no view answered."""

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, HttpResponseServerError
from django.shortcuts import render
from django.template import loader
from django.utils import translation
from django.utils.translation import gettext as _


@login_not_required
def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:  # noqa: ARG001
    """The request itself was malformed."""
    return _page(request, 400, _("This request could not be read"), "")


@login_not_required
def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:  # noqa: ARG001
    """Django's own PermissionDenied, from the admin."""
    return _page(request, 403, _("You may not do this"), "")


@login_not_required
def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:  # noqa: ARG001
    """No such address."""
    return _page(request, 404, _("Page not found"), "")


@login_not_required
def server_error(request: HttpRequest) -> HttpResponse:
    """
    Something broke. Rendered without context processors: they could break again.
    """
    reference = str(request.META.get("BREAKGLASS_REQUEST_ID", ""))[:8]
    context = {"reference": reference, "LANGUAGE_CODE": translation.get_language()}
    page = loader.get_template("500.html").render(context)
    return HttpResponseServerError(page)


@login_not_required
def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:  # noqa: ARG001
    """The form's token is not this session's: mostly a session that ended."""
    return _page(
        request,
        403,
        _("Your session ended while the page was open"),
        _(
            "Nothing was recorded, and your text is kept on this device. Go back, "
            "reload the page and send it again."
        ),
    )


def _page(request: HttpRequest, status: int, heading: str, detail: str) -> HttpResponse:
    context = {"status": status, "heading": heading, "detail": detail}
    return render(request, "error.html", context, status=status)
