"""`tnverify.tasks`: tasks for a user's own Hypothesis tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch
from hypothesis import given, settings
from hypothesis.errors import InvalidArgument

import tnverify

if TYPE_CHECKING:
    from tnverify.contract import Task

FEW = settings(max_examples=20, database=None, derandomize=True)


@FEW
@given(tnverify.tasks(context=5, min_targets=2, max_targets=4, channels=64, side=3))
def test_sizes_are_those_asked_for(task: Task) -> None:
    assert task.context.shape == (5, 64, 3, 3)
    assert task.targets.shape[0] in (2, 3, 4)
    assert task.targets.shape[1:] == (64, 3, 3)
    assert task.context.dtype is torch.float32


@FEW
@given(tnverify.tasks(rank=0, step=4, dtype=torch.float64, allow_past=True))
def test_vectors_in_steps_of_channels(task: Task) -> None:
    assert task.spatial == ()
    assert task.channels % 4 == 0
    assert task.context.dtype is torch.float64
    assert all(context.dtype is torch.float64 for context, _ in task.past)


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"channels": 64, "min_channels": 3}, "channels=64 is the one number of it"),
        ({"context": 0}, "min_context=0: it must be at least 1"),
        ({"min_targets": 4, "max_targets": 2}, "min_targets=4 exceeds max_targets=2"),
    ],
)
def test_sizes_that_there_are_none_of_are_refused(options: dict[str, int], complaint: str) -> None:
    @FEW
    @given(tnverify.tasks(**options))  # type: ignore[arg-type]  # as each row says
    def drawn(task: Task) -> None:
        pass

    with pytest.raises(InvalidArgument, match=complaint):
        drawn()
