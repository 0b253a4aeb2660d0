"""Reduction: what a failure does not need is dropped, and what remains stays together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import torch

from tnverify.contract import Parameters, Task
from tnverify.engine.reduce import reduce_task
from tnverify.plans import Plan

if TYPE_CHECKING:
    from collections.abc import Callable


def task_of(context: list[Any], targets: list[Any], **more: Any) -> Task:
    made = [torch.tensor(values, dtype=torch.float64) for values in (context, targets)]
    return Task(made[0], made[1], **more)


def alone(value: float, **more: Any) -> Task:
    """One context item of one value, and a plain target."""
    return task_of([[value]], [[0.0]], **more)


@pytest.mark.parametrize(
    ("value", "fails", "plain"),
    [
        (0.3, lambda x: True, 0.0),
        (-0.3, lambda x: x < 0, -1.0),
        (7.3, lambda x: x > 0.5, 1.0),
        (7.3, lambda x: x > 1.5, 7.0),
        (40.0, lambda x: x > 8, 10.0),
        (-40.0, lambda x: x < -8, -10.0),
        (0.3, lambda x: 0 < x < 0.7, 0.3),
        (-3.0, lambda x: abs(x) == 3, -3.0),
        (2.5, lambda x: x in (2.5, 1.25), 1.25),
        (1.5, lambda x: x in (1.5, 0.75), 1.5),
        (-1.0, lambda x: abs(x) == 1, 1.0),
    ],
)
def test_a_value_becomes_the_plainest_that_still_fails(
    value: float, fails: Callable[[float], bool], plain: float
) -> None:
    small = reduce_task(alone(value), lambda t: fails(t.context.item()), 1)
    assert small.context.tolist() == [[plain]]
    assert small.targets.tolist() == [[0.0]]


def test_targets_become_plain_as_context_does() -> None:
    task = task_of([[2.5]], [[3.25], [4.75]])
    small = reduce_task(task, lambda t: t.context.item() > 0 and t.targets.max() > 4, 1)
    assert small.context.tolist() == [[1.0]]
    assert small.targets.tolist() == [[5.0]]


@pytest.mark.parametrize("where", [0, 1, 2, 3])
def test_the_item_channel_and_pixel_that_matter_remain(where: int) -> None:
    """Whichever they are: the last ones are tried without first, then the first ones."""
    values = torch.zeros(4, 4, 4, dtype=torch.float64)
    values[where, where, where] = 9.5
    weight = tuple(2.0 + c for c in range(4))
    bias = tuple(0.5 - c for c in range(4))
    task = Task(values, values.clone(), Parameters(weight, bias))

    def fails(t: Task) -> bool:
        kept = t.parameters
        return (
            bool((t.context == 9.5).any() and (t.targets == 9.5).any())
            and weight[where] in (kept.weight or ())
            and bias[where] in (kept.bias or ())
        )

    small = reduce_task(task, fails, 1)
    assert small.context.tolist() == small.targets.tolist() == [[[9.5]]]
    assert small.parameters == Parameters((weight[where],), (bias[where],))
    assert small.context.is_contiguous()


def test_channels_are_dropped_in_steps_of_the_layer() -> None:
    task = Task(torch.zeros(1, 6), torch.zeros(1, 6), Parameters((1.0,) * 6, (0.0,) * 6))
    assert reduce_task(task, lambda t: True, 3).channels == 3
    assert reduce_task(task, lambda t: t.channels > 3, 3).channels == 6
    assert reduce_task(task, lambda t: t.channels > 2, 2).parameters.weight == (1.0,) * 4


def test_earlier_tasks_shrink_with_the_task() -> None:
    """Else the layer would be shown tasks of different shapes."""
    plan = Plan(context=2, targets=2, channels=3, spatial=(2, 3), past=3, seed=4)
    small = reduce_task(plan.build(), lambda t: len(t.past) >= 2, 1)
    assert [(c.shape, t.shape) for c, t in small.past] == [((4, 1, 1, 1), (2, 1, 1, 1))] * 2
    # The oldest is dropped, of the others the first channel and pixel remain.
    for (context, targets), (was, were) in zip(small.past, plan.build().past[1:], strict=True):
        assert torch.equal(context, was[:, :1, :1, :1])
        assert torch.equal(targets, were[:, :1, :1, :1])


def test_parameters_become_plain_each_by_itself() -> None:
    task = alone(0.0, parameters=Parameters((2.5,), (-1.5,), 0.75, -3.25), salt=5)
    assert reduce_task(task, lambda t: True, 1).parameters == Parameters((1.0,), (0.0,), 0.0, 0.0)

    def needs(t: Task) -> bool:
        p = t.parameters
        return p.weight == (2.5,) and p.offset < -2 and p.scale > 0.25 and t.salt == 5

    small = reduce_task(task, needs, 1)
    assert small.parameters == Parameters((2.5,), (0.0,), 1.0, -3.0)
    assert small.salt == 5
    small = reduce_task(task, lambda t: t.parameters.bias == (-1.5,), 1)
    assert small.parameters == Parameters((1.0,), (-1.5,), 0.0, 0.0)
    assert small.salt == 0


def test_parameters_that_are_left_alone_stay_so() -> None:
    task = task_of([[0.5, 1.0]], [[0.5, 2.0]])
    assert reduce_task(task, lambda t: True, 1).parameters == Parameters()


@pytest.mark.parametrize(("items", "values"), [(63, {0.0}), (64, {0.3})])
def test_many_values_are_left_as_they_are(items: int, values: set[float]) -> None:
    """A task of more than 64 is shown by its plan."""
    task = task_of([[0.3]] * items, [[0.3]])
    small = reduce_task(task, lambda t: len(t.context) >= items, 1)
    assert set(small.context.flatten().tolist()) == values
    assert set(small.targets.flatten().tolist()) == values


def test_a_task_without_targets_gets_none() -> None:
    task = Task(torch.ones(2, 2), torch.empty(0, 2))
    small = reduce_task(task, lambda t: True, 1)
    assert (small.context.shape, small.targets.shape) == ((1, 1), (0, 1))


def test_reduction_stops_when_its_evaluations_are_spent() -> None:
    asked: list[Task] = []
    task = Task(torch.zeros(500, 1), torch.zeros(1, 1))
    small = reduce_task(task, lambda t: asked.append(t) is None, 1)
    assert len(asked) == 300
    assert small is asked[-1]
    assert len(small.context) == 200


def test_simpler_tasks_that_do_not_fail_are_paid_for_too() -> None:
    asked: list[Task] = []
    task = task_of([[7.3 + i / 8] for i in range(63)], [[7.3]])
    assert reduce_task(task, lambda t: asked.append(t) is not None, 1) is task
    assert len(asked) == 300


def test_a_task_that_fails_only_as_it_is_is_tried_once_in_each_way() -> None:
    asked: list[Task] = []
    task = task_of([[0.0], [2.0]], [[1.0]], parameters=Parameters((2.0,), (1.0,)), salt=1)
    assert reduce_task(task, lambda t: asked.append(t) is not None, 1) is task
    # One item of two, either one; the weight; the bias; the salt; then values: all of the
    # context zero, 2 as 0, 1, -1 and its half; all of the targets zero, 1 as 0.
    assert [t.context.flatten().tolist() for t in asked[:2]] == [[0.0], [2.0]]
    assert [t.parameters.weight for t in asked[2:4]] == [(1.0,), (2.0,)]
    assert [t.parameters.bias for t in asked[2:4]] == [(1.0,), (0.0,)]
    assert asked[4].salt == 0
    assert [t.context.flatten().tolist() for t in asked[5:10]] == [
        [0.0, 0.0],
        [0.0, 0.0],
        [0.0, 1.0],
        [0.0, -1.0],
        [0.0, 1.0],
    ]
    assert [t.targets.item() for t in asked[10:]] == [0.0, 0.0]


def test_values_are_picked_where_they_are_not_on_the_default_device() -> None:
    """A user's default device may be a GPU."""
    task = task_of([[1.0, 2.0], [3.0, 4.0]], [[5.0, 6.0]])
    with torch.device("meta"):
        small = reduce_task(task, lambda t: t.context.device.type == "cpu", 1)
    assert small.context.tolist() == [[0.0]]
    with torch.device("meta"):
        kept = reduce_task(task, lambda t: bool((t.context.cpu() == 4).any()), 1)
    assert kept.context.tolist() == [[4.0]]
