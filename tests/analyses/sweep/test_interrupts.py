"""A Ctrl-C that something swallows ends a sweep all the same."""

from __future__ import annotations

import signal
import threading
import time

import pytest

from tnverify.analyses.sweep.interrupts import kept_interrupts


def swallow() -> None:
    """What Python does with an exception in a finaliser."""
    try:
        signal.raise_signal(signal.SIGINT)
    except KeyboardInterrupt:
        return
    raise AssertionError("no KeyboardInterrupt came")


def swallow_and_go_on(seconds: float) -> None:
    swallow()
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        time.sleep(0.01)
    raise AssertionError("it was not raised again")


def test_it_is_raised_again_while_the_block_goes_on() -> None:
    with pytest.raises(KeyboardInterrupt), kept_interrupts(again_after=0.05):
        swallow_and_go_on(60.0)


def test_it_is_raised_at_the_end_of_a_block_that_is_done_before() -> None:
    with pytest.raises(KeyboardInterrupt), kept_interrupts():
        swallow()


def test_without_one_nothing_is_raised_and_nothing_stays() -> None:
    with kept_interrupts(again_after=0.01):
        time.sleep(0.05)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    for thread in threading.enumerate():
        if thread.name == "interrupts":
            thread.join(5.0)
            assert not thread.is_alive()


def test_it_is_left_to_whoever_handles_it() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with kept_interrupts():
            assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)
