"""Four web processes as in production, and gates that ask them."""

import http.client
import json
import os
import threading
import time
from dataclasses import replace

import pytest
from django.db import connection

from breakglass import clock
from portal.runtime import parts, ports
from portal.runtime.supervisor import Supervisor

REPLICAS = 4
SOON = 60  # seconds for four interpreters to start on two busy cores
_LISTENERS = """
    SELECT count(*) FROM pg_stat_activity
    WHERE application_name = 'breakglass-listener' AND datname = current_database()
"""


@pytest.fixture(scope="package")
def replicas(tmp_path_factory, django_db_setup):
    """The ports of four web servers, each with a snapshot of its own."""
    env = {**os.environ, "DJANGO_SETTINGS_MODULE": "portal.settings.test"}
    found = [ports.free_port() for _ in range(REPLICAS)]
    folder = tmp_path_factory.mktemp("replicas")
    with Supervisor(folder, restart=False) as supervisor:
        supervisor.start(*[_web(port, env) for port in found])
        yield found


def _web(port, env):
    health = f"http://127.0.0.1:{port}/healthz"
    program = parts.web(host="127.0.0.1", port=port, env=env, health=health)
    return replace(program, name=f"web-{port}")


@pytest.fixture
def listening(replicas, transactional_db):
    """The same, once each of them listens to the database."""

    def all_listen():
        with connection.cursor() as cursor:
            cursor.execute(_LISTENERS)
            return cursor.fetchone()[0] >= REPLICAS

    until(all_listen)
    return replicas


def until(claim):
    """Waits for it to be true."""
    ends_at = time.monotonic() + SOON
    while not claim():
        assert time.monotonic() < ends_at, "it did not come true"
        time.sleep(0.05)


class Asker:
    """A gate with one kept connection to one replica."""

    def __init__(self, port, token):
        self._peer = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        self._headers = {
            "Authorization": f"Bearer {token}",
            "Content-Type": "application/json",
        }

    def ask(self, deploy_id, **fields):
        """Returns the parsed answer of a success."""
        body = {"service": "checkout", "deploy_id": deploy_id, **fields}
        status, answer = self.send(json.dumps(body).encode())
        assert status == 200, answer
        return answer

    def send(self, raw, **headers):
        """
        Sends bytes; returns the status and the parsed answer.

        A server may end a kept connection, as after a body that it did not read.
        """
        try:
            return self._send(raw, headers)
        except (ConnectionError, http.client.RemoteDisconnected):
            self._peer.close()
            return self._send(raw, headers)

    def _send(self, raw, headers):
        self._peer.request(
            "POST", "/api/v1/decisions", raw, {**self._headers, **headers}
        )
        answer = self._peer.getresponse()
        return answer.status, json.loads(answer.read())

    def close(self):
        """Ends the connection."""
        self._peer.close()


def hammer(ports, token, *, until_true, lanes=2):
    """
    Asks about new deploys on every replica at once until it is true.

    Returns the answers, each with the database's clock before it was asked.
    """
    over, answers, failed = threading.Event(), [], []

    def run(number, port):
        asker, count = Asker(port, token), 0
        try:
            while not over.is_set():
                asked_at, count = clock.db_now(), count + 1
                answers.append((asked_at, asker.ask(f"{port}-{number}-{count}")))
        except Exception as error:  # noqa: BLE001 - it is looked at below
            failed.append(error)
        finally:
            asker.close()
            connection.close()

    threads = [
        threading.Thread(target=run, args=(number, port))
        for port in ports
        for number in range(lanes)
    ]
    for thread in threads:
        thread.start()
    try:
        until(until_true)
    finally:
        over.set()
        for thread in threads:
            thread.join()
    assert failed == []
    return answers
