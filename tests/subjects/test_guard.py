"""Limits of time: what hangs is ended, what gets no processor is given longer."""

from __future__ import annotations

import signal
import time

import pytest

from tnverify.contract.outcomes import SubjectRaised
from tnverify.subjects.guard import Hang, TooSlow, calling, few_hangs, time_limit

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


def test_a_process_that_was_halted_outside_of_any_call_is_given_longer_still() -> None:
    def sleeps() -> None:
        with calling("condition"):
            time.sleep(1.6)

    with time_limit(0.4):
        time.sleep(1.6)
    with pytest.raises(SubjectRaised, match="no answer"), time_limit(0.4):
        sleeps()


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


def test_calls_that_come_back_do_not_hang_however_many_they_are() -> None:
    with time_limit(0.3):
        for _ in range(8):
            with calling("condition"):
                time.sleep(0.1)


def test_calls_that_come_back_are_ended_where_they_take_too_long_together() -> None:
    def calls() -> None:
        while True:
            with calling("condition"):
                time.sleep(0.1)

    with pytest.raises(TooSlow), time_limit(0.3):
        calls()


def test_calls_may_take_as_long_together_as_is_said() -> None:
    def calls() -> None:
        while True:
            with calling("condition"):
                time.sleep(0.1)

    started = time.monotonic()
    with pytest.raises(TooSlow), time_limit(0.3, whole=0.5):
        calls()
    assert time.monotonic() - started < 10


def test_a_call_that_does_not_come_back_after_others_hangs() -> None:
    def calls() -> None:
        with calling("condition"):
            time.sleep(0.1)
        _loops()

    with pytest.raises(Hang), time_limit(0.3):
        calls()


def test_after_few_hangs_no_call_is_made() -> None:
    asked: list[None] = []

    def hangs() -> None:
        with time_limit(0.1), calling("condition"):
            asked.append(None)
            _loops()

    with few_hangs(2):
        for _ in range(5):
            with pytest.raises(SubjectRaised):
                hangs()
    assert len(asked) == 2


def test_a_limit_around_another_goes_on_counting() -> None:
    def waits_then_loops() -> None:
        with time_limit(60):
            time.sleep(0.01)
        _loops()

    with pytest.raises(Hang), time_limit(0.3):
        waits_then_loops()


def test_limits_inside_that_are_kept_are_not_added_up() -> None:
    def works(seconds: float) -> None:
        until = time.process_time() + seconds
        while time.process_time() < until:
            pass

    def keeps_many() -> None:
        for _ in range(5):
            with time_limit(60), calling("condition"):
                works(0.15)
            works(0.01)

    with time_limit(0.3):
        keeps_many()


def test_a_limit_inside_does_not_outlast_what_is_left_of_the_whole() -> None:
    def calls() -> None:
        while True:
            with calling("condition"):
                time.sleep(0.1)

    started = time.monotonic()
    with time_limit(0.3, whole=0.5), pytest.raises(TooSlow), time_limit(0.3, whole=60.0):
        calls()
    assert time.monotonic() - started < 10
