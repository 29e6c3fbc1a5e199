"""Every call to the signing service ends, in time and in size."""

import time
from datetime import timedelta

import pytest
import requests

from breakglass.signing.transport import BodyTooLong, DeadlineAdapter, mount
from tests import hostile

SHORT = timedelta(milliseconds=300)
GENEROUS = 1.5  # seconds: five times the deadline, a fifth of what a drip would take


@pytest.fixture
def session():
    """A session with a short deadline, which starts when the test does."""
    with requests.Session() as session:
        mount(session, DeadlineAdapter(deadline=SHORT))
        yield session


@pytest.mark.parametrize("mode", [*hostile.SLOW, hostile.DRIPS_TLS])
def test_whatever_takes_long_is_cut_off(session, mode):
    began = time.monotonic()
    with hostile.server(mode) as url, pytest.raises(requests.Timeout):
        session.post(url, data=b"{}")

    assert time.monotonic() - began < GENEROUS


def test_a_caller_with_a_timeout_of_its_own_leaves_time_for_the_next(session):
    began = time.monotonic()
    with hostile.server(hostile.DRIPS_BODY) as url, pytest.raises(requests.Timeout):
        session.post(url, data=b"{}", timeout=5)

    assert time.monotonic() - began < SHORT.total_seconds() * 0.9


def test_no_call_starts_after_the_deadline(session):
    mount(session, DeadlineAdapter(deadline=timedelta(0)))
    with (
        hostile.server(hostile.SILENT) as url,
        pytest.raises(requests.Timeout, match="deadline for signing has passed"),
    ):
        session.get(url)


def test_an_answer_without_end_is_not_read_to_its_end(session):
    with hostile.server(hostile.ENDLESS) as url, pytest.raises(BodyTooLong):
        session.get(url)


def test_an_answer_that_breaks_off_is_no_answer(session):
    with (
        hostile.server(hostile.BREAKS_OFF) as url,
        pytest.raises(requests.ConnectionError),
    ):
        session.get(url)


def test_nobody_is_sent_on_to_another_address(session):
    with hostile.server(hostile.MOVED) as url, pytest.raises(requests.TooManyRedirects):
        session.post(url, data=b"token")


def test_an_honest_answer_arrives_whole(session):
    with hostile.server(hostile.FAILS) as url:
        answer = session.get(url)

    assert (answer.status_code, answer.text) == (500, "oops")


def test_a_proxy_of_the_environment_never_sees_a_token(monkeypatch, session):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    assert session.trust_env is False
    # Through the proxy this would be refused at once: ConnectionError.
    with hostile.server(hostile.SILENT) as url, pytest.raises(requests.Timeout):
        session.get(url)


def test_the_connections_are_closed_with_the_adapter():
    adapter = DeadlineAdapter(deadline=timedelta(seconds=5))
    with requests.Session() as session, hostile.server(hostile.FAILS) as url:
        mount(session, adapter)
        session.get(url)
        (watched,) = adapter._open
        adapter.close()

    assert watched.fileno() == -1
    assert adapter._open == []
