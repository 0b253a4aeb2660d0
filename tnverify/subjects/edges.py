"""Sizes at the edge that are tried while a subject is measured, and may end its process.

They are tried in the same order in every process, so that a number tells which of them did.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from tnverify.subjects import guard

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from tnverify.contract.task import Task

_passed_over: Collection[int] = ()
_tried = 0


@contextmanager
def passing_over(numbers: Collection[int]) -> Iterator[None]:
    """Count what is tried inside from zero, and do not try what has one of these numbers: it
    ended a process."""
    global _passed_over, _tried  # noqa: PLW0603 - the subject is the process'
    _passed_over, _tried = numbers, 0
    try:
        yield
    finally:
        _passed_over = ()


@contextmanager
def edge(task: Task) -> Iterator[bool]:
    """Whether a size is to be tried inside, by a task of it: who watches is told of that."""
    global _tried
    number, _tried = _tried, _tried + 1
    guard.trying(number, shapes(task))
    try:
        yield number not in _passed_over
    finally:
        guard.trying(-1, "")


def shapes(task: Task) -> str:
    """The sizes of a task, in words."""
    return (
        f"a context of shape {tuple(task.context.shape)} and targets of shape"
        f" {tuple(task.targets.shape)}"
    )
