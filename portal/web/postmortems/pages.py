"""Post-mortems: the list, the editor, and the published page."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse, QueryDict
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from breakglass import clock
from breakglass.errors import Conflict, PolicyViolation
from breakglass.models import PostMortem, Tenant
from breakglass.queries.postmortems import drafting as queries
from breakglass.queries.postmortems import history
from breakglass.rules.postmortem_body import SectionClash, digest
from breakglass.services.postmortems import reviews, writing
from portal.forms.postmortem_sections import Sections
from portal.forms.postmortems import Editor, words_of
from portal.http import markdown, numbers, postmortem_page, tenancy
from portal.http.errors import sentence
from portal.http.htmx import PageRequest, go, render_page

TABS: Final = (
    ("mine", gettext_lazy("Mine")),
    ("overdue", gettext_lazy("Overdue")),
    ("all", gettext_lazy("All")),
)


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the list; `state` is by predicate, whatever the sweeps did."""

    postmortem: PostMortem
    state: str
    is_overdue: bool
    done: int
    items: int


@login_required
@require_GET
def index(request: PageRequest, tenant_slug: str) -> HttpResponse:
    """What is mine, what is late, or everything, by deadline, page by page."""
    tenant = tenancy.of_request(request, tenant_slug)
    now = clock.db_now()
    tab = request.GET.get("tab", "mine")
    tab = tab if tab in dict(TABS) else "mine"
    after = request.GET.get("after", "")
    found = queries.listing(
        tenant=tenant, user=request.user, tab=tab, now=now, after=after
    )
    context = {
        "tenant": tenant,
        "tab": tab,
        "tabs": TABS,
        "now": now,
        "after": after,
        "following": found.following,
        "rows": [_row(postmortem, now) for postmortem in found.rows],
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
    kept = history.typed_by(postmortem=found, person=request.user)
    editor = _editor(found)
    if kept is not None:
        editor = Editor.posted(QueryDict(kept.typed), sections=editor.sections)
    return _page(request, tenant, found, editor, more={"kept": kept})


@login_required
@require_POST
def preview(request: PageRequest, tenant_slug: str, bypass_id: str) -> HttpResponse:
    """Shows what was typed as it will read. Stores nothing."""
    tenant = tenancy.of_request(request, tenant_slug)
    found = queries.for_bypass(tenant=tenant, bypass_id=bypass_id)
    editor = Editor.posted(request.POST, sections=_editor(found).sections)
    texts = request.POST.getlist("body")
    which = numbers.whole(request.POST.get("preview", ""))
    text = "".join(texts[which or 0 :][:1])
    more = {"preview": markdown.render(text), "previewed": which}
    return _page(request, tenant, found, editor, fragment="preview", more=more)


@login_required
@require_POST
def more_rows(request: PageRequest, tenant_slug: str, bypass_id: str) -> HttpResponse:
    """Adds an empty action item to what was typed. Stores nothing."""
    tenant = tenancy.of_request(request, tenant_slug)
    found = queries.for_bypass(tenant=tenant, bypass_id=bypass_id)
    editor = Editor.posted(request.POST, sections=_editor(found).sections, more_rows=1)
    return _page(request, tenant, found, editor, fragment="items")


def _save(request: PageRequest, tenant: Tenant, found: PostMortem) -> HttpResponse:
    """Stores what was typed, and publishes it or sends it to review when asked."""
    editor = Editor.posted(request.POST, sections=_editor(found).sections)
    if not editor.is_valid():
        return _page(request, tenant, found, editor, status=422)
    bypass_id = found.grant.request.bypass_id
    words: dict[str, Any] = {
        "tenant": tenant,
        "bypass_id": bypass_id,
        "person": request.user,
    }
    said = _("Saved.")
    try:
        _store(found, editor, words)
        if "publish" in request.POST:
            writing.publish(**words)
            said = _("Published.")
        elif "send" in request.POST:
            chosen = postmortem_page.ids(request.POST.getlist("reviewers"))
            reviews.ask(**words, reviewers=chosen)
            said = _("Sent for review. The reviewers are told.")
        elif "take_back" in request.POST:
            reviews.take_back(**words)
            said = _("Taken back from review.")
    except Conflict as error:
        return _clash(request, tenant, found, editor, error)
    except PolicyViolation as error:
        return _unfinished(request, tenant, found, editor, error)
    messages.success(request, said)
    return go(request, "postmortem", tenant.slug, bypass_id)


def _store(found: PostMortem, editor: Editor, words: dict[str, Any]) -> None:
    items = [writing.ActionItemInput(**row) for row in editor.action_items()]
    if not editor.is_whole:
        given = writing.Answers(action_items=items, **editor.answers())
        writing.save_sections(**words, edits=editor.sections.edits(), given=given)
        return
    writing.save_draft(
        **words,
        body=editor.form.cleaned_data["body"],
        action_items=items,
        no_action_reason=editor.form.cleaned_data["no_action_reason"],
        revision=editor.revision(default=found.revision),
        gate_blamed=editor.blame(stored=found.gate_blamed),
    )


def _clash(
    request: PageRequest,
    tenant: Tenant,
    found: PostMortem,
    editor: Editor,
    error: Conflict,
) -> HttpResponse:
    """Shows both texts, section by section where they are; nothing is lost."""
    bypass_id = found.grant.request.bypass_id
    stored = queries.for_bypass(tenant=tenant, bypass_id=bypass_id)
    more: dict[str, Any] = {"clash": sentence(error)}
    if isinstance(error, SectionClash):
        said = [(clash, _who(stored, clash.key)) for clash in error.clashes]
        items = digest(history.items_in_words(postmortem=stored))
        editor.clashed(said, items_base=items)
        editor.sections.rebased(_editor(stored).sections)
        more["clashes"] = said
    elif editor.is_whole:
        editor = editor.at_revision(stored.revision)
        more["theirs"] = stored.body
    return _page(request, tenant, stored, editor, status=409, more=more)


def _who(stored: PostMortem, key: str) -> str:
    """Says whose text stands there now."""
    change = history.last_change(postmortem=stored, key=key)
    if change is None:
        return _("This section was saved. Your text is below, nothing is lost.")
    return _(
        "%(name)s saved this section at %(time)s UTC. Your text is below, "
        "nothing is lost."
    ) % {"name": change.by.name, "time": date_format(change.at, "H:i")}


def _unfinished(
    request: PageRequest,
    tenant: Tenant,
    found: PostMortem,
    editor: Editor,
    error: PolicyViolation,
) -> HttpResponse:
    """Says what is missing. The text is stored when only the next step failed."""
    bypass_id = found.grant.request.bypass_id
    stored = queries.for_bypass(tenant=tenant, bypass_id=bypass_id)
    is_saved = stored.revision != found.revision
    if not editor.is_whole and is_saved:
        editor = _editor(stored)
    elif editor.is_whole:
        editor = editor.at_revision(stored.revision)
    missing = queries.missing_of(postmortem=stored)
    if error.field == "body" and missing:
        editor.missing(missing)
    else:
        field = {"reviewers": "review"}.get(error.field, "")
        editor.problems.append((field, sentence(error)))
    return _page(
        request, tenant, stored, editor, status=422, more={"is_saved": is_saved}
    )


def _editor(found: PostMortem) -> Editor:
    """What is stored, as fields."""
    sections = Sections.of(
        postmortem=found,
        body=postmortem_page.body_of(found),
        signed=queries.signed_lines(grant=found.grant),
    )
    base = digest(history.items_in_words(postmortem=found))
    return Editor.of(postmortem=found, sections=sections, base=base)


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
    writes = postmortem_page.may_write(user=request.user, tenant=tenant, found=found)
    is_open = queries.is_open(postmortem=found, now=now)
    context: dict[str, Any] = {
        "tenant": tenant,
        "postmortem": found,
        "grant": found.grant,
        "bypass": found.grant.request,
        "now": now,
        "is_open": is_open,
        "is_overdue": queries.is_overdue(postmortem=found, now=now),
        "address": request.build_absolute_uri(request.path),
        "action_items": list(found.action_items.all()),
        **postmortem_page.review_context(user=request.user, found=found),
        **(more or {}),
    }
    state = postmortem_page.state_of(found=found, now=now, review=context["review"])
    context["state"] = state
    if state == "done":
        context["notes"] = history.notes_of(postmortem=found)
        context["may_tick"] = postmortem_page.owns(
            user=request.user, tenant=tenant, found=found
        )
    if is_open:
        body = postmortem_page.body_of(found)
        missing = queries.missing_of(postmortem=found, body=body)
        context["missing"] = words_of(missing)
        context["steps"] = postmortem_page.steps(
            missing=missing,
            has_timeline=any(one.is_timeline for one in editor.sections.fields),
            reviewed=state == "done",
        )
    if writes and is_open:
        context["editor"] = editor
        context |= postmortem_page.people_context(
            user=request.user,
            tenant=tenant,
            found=found,
            chosen=editor.sent.getlist("reviewers"),
        )
    else:
        context["text"] = markdown.render(postmortem_page.body_of(found))
    return render_page(
        request, "postmortems/page.html", context, fragment=fragment, status=status
    )


def _row(postmortem: PostMortem, now: datetime) -> Row:
    items = list(postmortem.action_items.all())
    return Row(
        postmortem=postmortem,
        state=queries.state_in_list(postmortem=postmortem, now=now),
        is_overdue=queries.is_overdue(postmortem=postmortem, now=now),
        done=sum(item.is_done for item in items),
        items=len(items),
    )
