"""Values of tasks: functions of their keys and of their own place, nothing else."""

from __future__ import annotations

import numpy as np
import torch

from tnverify.contract import Parameters, Task
from tnverify.contract.task import uniforms


def test_growing_a_dimension_leaves_what_was_there() -> None:
    small, large = uniforms((2, 3, 2), 7, 1), uniforms((5, 4, 6), 7, 1)
    assert np.array_equal(small, large[:2, :3, :2])


def test_values_lie_strictly_between_zero_and_one_and_fill_it() -> None:
    values = uniforms((100, 100), 3)
    assert 0 < values.min() < 0.001
    assert 0.999 < values.max() < 1
    assert abs(values.mean() - 0.5) < 0.01
    assert abs(values.var() - 1 / 12) < 0.003
    assert len(np.unique(values)) == values.size


def test_every_key_changes_every_value() -> None:
    assert not (uniforms((50,), 1, 2) == uniforms((50,), 2, 1)).any()
    assert not (uniforms((50,), 1) == uniforms((50,), 1, 0)).any()


def test_neighbours_do_not_go_together() -> None:
    values = uniforms((400, 400), 5) - 0.5
    for a, b in ((values[1:], values[:-1]), (values[:, 1:], values[:, :-1])):
        assert abs((a * b).mean() * 12) < 0.02
    assert (
        abs((values * values.T).mean() * 12 - np.square(np.diag(values)).sum() * 12 / 160000) < 0.02
    )


def task() -> Task:
    return Task(
        torch.zeros(2, 3, 1, 1), torch.zeros(1, 3, 1, 1), Parameters(weight=(1.0, 2.0, 3.0))
    )


def test_noise_is_exact_in_every_dtype() -> None:
    wide = task().noise(torch.empty(200, dtype=torch.float64), 1)
    assert torch.equal(wide.half().double(), wide)
    assert torch.equal(wide.bfloat16().double(), wide)
    assert wide.abs().max() <= 4
    assert torch.equal(task().noise(torch.empty(200), 1).double(), wide)


def test_a_derived_task_keeps_the_rest() -> None:
    first = task()
    moved = first.with_sets(targets=torch.ones(4, 3, 1, 1)).with_parameters(scale=2.0)
    assert moved.context is first.context
    assert moved.parameters == Parameters(weight=(1.0, 2.0, 3.0), scale=2.0)
    assert first.parameters.scale == 0.0
    assert first != task(), "tasks are compared by identity"
