"""The requester has people reminded; anybody of the tenant comments."""

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from breakglass.errors import PolicyViolation
from breakglass.queries import access
from breakglass.services import comments, reminders
from portal.forms.approvals import CommentForm
from portal.http import tenancy
from portal.http.errors import put_on
from portal.http.htmx import PageRequest, go
from portal.http.requests import page as request_page


@require_POST
def remind(request: PageRequest, tenant_slug: str, bypass_id: str) -> HttpResponse:
    """Has one group told again that the request waits for it."""
    tenant = tenancy.of_request(request, tenant_slug)
    reminders.remind(
        tenant=tenant,
        bypass_id=bypass_id,
        requester=request.user,
        group=request.POST.get("group", ""),
    )
    messages.success(request, _("They are being told again."))
    return go(request, "request-detail", tenant.slug, bypass_id)


@require_POST
def comment(request: PageRequest, tenant_slug: str, bypass_id: str) -> HttpResponse:
    """Puts a comment on record, and leads back to the end of the timeline."""
    tenant = tenancy.of_request(request, tenant_slug)
    access.request_for(tenant=tenant, bypass_id=bypass_id)
    form = CommentForm(request.POST)
    if form.is_valid():
        try:
            comments.comment(
                tenant=tenant,
                bypass_id=bypass_id,
                person=request.user,
                text=form.cleaned_data["text"],
            )
        except PolicyViolation as error:
            put_on(form, error, field="text")
        else:
            messages.success(request, _("Your comment is on record."))
            page = reverse("request-detail", args=[tenant.slug, bypass_id])
            return HttpResponseRedirect(f"{page}#comment")
    return request_page.show(request, tenant_slug, bypass_id, comment_form=form)
