"""What every page costs before it shows anything of its own, and that it stays so."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from breakglass.services.telling import delivery
from tests import factories
from tests.flows.services import steps

pytestmark = pytest.mark.django_db
FRAME = 8


def queries_of(client, path, **headers):
    client.get(path)  # what a process asks once stays out
    with CaptureQueriesContext(connection) as asked:
        answer = client.get(path, headers=headers)
    assert answer.status_code == 200, path
    return len(asked)


def test_the_frame_asks_the_same_few_things_whatever_there_is(
    client_for, acme, people, gate
):
    peer = client_for(people.peer)
    for number in range(2):
        factories.request(acme, people.oncall, gate, service=f"s{number}")
    steps.grant(acme, people, gate, service="open")
    few = queries_of(peer, "/live")
    other = factories.tenant("beta", "Beta", people)
    beta_gate = factories.gate(other, "prod-deploy")
    for number in range(3):
        factories.request(other, people.oncall, beta_gate, service=f"s{number}")
    steps.grant(other, people, beta_gate, service="open")
    assert queries_of(peer, "/live") == few <= FRAME


def test_every_main_page_answers_in_twenty_queries_at_most(
    client_for, acme, people, gate
):
    admin = client_for(people.admin)
    factories.request(acme, people.oncall, gate)
    delivery.drain()
    for path in ("/inbox", "/outbox"):
        assert queries_of(admin, path) <= 20, path
