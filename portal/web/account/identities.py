"""A person's own sign-in identities: which there are, one more, one less."""

from urllib.parse import urlencode

from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from breakglass.errors import NotFound
from breakglass.queries.people import accounts as people
from breakglass.services.people import identities
from breakglass.texts import text
from portal.forms.identities import UnlinkForm
from portal.http.accounts import adapter
from portal.http.accounts.oidc import flow, leaving, name_of, provider_or_404
from portal.http.htmx import PageRequest, go, render_page


@require_GET
def index(request: PageRequest) -> HttpResponse:
    """Lists them, and the providers at which another one can be linked."""
    rows = people.identities_of(user=request.user)
    context = {
        "rows": [{"identity": row, "provider": name_of(row.issuer)} for row in rows],
        "providers": settings.OIDC_PROVIDERS,
        "is_last": len(rows) == 1 and not request.user.has_usable_password(),
        "has_password": request.user.has_usable_password(),
    }
    return render_page(request, "account/identities.html", context)


@require_POST
def link(request: PageRequest) -> HttpResponse:
    """Leads to a provider to prove that its identity is one's own."""
    provider = provider_or_404(request.POST.get("provider", ""))
    if not adapter.recently_confirmed(request):
        return _ask(request, reverse("identities"))
    return leaving.leave(request, provider, purpose=flow.Purpose.LINK)


@require_http_methods(["GET", "HEAD", "POST"])
def unlink(request: PageRequest, identity_id: int) -> HttpResponse:
    """Asks why, then ends the link."""
    rows = people.identities_of(user=request.user)
    identity = next((row for row in rows if row.pk == identity_id), None)
    if identity is None:
        msg = text("this identity is not linked to you")
        raise NotFound(msg)
    if not adapter.recently_confirmed(request):
        return _ask(request, request.path)
    form = UnlinkForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        reason = form.cleaned_data["reason"]
        identities.unlink_own(user=request.user, identity_id=identity.pk, reason=reason)
        messages.success(
            request, _("The identity is unlinked. It is in the audit log.")
        )
        return go(request, "identities")
    context = {
        "identity": identity,
        "provider": name_of(identity.issuer),
        "form": form,
    }
    status = 422 if form.errors else 200
    return render_page(request, "account/identity_unlink.html", context, status=status)


def _ask(request: PageRequest, back: str) -> HttpResponse:
    """A stolen session links and unlinks nothing: the person signs in again first."""
    messages.warning(request, _("Sign in again first: this changes how you sign in."))
    return HttpResponseRedirect(f"{reverse('stepup')}?{urlencode({'next': back})}")
