"""Work in processes of its own: whatever it does, there is an answer and no process is left."""

from __future__ import annotations

import os
import sys
import time
from functools import partial
from typing import TYPE_CHECKING

import pytest

from tnverify.isolation import Ended, Limits, each_apart

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SHORT = Limits(seconds=1.0, memory=1.0)
NEEDS_LIMITS = pytest.mark.skipif(sys.platform != "linux", reason="the limits are Linux's")


def ended(call: Callable[[], object], limits: Limits = SHORT) -> Ended[object]:
    [(number, found)] = each_apart([call], 1, limits)
    assert number == 0
    return found


def test_answers_come_back_with_their_places() -> None:
    calls = [partial(divmod, number, 3) for number in range(5)]
    found = {number: each.answer for number, each in each_apart(calls, 2, SHORT)}
    assert found == {number: divmod(number, 3) for number in range(5)}


def test_every_call_has_a_process_of_its_own() -> None:
    pids = {each.answer for _, each in each_apart([os.getpid] * 3, 2, SHORT)}
    assert len(pids) == 3
    assert os.getpid() not in pids


@pytest.mark.parametrize(
    ("call", "why"),
    [
        (partial(os._exit, 7), "it ended its process with exit code 7"),
        (partial(os._exit, 0), "it ended its process with exit code 0"),
        (partial(sys.exit, 7), "SystemExit: 7"),
        (os.abort, "its process died of SIGABRT"),
        (partial(divmod, 1, 0), "ZeroDivisionError"),
        (partial(exec, "raise KeyboardInterrupt"), "KeyboardInterrupt"),
        (partial(exec, "import os; os.close(1); os.closerange(3, 64)"), ""),
    ],
)
def test_what_ends_a_process_is_told(call: Callable[[], object], why: str) -> None:
    found = ended(call)
    assert found.answer is None
    assert why in (found.why or "")


@NEEDS_LIMITS
def test_a_loop_without_end_is_ended() -> None:
    why = ended(partial(exec, "while True: pass")).why or ""
    # On a machine that is busy with other things the deadline may come before the CPU time.
    assert why.startswith(("it took more than 1 s of CPU time", "no answer within"))


def test_what_waits_for_ever_is_ended() -> None:
    found = ended(partial(time.sleep, 600.0), Limits(seconds=0.2))
    assert (found.why or "").startswith("no answer within")


@NEEDS_LIMITS
def test_memory_without_end_is_refused() -> None:
    found = ended(partial(eval, "len(bytearray(2**31))"))
    assert found.why == "it took more than 1 GiB of memory"
    assert ended(partial(eval, "len(bytearray(2**29))")).answer == 2**29


def test_nothing_is_left_running_once_nobody_waits(tmp_path: Path) -> None:
    file = str(tmp_path / "pid")
    sleeps = f"import os, time; open({file!r}, 'w').write(f'{{os.getpid()}}.'); time.sleep(600)"
    waits = (
        f"import os, time\nwhile not os.path.exists({file!r}) or not open({file!r}).read():"
        " time.sleep(0.01)"
    )
    results = each_apart([partial(exec, sleeps), partial(exec, waits)], 2, Limits(seconds=100.0))
    assert next(results) == (1, Ended())
    results.close()  # type: ignore[attr-defined]  # a generator
    pid = int((tmp_path / "pid").read_text().removesuffix("."))
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
