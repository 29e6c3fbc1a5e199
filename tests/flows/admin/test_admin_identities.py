"""Identities and merges in the admin: through the services, by who may change both."""

import re

import pytest
from django.urls import reverse

from breakglass.actors import OPERATOR
from breakglass.models import AuditEntry, User
from breakglass.queries.people import accounts as queries
from breakglass.services.people import identities
from tests import factories
from tests.flows.services import steps

pytestmark = pytest.mark.django_db
PAIR = {"issuer": "https://idp.example", "subject": "s-1"}


@pytest.fixture
def admin(client_for, acme, people):
    return client_for(people.admin)


def at(verb, *args):
    return reverse(f"admin:breakglass_user_{verb}", args=args)


def text(answer):
    return answer.content.decode()


def link(user, **fields):
    return identities.link(user=user, actor=OPERATOR, **{**PAIR, **fields})


def last(event):
    return AuditEntry.objects.filter(event=event).latest("seq")


def test_an_operator_links_and_unlinks_with_a_trace(admin, people):
    assert "Copy both lines" in text(admin.get(at("link", people.peer.pk)))
    admin.post(at("link", people.peer.pk), PAIR)
    (identity,) = queries.identities_of(user=people.peer)
    assert last("identity.linked").actor == people.admin.email
    assert "s-1" in text(admin.get(at("change", people.peer.pk)))

    unlink = at("unlink", people.peer.pk, identity.pk)
    assert "Say why you unlink it" in text(admin.post(unlink, {"reason": ""}))
    assert queries.identities_of(user=people.peer)
    admin.post(unlink, {"reason": "Left the company"})

    assert queries.identities_of(user=people.peer) == []
    assert last("identity.unlinked").actor == people.admin.email
    assert admin.get(unlink).status_code == 404


def test_what_the_service_refuses_is_said(admin, people):
    link(people.oncall)

    answer = admin.post(at("link", people.peer.pk), PAIR)

    assert "linked to a person already" in text(answer)
    assert queries.identities_of(user=people.peer) == []


def test_an_operator_merges_two_accounts_with_a_reason(admin, acme, people, gate):
    grant = steps.grant(acme, people, gate)
    page = at("merge", people.peer.pk)
    assert "cannot be undone" in text(admin.get(page))
    sent = {"email": people.oncall.email.upper(), "reason": ""}
    assert "Say how you know" in text(admin.post(page, sent))

    admin.post(page, {**sent, "reason": "HR says so"})

    merged = User.objects.get(pk=people.oncall.pk)
    assert merged.merged_into == people.peer
    assert last("person.merged").actor == people.admin.email
    grant.refresh_from_db()
    assert grant.state == "revoked"
    shown = text(admin.get(at("change", merged.pk)))
    assert people.peer.name in shown
    assert "Merge another account" not in shown


def test_nobody_merges_or_links_a_person_of_another_tenant(
    admin, client_for, acme, people, charlie
):
    identity = link(people.peer)
    outsider = client_for(charlie)
    sent = {"email": charlie.email, "reason": "x"}
    for path, data in (
        (at("link", people.peer.pk), {**PAIR, "subject": "mine"}),
        (at("unlink", people.peer.pk, identity.pk), {"reason": "x"}),
        (at("merge", people.peer.pk), sent),
    ):
        assert outsider.get(path).status_code == 404
        assert outsider.post(path, data).status_code == 404

    unknown = {"email": "no@one.example", "reason": "x"}
    pages = [
        text(admin.post(at("merge", people.peer.pk), data)).split("content-main")[1]
        for data in (unknown, sent)
    ]
    assert "Nobody whom you manage has this address" in pages[0]
    swapped = pages[1].replace(charlie.email, unknown["email"])
    assert _bare(swapped) == _bare(pages[0]), "whether somebody exists is not told"
    charlie.refresh_from_db()
    assert charlie.is_active
    assert not AuditEntry.objects.filter(event="person.merged").exists()


def _bare(page):
    return re.sub(r'name="csrfmiddlewaretoken" value="[^"]+"', "", page)


def test_a_person_of_two_tenants_is_left_to_who_manages_both(admin, people, charlie):
    factories.join(factories.tenant_of(charlie), people.peer, "peers")

    assert admin.post(at("link", people.peer.pk), PAIR).status_code == 404
    assert "Sign-in identities</h2>" not in text(
        admin.get(at("change", people.peer.pk))
    )


def test_an_old_session_is_asked_to_sign_in_again_first(admin, people, advance):
    advance(301)
    for path in (at("link", people.peer.pk), at("merge", people.peer.pk)):
        answer = admin.post(path, {**PAIR, "email": people.oncall.email, "reason": "x"})
        assert answer.headers["Location"].startswith("/accounts/reauthenticate/?next=")
    assert queries.identities_of(user=people.peer) == []
    assert not User.objects.filter(merged_into__isnull=False).exists()
