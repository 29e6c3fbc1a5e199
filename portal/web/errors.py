"""Pages for what no view answered: each says what helps."""

import structlog
from django.contrib.auth.decorators import login_not_required
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse, HttpResponseServerError
from django.shortcuts import render
from django.template import loader
from django.utils.translation import gettext as _

from breakglass.models import Tenant
from portal.http import tenancy
from portal.http.htmx import back_to_sign_in

logger = structlog.stdlib.get_logger(__name__)


@login_not_required
def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:  # noqa: ARG001
    """The request itself was malformed."""
    detail = _(
        "Nothing was recorded. Go back, reload the page and try again; "
        "if it comes back, tell whoever runs breakglass what you did."
    )
    return _page(request, 400, _("This request could not be read"), detail)


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

    The emergency text is asked for last and may be missing: the database can be what
    broke.
    """
    reference = str(request.META.get("BREAKGLASS_REQUEST_ID", ""))[:8]
    context = {"reference": reference, "tenant": _tenant_in_trouble(request)}
    page = loader.get_template("500.html").render(context)
    return HttpResponseServerError(page)


@login_not_required
def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:  # noqa: ARG001
    """The form's token is not this session's: mostly a session that ended."""
    context = {
        "status": 403,
        "heading": _("Your session ended while the page was open"),
        "detail": _("Nothing was recorded. Your text is kept on this device."),
        "sign_in": back_to_sign_in(request),
    }
    return render(request, "error.html", context, status=403)


def _tenant_in_trouble(request: HttpRequest) -> Tenant | None:
    """The address's tenant, for its members, if the database can say so."""
    slug = (request.resolver_match.kwargs if request.resolver_match else {}).get(
        "tenant_slug"
    )
    try:
        user = getattr(request, "user", None)
        if user is None or not user.is_authenticated:
            return None
        ours = [one.tenant for one in tenancy.memberships(request, user)]
        slug = slug or request.session.get(tenancy.SESSION_KEY)
    except DatabaseError:
        return None
    except Exception:  # the edge: an error page must not fail for want of a tenant
        logger.exception("error_page.tenant_unknown")
        return None
    chosen = (tenant for tenant in ours if tenant.slug == slug)
    return next(chosen, ours[0] if len(ours) == 1 else None)


def _page(request: HttpRequest, status: int, heading: str, detail: str) -> HttpResponse:
    context = {"status": status, "heading": heading, "detail": detail}
    return render(request, "error.html", context, status=status)
