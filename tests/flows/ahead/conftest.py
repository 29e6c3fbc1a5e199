"""The front, called as a server calls it, over an application that takes notes."""

import io
import json

import pytest

from portal.api.ahead import connections
from portal.api.ahead.front import PATH, DecisionFront
from portal.api.ahead.snapshot import Snapshot

QUESTION = {"service": "checkout", "deploy_id": "run-1"}


class Front:
    """What a gate hears: the front's answer, or None where it was handed on."""

    def __init__(self, snapshot=None):
        self.handed_on = []
        self.status = None
        self.headers = {}
        self._front = DecisionFront(self._application, snapshot=snapshot)

    def _application(self, environ, _start):
        self.handed_on.append(environ["wsgi.input"].read())
        return []

    def _started(self, status, headers):
        self.status, self.headers = status, dict(headers)

    def send(self, raw, *, token="", **environ):
        """Sends bytes; returns the answer's bytes, or None."""
        answer = self._front(
            {
                "REQUEST_METHOD": "POST",
                "PATH_INFO": PATH,
                "CONTENT_TYPE": "application/json",
                "CONTENT_LENGTH": str(len(raw)),
                "HTTP_AUTHORIZATION": f"Bearer {token}",
                "REMOTE_ADDR": "127.0.0.1",
                "wsgi.url_scheme": "http",
                "wsgi.input": io.BytesIO(raw),
                **environ,
            },
            self._started,
        )
        return b"".join(answer) or None

    def ask(self, token, **fields):
        """Asks about a deploy of checkout; returns the parsed answer, or None."""
        found = self.send(json.dumps({**QUESTION, **fields}).encode(), token=token)
        return found and json.loads(found)


@pytest.fixture
def front():
    """The front without a snapshot: every question is put to the primary."""
    yield Front()
    connections.close()


@pytest.fixture
def snapshot():
    """A snapshot that listens, stopped before the database is emptied."""
    snapshot = Snapshot()
    snapshot.start()
    yield snapshot
    snapshot.stop()
