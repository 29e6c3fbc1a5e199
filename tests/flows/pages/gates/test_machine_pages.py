"""Whoever may make a gate's tokens lets machines speak for it, and takes it back."""

import pytest

from breakglass.models import AuditEntry, GateContact, GateIdentity, TokenIssuer
from breakglass.rules.machine_identity import KINDS
from tests import factories

pytestmark = pytest.mark.django_db

PAGE = "/t/acme/gates/prod-deploy"
NEW = f"{PAGE}/machines/new/github_actions"
GITHUB = {
    "issuer": "https://token.actions.githubusercontent.com",
    "repository_id": "123456",
    "repository_owner_id": "4242",
    "environment": "production",
}


def test_an_admin_adds_a_machine_on_record(client_for, people, gate):
    admin = client_for(people.admin)
    form = admin.get(NEW).content.decode()
    assert "http://localhost:8000/t/acme/gates/prod-deploy" in form
    for name in KINDS["github_actions"].claims:
        assert f'name="{name}"' in form

    answer = admin.post(NEW, GITHUB, follow=True)

    identity = GateIdentity.objects.get(gate=gate)
    assert identity.claims == {k: v for k, v in GITHUB.items() if k != "issuer"}
    assert identity.audience == "http://localhost:8000/t/acme/gates/prod-deploy"
    page = answer.content.decode()
    assert identity.short in page
    assert "repository_id=123456" in page
    assert "its keys are fetched within a minute" in page
    entry = AuditEntry.objects.get(event="machine.added")
    assert b"repository_owner_id=4242" in bytes(entry.body)


def test_what_is_wrong_is_said_at_its_field_and_nothing_is_stored(
    client_for, people, gate, subtests
):
    admin = client_for(people.admin)
    for changed, said in (
        ({"repository_id": ""}, "A machine is bound by this"),
        ({"repository_id": "acme/checkout"}, "does not look like a repository_id"),
        ({"repository_id": "１２３"}, "does not look like a repository_id"),
        ({"issuer": "http://token.example"}, "https address"),
        ({"issuer": ""}, "Say who issues the tokens"),
    ):
        with subtests.test(changed=changed):
            answer = admin.post(NEW, {**GITHUB, **changed})
            assert answer.status_code == 422
            assert said in answer.content.decode()
    assert not GateIdentity.objects.exists()
    assert not TokenIssuer.objects.exists()


def test_the_same_machine_twice_is_refused(client_for, people, gate):
    admin = client_for(people.admin)
    admin.post(NEW, GITHUB)

    answer = admin.post(NEW, GITHUB)

    assert answer.status_code == 422
    assert "speaks for prod-deploy already" in answer.content.decode()
    assert GateIdentity.objects.count() == 1


def test_a_machine_is_removed_after_a_question(client_for, people, gate):
    machine = factories.machine(gate)
    admin = client_for(people.admin)
    place = f"{PAGE}/machines/{machine.public_id}/remove"
    assert "enforces" in admin.get(place).content.decode()
    assert GateIdentity.objects.get().removed_at is None

    admin.post(place)

    assert GateIdentity.objects.get().removed_at is not None
    assert AuditEntry.objects.filter(event="machine.removed").count() == 1
    assert admin.post(place).status_code == 404


def test_only_whoever_manages_the_gate_sees_and_touches_its_machines(
    client_for, people, charlie, gate, subtests
):
    machine = factories.machine(gate)
    for person, status in ((people.oncall, 403), (people.auditor, 403), (charlie, 404)):
        browser = client_for(person)
        with subtests.test(person=person.email):
            assert machine.short not in browser.get(PAGE).content.decode()
            remove = f"{PAGE}/machines/{machine.public_id}/remove"
            for place in (NEW, remove):
                assert browser.get(place).status_code == status
                assert browser.post(place, GITHUB).status_code == status
    assert GateIdentity.objects.get().removed_at is None


def test_other_addresses_are_not_found(client_for, people, gate, acme):
    other = factories.machine(factories.gate(acme, "db-migrate"))
    admin = client_for(people.admin)

    assert admin.get(f"{PAGE}/machines/new/jenkins").status_code == 404
    assert admin.get(f"{PAGE}/machines/{other.public_id}/remove").status_code == 404


def test_the_page_says_what_machine_was_refused_last_and_why(client_for, people, gate):
    now = gate.created_at
    GateContact.objects.create(
        gate=gate,
        call="decisions",
        outcome="identity_claim environment",
        is_accepted=False,
        token="id_unknown",
        first_at=now,
        last_at=now,
    )

    page = client_for(people.admin).get(PAGE).content.decode()

    assert "Last refused machine:" in page
    assert "another machine, by its environment" in page


def test_a_retired_gate_takes_no_machine(client_for, people, acme, gate):
    admin = client_for(people.admin)
    admin.post(f"{PAGE}/retire", {"reason": "It is not needed any more."})

    assert admin.post(NEW, GITHUB).status_code == 409
    assert "Let a machine speak" not in admin.get(PAGE).content.decode()
