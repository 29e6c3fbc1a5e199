"""Webhooks in the admin: the secret once, the address never, failures in words."""

import re

import pytest
from django.utils.html import escape

from breakglass.models import Webhook, WebhookDelivery
from breakglass.services.hooks import sending
from breakglass.services.telling import expansion
from tests import factories
from tests.flows.services import steps

pytestmark = pytest.mark.django_db
HOST = "https://127.0.0.1:1"
PATH = "/hook-with-a-secret"


@pytest.fixture
def admin(client_for, acme, people):
    return client_for(people.admin)


@pytest.fixture
def made(admin, acme, settings):
    """A webhook made in the admin, and the page that answered."""
    settings.NOTIFY_HOSTS = ["127.0.0.1"]
    sent = {"tenant": acme.pk, "gate": "", "name": "pipelines", "url": HOST + PATH}
    answer = admin.post("/admin/breakglass/webhook/add/", sent)
    return Webhook.objects.get(), answer


def text(answer):
    return answer.content.decode()


def secret_on(page):
    return re.search(r"whsec_[A-Za-z0-9+/=]{44}", page)


def test_the_secret_is_shown_once_and_the_address_never_again(admin, made):
    webhook, answer = made
    assert "no-store" in answer.headers["Cache-Control"]
    secret = secret_on(text(answer))[0]

    page = f"/admin/breakglass/webhook/{webhook.pk}/change/"
    for path in (page, "/admin/breakglass/webhook/", f"{page[:-7]}rotate/"):
        shown = text(admin.get(path))
        assert secret not in shown
        assert PATH not in shown
        assert secret_on(shown) is None
    sent = {"gate": "", "name": "ci", "url": "", "is_active": "on"}
    assert admin.post(page, sent).status_code == 302
    webhook.refresh_from_db()
    assert (webhook.name, webhook.url) == ("ci", HOST + PATH)

    answer = admin.post(f"{page[:-7]}rotate/")
    assert "no-store" in answer.headers["Cache-Control"]
    assert secret_on(text(answer))[0] != secret
    assert "signs as well until" in text(answer)


def test_what_went_wrong_is_listed_in_words(admin, made, acme, people, gate):
    steps.grant(acme, people, gate)
    while expansion.expand_due():
        pass
    assert sending.send_due() == 1

    page = text(admin.get("/admin/breakglass/webhookdelivery/"))
    assert "it could not be reached" in page
    assert "Waiting" in page
    one = WebhookDelivery.objects.get()
    page = text(admin.get(f"/admin/breakglass/webhookdelivery/{one.pk}/change/"))
    assert escape('"type":"bypass.opened"') in page


def test_another_tenants_admin_sees_and_reaches_none_of_it(
    client_for, made, gate, charlie
):
    webhook, _ = made
    theirs = client_for(charlie)
    factories.gate(factories.tenant_of(charlie), "their-gate")

    page = text(theirs.get("/admin/breakglass/webhook/add/"))
    assert "their-gate" in page
    assert gate.slug not in page
    assert "related-widget-wrapper-link" not in page, "no pop-ups"
    assert "pipelines" not in text(theirs.get("/admin/breakglass/webhook/"))
    answer = theirs.post(f"/admin/breakglass/webhook/{webhook.pk}/rotate/")
    assert answer.status_code == 404
    webhook.refresh_from_db()
    assert webhook.previous is None
