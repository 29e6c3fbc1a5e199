"""Every call to the signing service ends."""

import socket
from datetime import timedelta

import pytest
import requests

from breakglass.signing.transport import DeadlineAdapter, mount


@pytest.fixture
def silent_server():
    """Accepts connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/"


def session_with(deadline):
    session = requests.Session()
    mount(session, DeadlineAdapter(deadline=deadline))
    return session


def test_a_server_that_never_answers_is_given_up(silent_server):
    with (
        session_with(timedelta(milliseconds=200)) as session,
        pytest.raises(requests.Timeout),
    ):
        session.get(silent_server)


def test_no_call_starts_after_the_deadline(silent_server):
    with (
        session_with(timedelta(0)) as session,
        pytest.raises(requests.Timeout, match="deadline for signing has passed"),
    ):
        session.get(silent_server)


def test_a_proxy_of_the_environment_never_sees_a_token(monkeypatch, silent_server):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    with session_with(timedelta(milliseconds=200)) as session:
        assert session.trust_env is False
        # Through the proxy this would be refused at once: ConnectionError.
        with pytest.raises(requests.Timeout):
            session.get(silent_server)
