"""Sent messages: for people who run a tenant, and only theirs."""

import pytest

from breakglass.models import Notification
from breakglass.services.telling import delivery
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def admin(client_for, acme, people):
    return client_for(people.admin)


def text(answer):
    return answer.content.decode()


def test_it_says_what_went_to_whom(admin, pending_request):
    waiting = text(admin.get("/outbox"))
    assert "1 message waits and is on its way" in waiting
    assert "Nothing has been sent yet" not in waiting
    delivery.drain()
    assert "on its way" not in text(admin.get("/outbox"))
    page = text(admin.get("/outbox"))
    assert pending_request.bypass_id in page
    assert "peer@acme.example" in page


def test_before_anything_happens_nothing_has_been_sent(admin):
    assert "Nothing has been sent yet" in text(admin.get("/outbox"))


def test_it_is_whole_a_part_and_whole_on_back(
    admin, pending_request, django_assert_max_num_queries
):
    delivery.drain()
    part = admin.get("/outbox", headers={"HX-Request": "true"})
    assert text(part).lstrip().startswith('<section id="rows"')
    back = admin.get(
        "/outbox", headers={"HX-Request": "true", "HX-History-Restore-Request": "true"}
    )
    assert "<h1>Sent messages</h1>" in text(back)
    with django_assert_max_num_queries(20):
        admin.get("/outbox")


def test_the_signed_out_and_plain_members_get_nothing(client, client_for, acme, people):
    answer = client.get("/outbox")
    assert answer.headers["Location"].startswith("/accounts/login/")
    assert client_for(people.peer).get("/outbox").status_code == 403
    assert client_for(people.auditor).get("/outbox").status_code == 403


def test_another_tenants_admin_sees_none_of_ours(
    client_for, charlie, acme, pending_request
):
    delivery.drain()
    page = text(client_for(charlie).get("/outbox"))
    assert pending_request.bypass_id not in page
    assert "Globex" in page
    assert "Acme" not in page


def test_older_messages_are_reached_by_key(admin, acme, people, gate):
    for number in range(5):
        factories.request(acme, people.oncall, gate, service=f"service-{number}")
    delivery.drain()
    newest = Notification.objects.order_by("-pk").first()
    page = text(admin.get("/outbox", {"before": newest.pk}))
    assert "Newer" in page
    for odd in ("x", "-1", "9" * 40, "٣"):
        assert admin.get("/outbox", {"before": odd}).status_code == 200


def test_it_is_read_only(admin):
    assert admin.post("/outbox").status_code == 405
