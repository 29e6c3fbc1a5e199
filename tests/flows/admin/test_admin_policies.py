"""Policies in the admin: a draft is edited, checked, and published for good."""

import pytest
from django.urls import reverse

from breakglass.models import AuditEntry, Policy, Requirement, RoleGroup, Tier
from breakglass.services.tenancy import policies
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def admin(client_for, acme, people):
    return client_for(people.admin)


def at(verb, *args):
    return reverse(f"admin:breakglass_policy_{verb}", args=args)


def text(answer):
    return answer.content.decode()


def last(event):
    return AuditEntry.objects.filter(event=event).latest("seq")


def tiers_form(draft, **changes):
    """Returns what the draft's page would post, with changes to its first tier."""
    rows = list(draft.tiers.order_by("position"))
    sent = {"note": "Stricter", "tiers-TOTAL_FORMS": 3, "tiers-INITIAL_FORMS": 3}
    for number, tier in enumerate(rows):
        needs = [f"{r.count} from {r.group.slug}" for r in tier.requirements.all()]
        fields = {
            "id": tier.pk,
            "policy": draft.pk,
            "position": tier.position,
            "slug": tier.slug,
            "name": tier.name,
            "minimum_impact": tier.minimum_impact,
            "data_classes": "\n".join(tier.data_classes),
            "needs": "\n".join(needs),
            "ttl_choices": ", ".join(str(s // 60) for s in tier.ttl_choices),
            "pending_seconds": tier.pending_seconds // 60,
            "remind_seconds": tier.remind_seconds // 60,
            "postmortem_days": tier.postmortem_days,
            "signing_outage": tier.signing_outage,
            **(changes if number == 0 else {}),
        }
        sent |= {f"tiers-{number}-{name}": value for name, value in fields.items()}
    return sent


def test_a_draft_is_edited_checked_and_published_with_a_trace(admin, acme):
    assert admin.post(at("draft", "acme")).status_code == 302
    draft = Policy.objects.get(tenant=acme, state="draft")
    path = at("change", draft.pk)
    assert "Nothing is wrong with what is saved" in text(admin.get(path))
    sent = tiers_form(
        draft,
        needs="2 from designated-approvers\n1 from named-seniors",
        ttl_choices="15, 30",
        services="checkout\npayments/*",
    )
    assert admin.post(path, sent).status_code == 302
    tier = draft.tiers.get(position=1)
    assert tier.ttl_choices == [900, 1800]
    assert tier.services == ["checkout", "payments/*"]
    assert {(r.group.slug, r.count) for r in tier.requirements.all()} == {
        ("designated-approvers", 2),
        ("named-seniors", 1),
    }
    page = text(admin.get(at("publish", draft.pk)))
    assert "Needs 2 from Designated approvers and 1 from Named seniors." in page
    assert Policy.objects.filter(tenant=acme, state="published").count() == 1
    assert admin.post(at("publish", draft.pk)).status_code == 302
    draft.refresh_from_db()
    assert (draft.version, draft.published_by) == (2, "admin@acme.example")
    assert last("policy.published").actor == "admin@acme.example"


def test_requirements_that_make_no_sense_are_refused(admin, acme):
    draft = policies.new_draft(tenant=acme, author=None)
    path = at("change", draft.pk)
    for needs in ("two of us", "0 from peers", "1 from nobody", "1 peers\n1 peers", ""):
        answer = admin.post(path, tiers_form(draft, needs=needs))
        assert answer.status_code == 200, needs
        assert "errorlist" in text(answer)
    assert draft.tiers.get(position=1).requirements.count() == 2


def test_errors_block_publishing_and_are_shown(admin, acme):
    draft = policies.new_draft(tenant=acme, author=None)
    Tier.objects.filter(policy=draft, position=1).update(ttl_choices=[90])
    assert "use whole minutes" in text(admin.get(at("change", draft.pk)))
    assert "Errors block publishing" in text(admin.get(at("publish", draft.pk)))
    answer = admin.post(at("publish", draft.pk), follow=True)
    assert "use whole minutes" in text(answer)
    draft.refresh_from_db()
    assert draft.version is None


def test_a_published_version_is_read_only(admin, acme):
    policy = Policy.objects.get(tenant=acme)
    path = at("change", policy.pk)
    page = text(admin.get(path))
    assert "In words" in page
    assert 'name="note"' not in page
    assert 'name="tiers-TOTAL_FORMS"' not in page
    assert admin.post(path, {"note": "x"}).status_code == 403
    assert admin.post(at("publish", policy.pk)).status_code == 404
    assert admin.post(at("discard", policy.pk)).status_code == 404


def test_a_draft_is_discarded_after_a_question(admin, acme):
    draft = policies.new_draft(tenant=acme, author=None)
    admin.get(at("discard", draft.pk))
    assert Policy.objects.filter(pk=draft.pk).exists()
    admin.post(at("discard", draft.pk))
    assert not Policy.objects.filter(pk=draft.pk).exists()
    assert admin.get(at("draft", "acme")).status_code == 405


def test_the_publish_page_says_what_changes_in_words(admin, acme):
    draft = policies.new_draft(tenant=acme, author=None)
    page = text(admin.get(at("publish", draft.pk)))
    assert "What changes against version 1" in page
    assert "Nothing: the tiers are those of the version in force." in page
    first, *_, last_one = draft.tiers.order_by("position")
    first.requirements.all().delete()
    group = RoleGroup.objects.get(tenant=acme, slug="named-seniors")
    Requirement.objects.create(tier=first, group=group, count=2)
    last_one.slug, last_one.name = "rest", "The rest"
    last_one.save()
    page = text(admin.get(at("publish", draft.pk)))
    assert "2 from Named seniors" in page
    assert "Who must approve" in page
    assert "<strong>The rest.</strong> New, at place 3." in page
    assert "Removed; it was at place 3." in page
    assert "Named seniors has" in page or "named-seniors has 1 member" in page


def test_the_list_says_who_wrote_and_who_published_each_version(admin, acme, people):
    policies.new_draft(tenant=acme, author=people.admin)
    page = text(admin.get(at("changelist")))
    for column in ("version_shown", "tenant", "state", "tier_count", "author"):
        assert f'"field-{column} ' in page or f'"field-{column}"' in page, column
    assert '"field-published_by"' in page
    assert "operator at the shell" in page


def test_where_two_are_wanted_one_admin_proposes_and_another_confirms(
    admin, client_for, acme, people
):
    tenant = reverse("admin:breakglass_tenant_change", args=[acme.pk])
    sent = {"name": "Acme", "emergency_text": "", "policy_needs_second_admin": "on"}
    assert admin.post(tenant, sent).status_code == 302
    assert 'name="policy_needs_second_admin"' not in text(admin.get(tenant))
    admin.post(tenant, {"name": "Acme", "emergency_text": ""})
    acme.refresh_from_db()
    assert acme.policy_needs_second_admin, "one admin alone lifted it"

    second = factories.person("second@acme.example", "Second", is_staff=True)
    factories.join(acme, second, "admins")
    other = client_for(second)
    draft = policies.new_draft(tenant=acme, author=people.admin)
    page = at("publish", draft.pk)
    assert "Propose as version 2" in text(admin.get(page))
    admin.post(page)
    assert "nobody confirms their own" in text(admin.get(page))
    shown = other.get(page)
    assert "Confirm and publish as version 2" in text(shown)
    seen = shown.context["proposal"]
    admin.post(page, {"proposal": seen})
    draft.tiers.filter(position=1).update(max_deploys=3)
    assert "that proposal is void" in text(other.get(page))
    answer = other.post(page, {"proposal": seen}, follow=True)
    assert "not what was proposed" in text(answer)
    draft.refresh_from_db()
    assert draft.version is None
    admin.post(page)
    other.post(page, {"proposal": other.get(page).context["proposal"]})
    draft.refresh_from_db()
    assert (draft.version, draft.published_by) == (2, second.email)
