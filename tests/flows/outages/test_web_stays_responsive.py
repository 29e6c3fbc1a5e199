"""
The real web server while Fulcio accepts and never answers: gates and pages go on.

Five people approve at once on a server of four threads, with the deadline that an
installation has. The bounds are those of the requirement, not of a fast machine.
"""

import os
import threading
import time

import pytest
import requests

from breakglass.models import Approval, Grant, Intent
from breakglass.services.approving import approvals
from portal.runtime import parts, ports
from portal.runtime.supervisor import Supervisor
from tests import factories, hostile
from tests.flows.outages.conftest import trust_config_with

pytestmark = pytest.mark.django_db(transaction=True)

SERVICES = ("checkout", "payments", "search", "mail", "login")
COMES_BACK = 12  # seconds, by the requirement
ANSWERS = 3  # a quarter of what it would take behind stalled signatures


@pytest.fixture
def web(settings, tmp_path):
    """The address of a server whose Fulcio never answers."""
    port = ports.free_port()
    with (
        hostile.server(hostile.SILENT) as silent,
        Supervisor(tmp_path / "log", restart=False) as supervisor,
    ):
        trust = trust_config_with(tmp_path, settings.TRUST_CONFIG, "caUrls", silent)
        env = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "portal.settings.test",
            "BREAKGLASS_TRUST_CONFIG": str(trust),
        }
        url = f"http://127.0.0.1:{port}"
        health = f"{url}/healthz"
        supervisor.start(parts.web(host="127.0.0.1", port=port, env=env, health=health))
        yield url


def test_gates_get_their_answers_while_every_approver_waits(
    web, acme, people, gate, gate_token, client_for, advance
):
    asked = [factories.request(acme, people.oncall, gate, service=s) for s in SERVICES]
    cookies = signed_in(client_for(people.peer))
    took = {}

    def approve(bypass):
        began = time.monotonic()
        answer = requests.post(
            f"{web}/t/acme/requests/{bypass.bypass_id}/approve",
            data={"digest": bypass.digest_hex},
            cookies=cookies,
            headers={"X-CSRFToken": cookies["csrftoken"], "Origin": web},
            allow_redirects=False,
            timeout=30,
        )
        took[bypass.bypass_id] = answer.status_code, time.monotonic() - began

    approvers = [threading.Thread(target=approve, args=(one,)) for one in asked]
    for one in approvers:
        one.start()
    waits = []
    while any(one.is_alive() for one in approvers):
        waits.append(answered(requests.get, f"{web}/healthz"))
        waits.append(
            answered(
                requests.post,
                f"{web}/api/v1/decisions",
                json={"gate": gate.slug, "service": "checkout", "deploy_id": "run-1"},
                headers={"Authorization": f"Bearer {gate_token}"},
            )
        )
    assert max(waits) < ANSWERS, f"{max(waits):.1f} s"
    assert len(waits) > 20, "somebody was asked while they waited"
    assert {status for status, _ in took.values()} == {302}
    slowest = max(seconds for _, seconds in took.values())
    assert 5 < slowest < COMES_BACK, f"{slowest:.1f} s: nobody waited, or too long"

    assert not Grant.objects.exists()
    kept = Intent.objects.filter(state="committed")
    assert kept.count() == len(SERVICES)
    assert kept.filter(last_error__startswith="busy: ").exists()
    advance(60)  # this process has the real authority
    assert approvals.resume_due() == len(SERVICES)
    assert Approval.objects.count() == len(SERVICES)


def signed_in(client):
    """A browser's cookies, with a CSRF token that the server takes."""
    cookies = {name: morsel.value for name, morsel in client.cookies.items()}
    return {"csrftoken": "a" * 32, **cookies}


def answered(ask, url, **options):
    """Asks, requires a good answer, and returns how long it took."""
    began = time.monotonic()
    assert ask(url, timeout=30, **options).status_code == 200
    return time.monotonic() - began
