"""Whoever waits for a signature comes back in time, and few wait at once."""

import socket
import threading
import time
from datetime import timedelta

import pytest
import requests

from breakglass.errors import SigningFailed
from breakglass.signing import deadline
from breakglass.signing.deadline import Slots, within
from breakglass.signing.transport import DeadlineAdapter, mount

SHORT = timedelta(milliseconds=100)
LONG = timedelta(seconds=20)


@pytest.fixture
def stuck():
    """Work that ends only when the test does."""
    end = threading.Event()
    yield lambda: end.wait(60)
    end.set()


def test_what_the_work_returns_comes_back():
    assert within(LONG, lambda: "signed", available=Slots(1)) == "signed"


@pytest.mark.parametrize("error", [ValueError("no"), TimeoutError("its own")])
def test_what_the_work_raises_comes_back(error):
    def fail():
        raise error

    with pytest.raises(type(error)) as caught:
        within(LONG, fail, available=Slots(1))

    assert caught.value is error


def test_work_that_nothing_can_interrupt_is_left_behind(stuck):
    began = time.monotonic()
    with pytest.raises(SigningFailed, match="before the deadline") as caught:
        within(SHORT, stuck, available=Slots(1))

    assert (caught.value.stage, caught.value.retryable) == ("network", True)
    assert time.monotonic() - began < 3


def test_a_name_server_that_does_not_answer_keeps_nobody(stuck, monkeypatch):
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_args, **_kwargs: stuck())

    def ask():
        with requests.Session() as session:
            mount(session, DeadlineAdapter(deadline=SHORT))
            session.get("http://fulcio.example/")

    with pytest.raises(SigningFailed):
        within(SHORT, ask, available=Slots(1))


def test_what_was_left_behind_keeps_its_slot_until_it_ends(monkeypatch):
    monkeypatch.setattr(deadline, "PATIENCE_SECONDS", 0.05)
    end, ended, slots = threading.Event(), threading.Event(), Slots(1)

    def work():
        end.wait(60)
        ended.set()

    with pytest.raises(SigningFailed):
        within(SHORT, work, available=slots)
    with pytest.raises(SigningFailed) as caught:
        within(LONG, lambda: "signed", available=slots)
    assert (caught.value.stage, caught.value.retryable) == ("busy", True)

    end.set()
    assert ended.wait(10)
    monkeypatch.setattr(deadline, "PATIENCE_SECONDS", 10)
    assert within(LONG, lambda: "signed", available=slots) == "signed"


def test_behind_signatures_that_take_milliseconds_one_waits():
    """Ten at once through two slots: nobody is turned away."""
    slots, start, done = Slots(2), threading.Barrier(10), []

    def one():
        start.wait(10)
        done.append(within(LONG, lambda: "signed", available=slots))

    threads = [threading.Thread(target=one) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)

    assert done == ["signed"] * 10


def test_a_slot_is_free_before_its_work_is_told_to_be_done():
    slots = Slots(1)

    for _ in range(200):
        within(LONG, lambda: None, available=slots)

    assert not slots._since


def test_without_another_thread_the_signature_is_kept_for_later(monkeypatch):
    slots = Slots(1)
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", _no_thread)
        with pytest.raises(SigningFailed) as caught:
            within(LONG, lambda: None, available=slots)

    assert caught.value.stage == "busy"
    assert within(LONG, lambda: "signed", available=slots) == "signed"


def _no_thread(self):
    raise RuntimeError("can't start new thread")
