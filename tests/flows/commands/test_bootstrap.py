"""`manage.py bootstrap`: from nothing to a tenant that can be used."""

import re

import pytest

from breakglass.models import Policy, RoleGroup, Tenant, User
from breakglass.queries import access
from breakglass.services.logs.verification import verify_tenant
from tests import factories
from tests.flows.commands.endings import run
from tests.flows.services import steps

pytestmark = pytest.mark.django_db(transaction=True)
ADMIN = ("--admin", "admin@acme.example")


@pytest.fixture(autouse=True)
def no_password_given(monkeypatch):
    monkeypatch.delenv("BREAKGLASS_ADMIN_PASSWORD", raising=False)


def test_it_makes_a_tenant_that_takes_its_first_request(capsys):
    code, out, err = run(capsys, "bootstrap", "acme", *ADMIN, "--name", "Acme")

    acme = Tenant.objects.get(slug="acme")
    admin = User.objects.get(email="admin@acme.example")
    assert (code, err) == (0, "")
    assert "Tenant acme is ready" in out
    assert acme.name == "Acme"
    assert Policy.objects.get(tenant=acme).tiers.count() == 3
    assert access.may(user=admin, permission="manage_tenant", on=acme)
    oncall = factories.person("oncall@acme.example", "On-call")
    factories.join(acme, oncall, "on-call")
    bypass = factories.request(acme, oncall, factories.gate(acme, "prod-deploy"))
    assert bypass.tier.slug == "low"
    assert verify_tenant(tenant=acme).findings == []


def test_the_password_is_shown_once_and_works(capsys, client_for):
    _, out, _ = run(capsys, "bootstrap", "acme", *ADMIN)

    [password] = re.findall(r"password \(shown once\): (\S+)", out)
    admin = User.objects.get(email="admin@acme.example")
    assert len(password) >= 20
    assert admin.is_staff
    assert client_for(admin, password).get("/").status_code == 200


def test_a_given_password_is_never_shown(capsys, monkeypatch):
    monkeypatch.setenv("BREAKGLASS_ADMIN_PASSWORD", "correct horse battery")

    _, out, err = run(capsys, "bootstrap", "acme", *ADMIN)

    assert "correct horse" not in out + err
    assert User.objects.get().check_password("correct horse battery")


def test_an_existing_person_joins_and_keeps_their_password(capsys):
    person = factories.person("admin@acme.example", "Ana")

    code, out, _ = run(capsys, "bootstrap", "acme", "--admin", "Admin@Acme.example")

    assert code == 0
    assert "had an account and joined" in out
    assert User.objects.get() == person
    assert User.objects.get().check_password(factories.PASSWORD)


def test_a_second_run_fails_in_one_sentence_and_changes_nothing(capsys):
    run(capsys, "bootstrap", "acme", *ADMIN)
    before = steps.size(Tenant.objects.get())

    code, out, err = run(capsys, "bootstrap", "acme", "--admin", "new@acme.example")

    assert (code, out) == (1, "")
    assert "there is a tenant acme already" in err
    assert len(err.strip().splitlines()) == 1
    assert steps.size(Tenant.objects.get()) == before
    assert not User.objects.filter(email="new@acme.example").exists()


@pytest.mark.parametrize("slug", ["Acme", "Ａcme", ""])
def test_a_malformed_name_ends_with_two(capsys, slug):
    code, _, err = run(capsys, "bootstrap", slug, *ADMIN)

    assert code == 2
    assert "lower-case letters, digits and hyphens" in err
    assert not Tenant.objects.exists()
    assert not User.objects.exists()


@pytest.mark.parametrize("slug", ["ac me", "acme/..", "-acme", "a" * 51])
def test_a_name_that_no_address_can_hold_makes_nothing(capsys, slug):
    code, _, err = run(capsys, "bootstrap", *ADMIN, "--", slug)

    assert code in (1, 2)
    assert "Traceback" not in err
    assert not Tenant.objects.exists()


def test_a_malformed_address_makes_neither_tenant_nor_person(capsys):
    code, _, err = run(capsys, "bootstrap", "acme", "--admin", "not-an-address")

    assert code == 2
    assert "Enter an e-mail address" in err
    assert not Tenant.objects.exists()
    assert not RoleGroup.objects.exists()


def test_without_an_admin_the_usage_is_shown(capsys):
    code, _, err = run(capsys, "bootstrap", "acme")

    assert code == 2
    assert "--admin" in err
