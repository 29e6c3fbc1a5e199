"""Every page of the admin: what may be edited, whose it is, and what it costs."""

import pytest
from django.contrib import admin as django_admin
from django.urls import reverse

from breakglass.models import AuditEntry, OutboxMessage, RoleGroup
from breakglass.queries.people import passkeys
from tests import authenticator, factories
from tests.flows.services import steps

pytestmark = pytest.mark.django_db
# What an admin may add or change; all else is there to be looked at. None is deleted.
EDITABLE = {
    "tenant": {"change"},
    "rolegroup": {"add", "change"},
    "user": {"add", "change"},
    "gate": {"add", "change"},
    "gatetrust": {"add", "change"},
    "webhook": {"add", "change"},
    "channel": {"add", "change"},
    "policy": {"change"},
    "postmortemtemplate": {"change"},
    "healthterms": {"change"},
}
MODELS = sorted(
    model._meta.model_name
    for model in django_admin.site._registry
    if model._meta.app_label == "breakglass"
)
LIST_QUERIES, FORM_QUERIES = 20, 40


@pytest.fixture
def admin(client_for, acme, people):
    return client_for(people.admin)


def at(model, verb="changelist", *args):
    return reverse(f"admin:breakglass_{model}_{verb}", args=args)


def text(answer):
    return answer.content.decode()


@pytest.fixture
def world(acme, people, gate, gate_token):
    """A row of nearly everything."""
    steps.grant(acme, people, gate)
    factories.request(acme, people.oncall, gate, service="mail")


def first_of(model):
    known = {m._meta.model_name: m for m in django_admin.site._registry}
    return known[model]._default_manager.order_by("pk").first()


def test_only_what_is_listed_can_be_added_or_changed_and_nothing_deleted(
    admin, world, rf, people
):
    request = rf.get("/admin/")
    request.user = people.admin
    for model, page in django_admin.site._registry.items():
        name = model._meta.model_name
        allowed = EDITABLE.get(name, set())
        row = model._default_manager.order_by("pk").first()
        may = {
            "add": page.has_add_permission(request),
            "change": page.has_change_permission(request),
        }
        assert {verb for verb in may if may[verb]} <= allowed, name
        assert not page.has_delete_permission(request, row), name
        assert page.get_actions(request) == {}, name
        if name not in EDITABLE and row is not None:
            path = at(name, "change", row.pk)
            assert admin.get(path).status_code == 200, name
            assert admin.post(path, {}).status_code == 403, name
            assert admin.post(at(name, "delete", row.pk), {}).status_code == 403, name
    assert set(EDITABLE) <= set(MODELS)


def test_lists_and_forms_stay_within_their_queries(
    admin, world, django_assert_max_num_queries
):
    for model in MODELS:
        with django_assert_max_num_queries(LIST_QUERIES):
            assert admin.get(at(model)).status_code == 200, model
        row = first_of(model)
        if row is not None:
            with django_assert_max_num_queries(FORM_QUERIES):
                answer = admin.get(at(model, "change", row.pk))
            assert answer.status_code in {200, 302}, model


def test_more_rows_cost_a_list_no_more_queries(
    admin, acme, gate, people, django_assert_max_num_queries
):
    for number in range(5):
        person = factories.person(f"p{number}@acme.example", f"P {number}")
        factories.join(acme, person, "peers")
        factories.gate(acme, f"gate-{number}")
    for model in ("user", "gate", "rolegroup", "auditentry"):
        with django_assert_max_num_queries(LIST_QUERIES):
            admin.get(at(model))
    role = RoleGroup.objects.get(tenant=acme, slug="peers")
    with django_assert_max_num_queries(FORM_QUERIES):
        admin.get(at("rolegroup", "change", role.pk))


def test_the_head_says_whose_rows_these_are_and_leads_back(admin, client_for, charlie):
    page = text(admin.get("/admin/"))
    assert "breakglass admin · acme</a>" in page
    assert 'href="/">Back to the portal' in page
    assert "acme" not in text(client_for(charlie).get("/admin/"))


def test_an_operator_removes_a_lost_passkey_with_a_reason_and_the_person_is_told(
    admin, people, acme
):
    authenticator.enrol(people.peer)
    key = passkeys.live(user=people.peer).get()
    assert key.name in text(admin.get(at("user", "change", people.peer.pk)))
    path = at("user", "remove_passkey", people.peer.pk, key.public_id)
    assert "The person is told" in text(admin.get(path))
    assert "Say why you remove it" in text(admin.post(path, {"reason": ""}))
    assert passkeys.live(user=people.peer).exists()
    admin.post(path, {"reason": "Lost on the train"})
    assert not passkeys.live(user=people.peer).exists()
    entry = AuditEntry.objects.filter(event="credential.revoked").latest("seq")
    assert entry.actor == people.admin.email
    assert "Lost on the train" in bytes(entry.body).decode()
    told = OutboxMessage.objects.filter(topic="credential.revoked")
    assert told.get().subject_id == key.pk
    assert admin.get(path).status_code == 404


def test_whose_passkey_an_operator_may_not_remove(
    admin, client, client_for, people, charlie, acme
):
    authenticator.enrol(charlie)
    strange = passkeys.live(user=charlie).get()
    authenticator.enrol(people.peer)
    mine = passkeys.live(user=people.peer).get()
    path = at("user", "remove_passkey", charlie.pk, strange.public_id)
    assert admin.post(path, {"reason": "x"}).status_code == 404
    crossed = at("user", "remove_passkey", people.peer.pk, strange.public_id)
    assert admin.post(crossed, {"reason": "x"}).status_code == 404
    path = at("user", "remove_passkey", people.peer.pk, mine.public_id)
    assert client_for(charlie).post(path, {"reason": "x"}).status_code == 404
    assert client.post(path, {"reason": "x"}).url.startswith("/accounts/login/")
    factories.join(factories.tenant_of(charlie), people.peer, "peers")
    assert admin.post(path, {"reason": "x"}).status_code == 404
    assert passkeys.live(user=people.peer).count() == 1
    assert passkeys.live(user=charlie).count() == 1
