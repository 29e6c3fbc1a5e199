"""Single sign-on is down: the password works, is on record, and people are told."""

import json
import logging
from types import SimpleNamespace

import pytest
from allauth.account.internal.flows.login import record_authentication
from django.core import mail
from django.db import OperationalError
from django.test import Client

from breakglass.actors import OPERATOR
from breakglass.audit import ledger
from breakglass.models import AuditEntry, OutboxMessage
from breakglass.services.logs import standings
from breakglass.services.telling import delivery
from breakglass.services.tenancy import tenants
from tests import authenticator, factories, fakeidp
from tests.flows.pages.account.test_passkeys_page import challenge_of, fields
from tests.flows.sso.steps import at_the_provider, come_back, text

pytestmark = pytest.mark.django_db
LOGIN = "/accounts/oidc/fake/login/"
PAGE = "/accounts/login/"
INBOX = f"{PAGE}?next=%2Finbox"
SAID = "Single sign-on does not work now."


@pytest.fixture
def gone(provider):
    """A provider that nothing answers for any more."""
    with fakeidp.running() as idp:
        issuer = idp.issuer
    provider(issuer=issuer)


def password(user, client=None, path=PAGE):
    client = client or Client()
    answer = client.post(path, {"login": user.email, "password": factories.PASSWORD})
    assert answer.status_code == 302, text(answer)
    assert client.session["_auth_user_id"] == str(user.pk)
    return answer


def recorded():
    return AuditEntry.objects.filter(event="login.password_used")


def there_and_back(client):
    answer = client.get(f"{LOGIN}?next=/inbox")
    return come_back(client, at_the_provider(answer.headers["Location"]))


def says_that_the_password_works(client, answer):
    assert answer.headers["Location"] == INBOX, "still leads to where it led"
    page = text(client.get(INBOX))
    assert SAID in page
    assert '<a href="#emergency">' in page
    assert 'id="emergency"' in page
    assert '<input type="hidden" name="next" value="/inbox"' in page


def test_a_provider_that_is_gone_leads_to_the_password_and_on(
    client, acme, people, gone
):
    says_that_the_password_works(client, client.get(f"{LOGIN}?next=/inbox"))

    fields = {"next": "/inbox", "login": people.peer.email}
    answer = client.post(PAGE, {**fields, "password": factories.PASSWORD})

    assert answer.headers["Location"] == "/inbox"
    assert client.get("/inbox").status_code == 200
    assert recorded().get().tenant == acme


@pytest.mark.parametrize("mode", ["500", "garbage answer", "a list", "server error"])
def test_a_provider_that_fails_on_the_way_back_leads_to_the_password(
    client, acme, people, link, idp, mode
):
    link(people.peer, "sub-peer")
    idp.mode = mode

    says_that_the_password_works(client, there_and_back(client))


@pytest.mark.parametrize("mode", ["bad signature", "wrong aud", "no token"])
def test_a_provider_that_proves_nobody_leads_to_the_password(
    client, acme, people, link, idp, mode
):
    link(people.peer, "sub-peer")
    idp.mode = mode

    says_that_the_password_works(client, there_and_back(client))


def test_a_sign_in_that_was_cancelled_says_nothing_of_an_outage(
    client, acme, idp, link
):
    idp.mode = "cancel"

    answer = there_and_back(client)

    assert answer.headers["Location"] == INBOX
    page = text(client.get(INBOX))
    assert "sign-in was cancelled" in page
    assert SAID not in page


def test_a_refusal_of_ours_says_nothing_of_an_outage(client, acme, people, provider):
    provider(link_by_email=True)
    standings.make_read_only(tenant=acme, reason="A backup was restored.")

    there_and_back(client)

    page = text(client.get(PAGE))
    assert "is read-only since" in page
    assert SAID not in page


def test_a_failure_leads_to_no_other_host(client, gone):
    answer = client.get(f"{LOGIN}?next=https://evil.example/")

    assert answer.headers["Location"] == PAGE


def test_an_outage_is_said_for_five_minutes_and_to_nobody_else(client, gone, advance):
    client.get(LOGIN)

    assert SAID in text(client.get(PAGE))
    assert SAID not in text(Client().get(PAGE))
    advance(301)
    assert SAID not in text(client.get(PAGE))


def test_the_password_is_on_record_in_each_tenant_of_the_person(
    acme, people, charlie, provider
):
    other = factories.tenant_of(charlie)
    factories.join(other, people.peer, "peers")

    password(people.peer)

    entries = list(recorded().order_by("tenant"))
    assert {entry.tenant for entry in entries} == {acme, other}
    for entry in entries:
        body = json.loads(bytes(entry.body))
        assert body["actor"] == people.peer.as_actor().facts()
        assert body["facts"] == {
            "person": people.peer.email,
            "id": str(people.peer.public_id),
        }


def test_the_person_and_each_tenants_admins_are_told_once(
    acme, people, charlie, provider
):
    other = factories.tenant_of(charlie)
    factories.join(other, people.peer, "peers")

    password(people.peer)
    delivery.drain()
    delivery.drain()

    told = sorted((sent.to[0], sent.subject) for sent in mail.outbox)
    assert told == sorted(
        [
            (people.peer.email, "[breakglass] Your password was used to sign in"),
            (
                people.admin.email,
                f"[acme] {people.peer.name} signed in with the password",
            ),
            (
                charlie.email,
                f"[{other.slug}] {people.peer.name} signed in with the password",
            ),
        ]
    )


def test_an_admin_who_signs_in_is_told_as_the_person_only(acme, people, provider):
    password(people.admin)
    delivery.drain()

    (sent,) = mail.outbox
    assert sent.to == [people.admin.email]
    assert "If this was not you, change your password" in sent.body


def test_two_sign_ins_are_two_entries_and_two_messages(acme, people, provider, advance):
    password(people.admin)
    advance(1)
    password(people.admin)
    delivery.drain()

    assert recorded().count() == 2
    assert len(mail.outbox) == 2


def test_without_a_provider_the_password_is_an_ordinary_sign_in(acme, people, settings):
    settings.OIDC_PROVIDERS = ()

    password(people.peer)

    assert not recorded().exists()
    assert not OutboxMessage.objects.filter(topic__startswith="login.").exists()
    assert "Emergency sign-in" not in text(Client().get(PAGE))


def test_single_sign_on_is_no_emergency(client, acme, people, link):
    link(people.peer, "sub-peer")

    assert there_and_back(client).headers["Location"] == "/inbox"

    assert not recorded().exists()


def test_a_passkey_is_no_emergency_also_after_a_password_that_led_nowhere(
    client, acme, people, provider
):
    key = authenticator.enrol(people.peer)
    session = client.session
    begun = SimpleNamespace(session=session)
    record_authentication(begun, people.peer, method="password")
    session.save()

    challenge = challenge_of(client.post("/accounts/passkey/options"))
    client.post("/accounts/passkey/", fields(key.answer(challenge)))

    assert client.session["_auth_user_id"] == str(people.peer.pk)
    assert not recorded().exists()


def test_a_wrong_password_is_not_recorded(client, acme, people, provider):
    client.post(PAGE, {"login": people.peer.email, "password": "wrong"})

    assert "_auth_user_id" not in client.session
    assert not recorded().exists()


def test_a_read_only_log_stops_neither_the_sign_in_nor_the_telling(
    acme, people, charlie, provider, caplog
):
    other = factories.tenant_of(charlie)
    factories.join(other, people.peer, "peers")
    standings.make_read_only(tenant=acme, reason="A backup was restored.")
    OutboxMessage.objects.all().delete()

    with caplog.at_level(logging.WARNING):
        password(people.peer)
    delivery.drain()

    assert recorded().get().tenant == other, "the other log has it"
    (left_out,) = [r for r in caplog.records if r.msg == "login.password_not_recorded"]
    assert left_out.tenant == "acme"
    told = {sent.to[0] for sent in mail.outbox}
    assert {people.peer.email, people.admin.email} <= told


def test_a_lock_that_does_not_come_does_not_stop_the_sign_in(
    acme, people, provider, monkeypatch, caplog
):
    def too_late(**_):
        raise OperationalError

    monkeypatch.setattr(ledger, "append", too_late)

    with caplog.at_level(logging.WARNING):
        password(people.peer)

    assert "login.password_not_recorded" in caplog.text


def test_a_tenant_that_is_switched_off_has_the_entry_and_no_message(
    acme, people, provider
):
    tenants.change(tenant=acme, actor=OPERATOR, name="Acme", is_active=False)

    password(people.peer)
    delivery.drain()

    assert recorded().get().tenant == acme
    assert not mail.outbox


def test_somebody_without_a_tenant_signs_in_and_the_servers_log_says_so(
    db, provider, caplog
):
    loner = factories.person("loner@acme.example", "Loner")
    loner.set_password(factories.PASSWORD)
    loner.save()

    with caplog.at_level(logging.WARNING):
        password(loner)

    (said,) = [r for r in caplog.records if r.msg == "login.password_used"]
    assert said.person == str(loner.public_id)
