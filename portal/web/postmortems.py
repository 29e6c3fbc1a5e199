"""Post-mortems: the list, the editor, and the published page."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from breakglass import clock
from breakglass.errors import Conflict, PolicyViolation
from breakglass.models import PostMortem, Tenant
from breakglass.queries import access
from breakglass.queries import postmortems as queries
from breakglass.rules import postmortem as rules
from breakglass.services import postmortems
from breakglass.states import PostMortemState
from portal.forms.postmortems import Editor
from portal.http import markdown, tenancy
from portal.http.errors import sentence
from portal.http.htmx import PageRequest, go, render_page

TABS: Final = (("mine", "Mine"), ("overdue", "Overdue"), ("all", "All"))


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the list; `state` is by predicate, whatever the sweeps did."""

    postmortem: PostMortem
    state: str
    done: int
    items: int


@login_required
@require_GET
def index(request: PageRequest, tenant_slug: str) -> HttpResponse:
    """What is mine, what is late, or everything."""
    tenant = tenancy.of_request(request, tenant_slug)
    now = clock.db_now()
    tab = request.GET.get("tab", "mine")
    tab = tab if tab in dict(TABS) else "mine"
    found = queries.listing(tenant=tenant, user=request.user, tab=tab, now=now)
    context = {
        "tenant": tenant,
        "tab": tab,
        "tabs": TABS,
        "now": now,
        "rows": [_row(postmortem, now) for postmortem in found],
    }
    return render_page(request, "postmortems/index.html", context, fragment="rows")


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def page(request: PageRequest, tenant_slug: str, bypass_id: str) -> HttpResponse:
    """The write-up: an editor for who may write it, else the text to read."""
    tenant = tenancy.of_request(request, tenant_slug)
    found = queries.for_bypass(tenant=tenant, bypass_id=bypass_id)
    if request.method == "POST":
        return _save(request, tenant, found)
    return _page(request, tenant, found, Editor.of(postmortem=found, body=_body(found)))


@login_required
@require_POST
def preview(request: PageRequest, tenant_slug: str, bypass_id: str) -> HttpResponse:
    """Shows what was typed as it will read. Stores nothing."""
    tenant = tenancy.of_request(request, tenant_slug)
    found = queries.for_bypass(tenant=tenant, bypass_id=bypass_id)
    editor = Editor.posted(request.POST)
    editor.is_valid()
    shown = markdown.render(editor.form.cleaned_data.get("body", ""))
    more = {"preview": shown}
    return _page(request, tenant, found, editor, fragment="preview", more=more)


@login_required
@require_POST
def more_rows(request: PageRequest, tenant_slug: str, bypass_id: str) -> HttpResponse:
    """Adds an empty action item to what was typed. Stores nothing."""
    tenant = tenancy.of_request(request, tenant_slug)
    found = queries.for_bypass(tenant=tenant, bypass_id=bypass_id)
    editor = Editor.posted(request.POST, more_rows=1)
    return _page(request, tenant, found, editor, fragment="items")


def _save(request: PageRequest, tenant: Tenant, found: PostMortem) -> HttpResponse:
    """Stores the text, and publishes it when asked; a refusal keeps what was typed."""
    editor = Editor.posted(request.POST)
    if not editor.is_valid():
        return _page(request, tenant, found, editor, status=422)
    bypass_id = found.grant.request.bypass_id
    words: dict[str, Any] = {"tenant": tenant, "bypass_id": bypass_id}
    try:
        _store(request, found, editor, words)
        if "publish" in request.POST:
            postmortems.publish(**words, person=request.user)
    except Conflict as error:
        return _clash(request, tenant, found, editor, error)
    except PolicyViolation as error:
        return _unfinished(request, tenant, editor, error, words)
    done = "Published." if "publish" in request.POST else "Saved."
    messages.success(request, done)
    return go(request, "postmortem", tenant.slug, bypass_id)


def _store(
    request: PageRequest, found: PostMortem, editor: Editor, words: dict[str, Any]
) -> None:
    postmortems.save_draft(
        **words,
        person=request.user,
        body=editor.form.cleaned_data["body"],
        action_items=[
            postmortems.ActionItemInput(text=text, owner=owner, is_done=is_done)
            for text, owner, is_done in editor.action_items()
        ],
        no_action_reason=editor.form.cleaned_data["no_action_reason"],
        revision=editor.revision(default=found.revision),
        gate_blamed=found.gate_blamed or "unknown",
    )


def _clash(
    request: PageRequest,
    tenant: Tenant,
    found: PostMortem,
    editor: Editor,
    error: Conflict,
) -> HttpResponse:
    """
    Shows the typed text above the stored one; nothing is lost.

    The next save stands on the stored revision: by then both have been seen.
    """
    bypass_id = found.grant.request.bypass_id
    stored = queries.for_bypass(tenant=tenant, bypass_id=bypass_id)
    clash = {"clash": sentence(error), "theirs": stored.body}
    return _page(
        request,
        tenant,
        stored,
        editor.at_revision(stored.revision),
        status=409,
        more=clash,
    )


def _unfinished(
    request: PageRequest,
    tenant: Tenant,
    editor: Editor,
    error: PolicyViolation,
    words: dict[str, Any],
) -> HttpResponse:
    """Says what is missing. The text itself is stored when only publishing failed."""
    stored = queries.for_bypass(**words)
    fresh = editor.at_revision(stored.revision)
    fresh.is_valid()
    for problem in _missing(stored) or [sentence(error)]:
        fresh.form.add_error("body", problem)
    return _page(request, tenant, stored, fresh, status=422)


def _page(
    request: PageRequest,
    tenant: Tenant,
    found: PostMortem,
    editor: Editor,
    *,
    status: int = 200,
    fragment: str = "",
    more: dict[str, Any] | None = None,
) -> HttpResponse:
    """The one page in all its states; only who may write it gets the editor."""
    now = clock.db_now()
    writes = _may_write(request, tenant, found)
    is_open = queries.is_open(postmortem=found, now=now)
    context = {
        "tenant": tenant,
        "postmortem": found,
        "grant": found.grant,
        "bypass": found.grant.request,
        "now": now,
        "state": _state(found, now),
        "is_open": is_open,
        "editor": editor if writes and is_open else None,
        "missing": _missing(found) if is_open else [],
        "text": markdown.render(_body(found)),
        "action_items": list(found.action_items.all()),
        **(more or {}),
    }
    return render_page(
        request, "postmortems/page.html", context, fragment=fragment, status=status
    )


def _may_write(request: PageRequest, tenant: Tenant, found: PostMortem) -> bool:
    if found.state == PostMortemState.PUBLISHED:
        return False
    if found.assignee_id == request.user.pk:
        return True
    return access.may(user=request.user, permission="manage_tenant", on=tenant)


def _body(found: PostMortem) -> str:
    """The stored text; until the opening froze it, the facts as they are now."""
    if found.state == PostMortemState.SCHEDULED:
        return queries.draft_body(postmortem=found)
    return found.body


def _missing(found: PostMortem) -> list[str]:
    """What still blocks publishing what is stored."""
    return [rules.in_words(part) for part in queries.missing_of(postmortem=found)]


def _row(postmortem: PostMortem, now: datetime) -> Row:
    items = list(postmortem.action_items.all())
    done = sum(item.is_done for item in items)
    return Row(postmortem, _state(postmortem, now), done, len(items))


def _state(postmortem: PostMortem, now: datetime) -> str:
    """The word to show: overdue and open are true by predicate."""
    if queries.is_overdue(postmortem=postmortem, now=now):
        return "overdue"
    if queries.is_open(postmortem=postmortem, now=now):
        return "open"
    return str(postmortem.state)
