"""Roles: one membership decides who counts, and what guardian lets them do."""

import pytest

from breakglass.actors import OPERATOR
from breakglass.errors import Conflict, InvalidInput, NotFound, NotPermitted
from breakglass.models import RoleGroup, User
from breakglass.queries import access
from breakglass.services.people import roles
from tests import factories


def fresh(user):
    """The account as the next request would load it."""
    return User.objects.get(pk=user.pk)


def may(user, permission, on):
    return access.may(user=fresh(user), permission=permission, on=on)


def role(tenant, slug):
    return RoleGroup.objects.get(tenant=tenant, slug=slug)


def test_a_member_gets_the_roles_rights_and_loses_them_with_the_role(acme, gate):
    newcomer = factories.person("new@acme.example", "New")
    assert not may(newcomer, "view_tenant", acme)

    factories.join(acme, newcomer, "on-call")
    assert may(newcomer, "view_tenant", acme)
    assert may(newcomer, "request_gate_bypass", gate)
    assert not may(newcomer, "manage_tenant", acme)

    factories.leave(acme, newcomer, "on-call")
    for permission, on in (("view_tenant", acme), ("request_gate_bypass", gate)):
        assert not may(newcomer, permission, on)
    with pytest.raises(NotFound):
        access.tenant_for(user=fresh(newcomer), slug="acme")
    with pytest.raises(NotPermitted):
        factories.request(acme, newcomer, gate)


def test_who_holds_two_roles_keeps_the_rights_of_the_other(acme, people, gate):
    factories.leave(acme, people.oncall, "on-call")  # still a peer

    assert may(people.oncall, "request_gate_bypass", gate)


def test_rights_end_at_the_tenants_border(acme, people, charlie):
    globex = factories.tenant_of(charlie)
    theirs = factories.gate(globex, "prod-deploy")

    assert not may(people.admin, "view_tenant", globex)
    assert not may(people.admin, "manage_gate", theirs)
    assert access.tenants_of(user=people.admin) == [acme]


def test_a_gate_registered_later_is_covered_by_the_roles_that_stand(acme, people):
    made = factories.gate(acme, "new-gate")

    assert may(people.oncall, "request_gate_bypass", made)
    assert may(people.auditor, "view_gate", made)
    assert not may(people.auditor, "request_gate_bypass", made)


def test_changing_a_role_changes_every_members_rights_at_once(acme, people, gate):
    roles.change(
        role=role(acme, "auditors"),
        name="Auditors",
        tenant_permissions=["view_tenant", "close_grant"],
        gate_permissions=[],
        actor=OPERATOR,
    )

    assert may(people.auditor, "close_grant", acme)
    assert not may(people.auditor, "view_audit_log", acme)
    assert not may(people.auditor, "view_gate", gate)


def test_an_unknown_right_is_refused(acme):
    for wrong in ({"tenant_permissions": ["be_root"]}, {"gate_permissions": ["x"]}):
        rights = {"tenant_permissions": [], "gate_permissions": [], **wrong}
        with pytest.raises(InvalidInput):
            roles.create(tenant=acme, slug="x", name="X", actor=OPERATOR, **rights)
        with pytest.raises(InvalidInput):
            roles.change(
                role=role(acme, "peers"), name="Peers", actor=OPERATOR, **rights
            )


@pytest.mark.parametrize("slug", ["", "two words", "a/b", "x\x00", "x" * 51, "é"])
def test_a_malformed_slug_is_refused(acme, slug):
    with pytest.raises(InvalidInput) as error:
        roles.create(
            tenant=acme,
            slug=slug,
            name="X",
            tenant_permissions=[],
            gate_permissions=[],
            actor=OPERATOR,
        )
    assert error.value.field == "slug"


def test_a_role_exists_once_and_a_person_holds_it_once(acme, people):
    with pytest.raises(Conflict):
        roles.create(
            tenant=acme,
            slug="peers",
            name="Peers",
            tenant_permissions=[],
            gate_permissions=[],
            actor=OPERATOR,
        )
    with pytest.raises(Conflict):
        factories.join(acme, people.peer, "peers")
    factories.leave(acme, people.peer, "peers")
    with pytest.raises(Conflict):
        factories.leave(acme, people.peer, "peers")
