"""The admin: one tenant's operators, every change in the ledger, evidence untouched."""

import pytest
from django.contrib import admin as django_admin
from django.urls import reverse

from breakglass.models import (
    AuditEntry,
    Channel,
    Gate,
    Policy,
    RoleGroup,
    Tenant,
    User,
)
from breakglass.queries.logs.entries import body_of
from breakglass.services.tenancy import policies
from tests import factories

pytestmark = pytest.mark.django_db
READ_FROM = {
    "service_from": "namespace",
    "branch_from": "none",
    "artifact_from": "images",
}
EVIDENCE = (
    *("bypassrequest", "approval", "grant", "deploy", "postmortem", "auditentry"),
    *("checkpoint", "bundle", "intent", "notification"),
)
MODELS = (
    *EVIDENCE,
    *("tenant", "rolegroup", "user", "gate", "postmortemtemplate", "channel", "policy"),
)


@pytest.fixture
def admin(client_for, acme, people):
    return client_for(people.admin)


def at(model, verb="changelist", *args):
    return reverse(f"admin:breakglass_{model}_{verb}", args=args)


def text(answer):
    return answer.content.decode()


def last(event):
    return AuditEntry.objects.filter(event=event).latest("seq")


def facts_of(entry):
    return body_of(entry=entry)["facts"]


def test_an_operator_of_another_tenant_sees_nothing_of_acme(
    client_for, charlie, acme, pending_request, database_gate
):
    outsider = client_for(charlie)
    for model in MODELS:
        page = text(outsider.get(at(model)))
        assert "acme" not in page.lower(), model
        assert "db-migrate" not in page, model
        for query in (f"tenant__id__exact={acme.pk}", "q=checkout"):
            page = text(outsider.get(f"{at(model)}?{query}", follow=True))
            assert pending_request.bypass_id not in page, model


def test_another_tenants_rows_cannot_be_opened_or_changed(
    client_for, charlie, acme, gate
):
    outsider = client_for(charlie)
    policy = Policy.objects.get(tenant=acme)
    role = RoleGroup.objects.filter(tenant=acme).first()
    draft = policies.new_draft(tenant=acme, author=None)
    rows = {"tenant": acme, "gate": gate, "policy": policy, "rolegroup": role}
    for model, row in rows.items():
        answer = outsider.get(at(model, "change", row.pk))
        assert answer.status_code == 302, model
        assert outsider.post(at(model, "change", row.pk), {}).status_code == 302
    assert outsider.post(at("policy", "publish", draft.pk)).status_code == 404
    assert outsider.post(at("policy", "discard", draft.pk)).status_code == 404
    assert outsider.post(at("policy", "draft", "acme")).status_code == 404
    sent = {"email": charlie.email}
    assert (
        outsider.post(at("rolegroup", "add_member", role.pk), sent).status_code == 404
    )
    draft.refresh_from_db()
    assert draft.version is None


def test_no_form_offers_another_tenant(client_for, charlie, acme):
    page = text(client_for(charlie).get(at("gate", "add")))
    assert "globex" in page
    assert "acme" not in page
    sent = {"tenant": acme.pk, "slug": "mine", "name": "Mine"}
    answer = client_for(charlie).post(at("gate", "add"), sent)
    assert answer.status_code == 200
    assert not Gate.objects.filter(slug="mine").exists()


def test_staff_without_a_tenant_and_members_without_staff_get_nothing(
    client_for, acme, people
):
    lone = factories.person("lone@acme.example", "Lone", is_staff=True)
    for model in MODELS:
        assert client_for(lone).get(at(model)).status_code == 403, model
    answer = client_for(people.senior).get(at("gate"))
    assert answer.status_code in {302, 403}


def test_the_signed_out_are_sent_to_the_portals_own_login(client, acme):
    answer = client.get(at("gate"), follow=True)
    assert answer.redirect_chain[-1][0].startswith("/accounts/login/")


def test_evidence_can_only_be_looked_at(admin):
    for model in EVIDENCE:
        assert admin.get(at(model)).status_code == 200, model
        assert admin.get(at(model, "add")).status_code == 403, model
        assert admin.post(at(model, "add"), {}).status_code == 403, model


def test_an_entry_can_be_read_and_not_written(admin, acme):
    entry = AuditEntry.objects.filter(tenant=acme).first()
    path = at("auditentry", "change", entry.pk)
    assert "breakglass/audit-entry/v1" in text(admin.get(path))
    assert admin.post(path, {"event": "x"}).status_code == 403
    assert admin.post(at("auditentry", "delete", entry.pk), {}).status_code == 403


def test_there_is_no_delete_and_no_bulk_action(admin):
    for model in MODELS:
        page = text(admin.get(at(model)))
        assert 'name="action"' not in page, model
        assert "delete_selected" not in page, model


def test_packages_models_are_not_offered(admin):
    page = text(admin.get("/admin/"))
    for word in ("auth/group", "account/", "socialaccount/", "mfa/"):
        assert f"/admin/{word}" not in page
    registered = {model._meta.app_label for model in django_admin.site._registry}
    assert registered == {"breakglass"}, "a package's list knows nothing of tenants"


def test_a_gate_is_registered_and_changed_through_its_service(admin, acme):
    terms = {"at_close": "finish", "silent_minutes": "5", **READ_FROM}
    sent = {"tenant": acme.pk, "slug": "new-gate", "name": "New", "environment": "prod"}
    sent |= terms
    assert admin.post(at("gate", "add"), sent).status_code == 302
    gate = Gate.objects.get(slug="new-gate")
    assert last("gate.registered").actor == "admin@acme.example"
    sent = {"name": "Newer", "environment": "prod", "data_class": "", **terms}
    assert admin.post(at("gate", "change", gate.pk), sent).status_code == 302
    gate.refresh_from_db()
    assert (gate.name, gate.is_active) == ("Newer", False)
    assert last("gate.changed").actor == "admin@acme.example"
    assert (gate.at_close, gate.silent_minutes) == ("finish", 5)
    assert last("gate.terms_changed").actor == "admin@acme.example"


def test_what_a_service_refuses_is_said_and_nothing_is_stored(admin, acme):
    sent = {"tenant": acme.pk, "slug": "not a slug", "name": "Odd"}
    sent |= {"at_close": "abort", "silent_minutes": "15", **READ_FROM}
    page = text(admin.post(at("gate", "add"), sent, follow=True))
    assert "slug" in page
    assert not Gate.objects.filter(name="Odd").exists()


def test_members_come_and_go_with_a_trace(admin, acme, people):
    role = RoleGroup.objects.get(tenant=acme, slug="named-seniors")
    sent = {"email": people.peer.email.upper()}
    admin.post(at("rolegroup", "add_member", role.pk), sent)
    assert role.members.filter(pk=people.peer.pk).exists()
    assert last("role.member_added").actor == "admin@acme.example"
    path = at("rolegroup", "remove_member", role.pk, people.peer.pk)
    assert "no longer counts" in text(admin.get(path))
    assert role.members.filter(pk=people.peer.pk).exists()
    admin.post(path)
    assert not role.members.filter(pk=people.peer.pk).exists()
    assert last("role.member_removed").actor == "admin@acme.example"
    page = text(
        admin.post(
            at("rolegroup", "add_member", role.pk),
            {"email": "no@one.example"},
            follow=True,
        )
    )
    assert "Nobody active has the address" in page


def test_a_group_is_made_and_changed_through_its_service(admin, acme):
    sent = {
        "tenant": acme.pk,
        "slug": "leads",
        "name": "Leads",
        "tenant_permissions": ["view_tenant", "close_grant"],
    }
    assert admin.post(at("rolegroup", "add"), sent).status_code == 302
    role = RoleGroup.objects.get(slug="leads")
    assert role.tenant_permissions == ["close_grant", "view_tenant"]
    sent = {"name": "Leads", "tenant_permissions": ["view_tenant"]}
    assert admin.post(at("rolegroup", "change", role.pk), sent).status_code == 302
    assert last("role.changed").actor == "admin@acme.example"


def test_a_person_is_made_in_a_group_and_deactivated_with_a_trace(admin, acme):
    role = RoleGroup.objects.get(tenant=acme, slug="peers")
    sent = {
        "email": "New@acme.example",
        "name": "New",
        "kind": "human",
        "password": "a-long-enough-password",
        "role": role.pk,
    }
    assert admin.post(at("user", "add"), sent).status_code == 302
    user = User.objects.get(email="new@acme.example")
    assert user.check_password("a-long-enough-password")
    assert role.members.filter(pk=user.pk).exists()
    page = text(admin.get(at("user", "change", user.pk)))
    assert user.password not in page
    assert admin.post(at("user", "change", user.pk), {}).status_code == 302
    user.refresh_from_db()
    assert not user.is_active
    assert last("person.changed").actor == "admin@acme.example"


def test_nobody_switches_off_a_person_of_another_tenant_too(admin, acme, charlie):
    factories.join(acme, charlie, "peers")
    path = at("user", "change", charlie.pk)
    assert admin.get(path).status_code == 200
    assert admin.post(path, {}).status_code == 403
    charlie.refresh_from_db()
    assert charlie.is_active


def test_a_tenant_admin_cannot_make_or_switch_off_tenants(admin, acme):
    assert admin.get(at("tenant", "add")).status_code == 403
    assert admin.post(at("tenant", "change", acme.pk), {"name": "Acme 2"}).status_code
    acme.refresh_from_db()
    assert (acme.name, acme.is_active) == ("Acme 2", True)
    assert last("tenant.changed").actor == "admin@acme.example"


def test_an_emergency_text_is_set_in_the_admin_and_stands_in_the_log(admin, acme):
    path = at("tenant", "change", acme.pk)
    told = "Call the duty manager: +44 20 7946 0018."
    sent = {"name": "Acme", "emergency_text": told}
    assert admin.post(path, sent).status_code == 302
    acme.refresh_from_db()
    assert acme.emergency_text == told
    assert facts_of(last("tenant.changed"))["emergency_text"] == told
    admin.post(path, {**sent, "name": "Acme 2"})
    assert "emergency_text" not in facts_of(last("tenant.changed")), "it is as it was"
    hidden = admin.post(
        path, {**sent, "emergency_text": "Call \u202e81 00"}, follow=True
    )
    acme.refresh_from_db()
    assert acme.emergency_text == told
    assert "invisible character" in text(hidden)


def test_a_superuser_makes_a_tenant_that_is_ready(client_for, db):
    root = factories.person("root@site.example", "Root", is_staff=True)
    User.objects.filter(pk=root.pk).update(is_superuser=True)
    browser = client_for(root)
    sent = {"slug": "initech", "name": "Initech"}
    assert browser.post(at("tenant", "add"), sent).status_code == 302
    tenant = Tenant.objects.get(slug="initech")
    assert tenant.policies.get().version == 1
    assert last("tenant.created").actor == "root@site.example"


def test_a_channels_address_is_never_shown_again(admin, acme):
    secret = "slack://T0000/B0000/aaaaaaaaaaaaaaaaaaaaaaaa"
    sent = {"tenant": acme.pk, "kind": "slack", "name": "ops", "is_active": "on"}
    assert admin.post(at("channel", "add"), {**sent, "url": secret}).status_code == 302
    channel = Channel.objects.get()
    page = text(admin.get(at("channel", "change", channel.pk)))
    assert "aaaaaaaa" not in page
    admin.post(
        at("channel", "change", channel.pk),
        {"kind": "slack", "name": "ops-2", "url": "", "is_active": "on"},
    )
    channel.refresh_from_db()
    assert channel.name == "ops-2"
    assert "aaaaaaaa" in channel.url


def test_the_template_is_set_through_its_service(admin, acme):
    template = acme.postmortem_template
    sent = {"body": "## Summary\n", "required_headings": "Summary"}
    path = at("postmortemtemplate", "change", template.pk)
    assert admin.post(path, sent).status_code == 302
    template.refresh_from_db()
    assert template.required_headings == "Summary"
    assert last("template.changed").actor == "admin@acme.example"


def test_lists_cost_no_query_per_row(
    admin, acme, people, gate, django_assert_max_num_queries
):
    for number in range(15):
        if number < 5:
            factories.request(acme, people.oncall, gate, service=f"service-{number}")
        factories.gate(acme, f"gate-{number}")
    for model in MODELS:
        with django_assert_max_num_queries(40):
            admin.get(at(model))
