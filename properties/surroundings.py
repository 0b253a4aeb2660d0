"""What all code of a process shares: no call may change it, end it, or fill its memory."""

from __future__ import annotations

import ctypes
import gc
import itertools
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

import torch

from tnverify.catalogue import law
from tnverify.contract.surroundings import (
    Functions,
    Surroundings,
    modes_of_torch,
    rest_of_process,
)
from tnverify.tolerances import expect, violate

from .derived import answers

if TYPE_CHECKING:
    from collections.abc import Callable

    from tnverify.contract import Prober, Task

FAMILY = "state"
PROTOCOL = "protocol: two pure calls with the task state in the open"


@law(family=FAMILY, kind="exact", source=PROTOCOL)
def calls_come_back(norm: Prober, task: Task) -> None:
    """Both calls end with an answer, in the process and the thread that made them.

    A violation is a call that ends its process (`os._exit`, a crash in C, memory without end),
    hangs where nothing but the end of its process helps, or comes back twice because it forked.
    Training for a week then ends with nothing.
    """
    answers(norm.fresh(task), task.context, task.targets)


@law(family=FAMILY, kind="exact", source=PROTOCOL, max_tasks=4)
def calls_leave_the_modes_of_torch(norm: Prober, task: Task) -> None:
    """No call changes what torch does elsewhere: gradients, dtype, device, threads, determinism.

    A violation is `torch.set_grad_enabled(False)`, `torch.set_default_dtype` or
    `torch.set_num_threads` in a call, without the old value being set again afterwards, or not
    where the call raises. All that is computed after it is computed otherwise. Use the context
    managers (`with torch.no_grad():`).
    """
    _expect_kept(norm, task, modes_of_torch)


@law(family=FAMILY, kind="exact", source=PROTOCOL, max_tasks=4)
def calls_leave_the_process_as_it_was(norm: Prober, task: Task) -> None:
    """No call changes the working directory, the environment, `sys.path`, warnings or handlers.

    A violation is `os.chdir`, `os.environ[...] = ...`, `warnings.simplefilter`, `signal.signal`
    or the like in a call. The program around it then finds its files, or its Ctrl-C, no longer.
    """
    _expect_kept(norm, task, rest_of_process)


def _expect_kept(norm: Prober, task: Task, shared: Callable[[], Surroundings]) -> None:
    """Expect that a second fresh instance changes nothing, where it answers and where it refuses a
    number of channels: the first may have imported what it needs, which has a say in warnings and
    in the environment."""
    around = shared()
    answers(norm.fresh(task), task.context, task.targets)
    around.put_back()
    for tracks in (True, False):
        probe = norm.fresh(task)
        with torch.set_grad_enabled(tracks):
            before = shared()
            try:
                _, state = probe.condition(task.context.clone())
                probe.normalize(task.targets.clone(), state)
                with suppress(Exception):  # what a refusal leaves is asked, not that it is one
                    probe.norm.condition(torch.cat([task.context, task.context[:, :1]], 1))
            finally:
                changed = before.put_back()
        expect(not changed, f"the calls changed {'; '.join(changed)}", symptom="state")


@law(family=FAMILY, kind="exact", source=PROTOCOL, max_tasks=4)
def calls_replace_no_function(norm: Prober, task: Task) -> None:
    """No call replaces a function of torch, NumPy or Python, or a module that is imported.

    A violation is `torch.allclose = ...` or `sys.modules[...] = ...` in a call: a patch that
    serves one layer and reaches every other. Call your own function instead.
    """
    before = Functions()
    try:
        answers(norm.fresh(task), task.context, task.targets)
    finally:
        replaced = before.put_back()
    expect(not replaced, f"the calls replaced {', '.join(replaced[:5])}", symptom="state")


_WINDOW = 8
_WINDOWS = 4
_CONFIRMED = 40
"""Tasks that are watched at a time, how often at first, and how often before it is called growth
without end: caches of hundreds of entries are full by then."""

_LEAST = 48.0
"""Bytes a task: an object of torch or Python that is kept is larger."""


@law(family=FAMILY, kind="exact", source="protocol: a task leaves nothing behind", max_tasks=2)
def memory_does_not_grow_over_tasks(norm: Prober, task: Task) -> None:
    """One layer that meets task after task keeps no more of them than it kept of the first few.

    A violation is a list of contexts or moments that is only ever appended to, a cache without
    bound, or a running value that keeps the graph of every task (`total += loss` instead of
    `total += loss.item()`); threads that every call starts and none ends are told too. Evaluation
    over thousands of tasks then runs out of memory. A cache that fills up and stays is none.
    """
    probe = norm.fresh(task)
    met = itertools.count(1)

    def meets_tasks() -> None:
        for number in itertools.islice(met, _WINDOW):
            # Other values each time: what is kept for tasks that come again is kept once.
            _, state = probe.condition(task.context + number)
            probe.normalize(task.targets + number, state)

    meets_tasks()  # what is made once is made here
    for windows in (_WINDOWS, _CONFIRMED):
        taken = [_taken()]
        for _ in range(windows):
            meets_tasks()
            taken.append(_taken())
            if not _grew(taken[-2], taken[-1]):
                return
    (memory, threads), tasks = _growth(taken[0], taken[-1]), _CONFIRMED * _WINDOW
    what = (
        f"{memory / tasks:.0f} bytes"
        if memory >= tasks * _LEAST
        else f"{threads / tasks:g} threads"
    )
    violate(f"each of {tasks} tasks left {what} behind that no later one freed", symptom="state")


def _grew(before: tuple[int, int], after: tuple[int, int]) -> bool:
    memory, threads = _growth(before, after)
    return memory >= _WINDOW * _LEAST or threads >= _WINDOW


def _growth(before: tuple[int, int], after: tuple[int, int]) -> tuple[int, int]:
    return after[0] - before[0], after[1] - before[1]


class _Memory(ctypes.Structure):
    """What glibc's `mallinfo2` returns."""

    _fields_ = [
        (name, ctypes.c_size_t)
        for name in (
            "arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks", "uordblks",
            "fordblks", "keepcost",
        )
    ]  # fmt: skip


def _mallinfo() -> Callable[[], _Memory] | None:
    try:
        found = ctypes.CDLL(None).mallinfo2
    except (OSError, AttributeError, TypeError):
        return None
    found.restype = _Memory
    return found


_allocated = _mallinfo()


def _taken() -> tuple[int, int]:
    """Bytes in use and threads: what was allocated, or what tensors hold where that is not told."""
    gc.collect(0)
    if _allocated is not None:
        now = _allocated()
        return now.uordblks + now.hblkhd, threading.active_count()
    held = {
        t.untyped_storage().data_ptr(): t.untyped_storage().nbytes()
        for t in gc.get_objects()
        if isinstance(t, torch.Tensor)
    }
    return sum(held.values()), threading.active_count()


LAWS = (
    calls_come_back,
    calls_leave_the_modes_of_torch,
    calls_leave_the_process_as_it_was,
    calls_replace_no_function,
    memory_does_not_grow_over_tasks,
)
