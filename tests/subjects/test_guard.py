"""Limits of time: what hangs is ended, what gets no processor is given longer."""

from __future__ import annotations

import signal
import time

import pytest

from tnverify.subjects.guard import Hang, time_limit

pytestmark = pytest.mark.skipif(
    not hasattr(signal, "setitimer"), reason="this system has no interval timers"
)


def _loops() -> None:
    while True:
        pass


def test_a_loop_without_end_is_ended() -> None:
    with pytest.raises(Hang), time_limit(0.2):
        _loops()


def test_what_waits_for_ever_is_ended() -> None:
    started = time.monotonic()
    with pytest.raises(Hang), time_limit(0.2):
        time.sleep(60)
    assert time.monotonic() - started < 30


def test_a_process_that_was_halted_does_not_hang() -> None:
    """Halting stops the processor's time and not the clock, as sleeping does."""
    with time_limit(0.2):
        time.sleep(0.4)


def test_what_a_hang_took_is_not_counted_by_the_limit_around() -> None:
    with time_limit(0.3):
        for _ in range(2):
            with pytest.raises(Hang), time_limit(0.25):
                _loops()
            until = time.process_time() + 0.05
            while time.process_time() < until:
                pass

    def hangs_twice() -> None:
        with pytest.raises(Hang), time_limit(0.25):
            _loops()
        _loops()

    with pytest.raises(Hang), time_limit(0.3):
        hangs_twice()


def test_a_limit_around_another_goes_on_counting() -> None:
    def waits_then_loops() -> None:
        with time_limit(60):
            time.sleep(0.01)
        _loops()

    with pytest.raises(Hang), time_limit(0.3):
        waits_then_loops()
