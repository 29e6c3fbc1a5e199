"""Accounts, and tenants that are ready for their first request."""

import pytest
from django.db import IntegrityError, transaction

from breakglass.actors import OPERATOR
from breakglass.errors import Conflict, InvalidInput, NotFound
from breakglass.models import PostMortemTemplate, RoleGroup, Tenant, User
from breakglass.queries import access
from breakglass.queries import policies as policy_queries
from breakglass.services.people import accounts as person_services
from breakglass.services.tenancy import tenants
from tests import factories
from tests.flows.services import steps

# ------------------------------------------------------------ people


def test_an_address_is_one_person_whatever_the_case_of_its_letters(people):
    with pytest.raises(Conflict):
        factories.person("PEER@acme.example", "Impostor")
    with pytest.raises(IntegrityError), transaction.atomic():
        User.objects.filter(pk=people.admin.pk).update(email="Peer@ACME.example")


@pytest.mark.parametrize(
    "email",
    [
        "",
        "peer",
        "peer@",
        "ｐeer@acme.example",
        "p\x00@acme.example",
        "x" * 201 + "@a.example",
    ],
)
def test_what_is_no_plain_address_is_refused(db, email):
    with pytest.raises(InvalidInput) as error:
        factories.person(email, "X")
    assert error.value.field == "email"


def test_an_account_without_a_password_cannot_log_in(db):
    made = person_services.create(
        email="sso@acme.example", name="Sso", password=None, actor=OPERATOR
    )

    assert not made.has_usable_password()


def test_an_account_is_switched_off_once_and_on_once(acme, people):
    person_services.deactivate(user=people.peer, actor=OPERATOR)
    with pytest.raises(Conflict):
        person_services.deactivate(user=people.peer, actor=OPERATOR)
    with pytest.raises(NotFound):
        access.tenant_for(user=User.objects.get(pk=people.peer.pk), slug="acme")

    person_services.activate(user=people.peer, actor=OPERATOR)
    with pytest.raises(Conflict):
        person_services.activate(user=people.peer, actor=OPERATOR)
    assert access.tenant_for(user=User.objects.get(pk=people.peer.pk), slug="acme")


# ------------------------------------------------------------ tenants


def test_a_new_tenant_is_complete(db):
    made = tenants.create(slug="initech", name="Initech", actor=OPERATOR)

    policy = policy_queries.current(tenant=made)
    tiers = policy_queries.as_rules(policy=policy).tiers
    assert policy.version == 1
    assert {t.slug: [(r.group, r.count) for r in t.requirements] for t in tiers} == {
        "production-database": [("named-seniors", 1), ("designated-approvers", 1)],
        "high": [("designated-approvers", 2)],
        "low": [("peers", 1)],
    }
    assert {r.slug for r in RoleGroup.objects.filter(tenant=made)} == {
        "on-call",
        "peers",
        "designated-approvers",
        "named-seniors",
        "security",
        "auditors",
        "admins",
    }
    template = PostMortemTemplate.objects.get(tenant=made)
    for heading in template.required_headings.split("\n"):
        assert f"## {heading}\n" in template.body


def test_with_people_in_its_roles_a_new_tenant_grants_its_first_request(people):
    initech = factories.tenant("initech", "Initech", people)

    assert steps.grant(initech, people, factories.gate(initech, "g"))


@pytest.mark.parametrize(
    "slug", ["", "Acme", "two words", "a/b", "-a", "é", "a\n", "a" * 51, "a_b"]
)
def test_a_malformed_slug_is_refused(db, slug):
    with pytest.raises(InvalidInput) as error:
        tenants.create(slug=slug, name="X", actor=OPERATOR)
    assert error.value.field == "slug"


def test_a_tenant_exists_once(acme):
    with pytest.raises(Conflict):
        tenants.create(slug="acme", name="Other", actor=OPERATOR)

    assert Tenant.objects.get().name == "Acme"


def test_a_tenant_that_is_switched_off_is_seen_by_nobody(acme, people):
    tenants.change(tenant=acme, actor=OPERATOR, name="Acme", is_active=False)

    assert access.tenants_of(user=people.admin) == []
    with pytest.raises(NotFound):
        access.tenant_for(user=people.admin, slug="acme")
