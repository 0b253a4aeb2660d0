"""Tasks as JSON and back: every value, parameter and earlier task is there again."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import Any

import pytest
import torch
from makeshift import subject

from tnverify.contract import Parameters, Task
from tnverify.engine.tasks_json import is_literal, rebuild, recipe_of, summary_of, values_of
from tnverify.faults.plain import PlainNorm
from tnverify.plans import Plan

DRAWN = Plan(context=3, targets=2, channels=2, spatial=(2,), seed=5, profile="normal")
LARGE = Plan(context=20, targets=20, channels=4, spatial=(3, 3), seed=6)


def task_of(context: list[Any], targets: list[Any], **more: Any) -> Task:
    made = [torch.tensor(values, dtype=torch.float64) for values in (context, targets)]
    return Task(made[0], made[1], **more)


WHOLE = task_of(
    [[[0.5, -1.0], [math.inf, 2.0]]],
    [[[math.nan, 0.25], [-math.inf, 0.1]]],
    parameters=Parameters((1.0, 2.0), (0.0, -3.0), 0.125, -0.5),
    past=((torch.ones(1, 2, 2).double(), torch.zeros(2, 2, 2).double()),),
    salt=77,
)


def there_and_back(task: Task, lane: str = "float64", drawn: Plan = DRAWN) -> Task:
    """Through the text of a report."""
    written = json.dumps(
        [recipe_of(task, drawn, lane), values_of(task.context), values_of(task.targets)],
        allow_nan=False,
    )
    recipe, context, targets = json.loads(written)
    return rebuild(recipe, context, targets, subject(PlainNorm))


def expect_same_tensor(one: torch.Tensor, other: torch.Tensor) -> None:
    assert (one.dtype, one.device, one.shape) == (other.dtype, other.device, other.shape)
    assert torch.equal(one.nan_to_num(nan=0.125), other.nan_to_num(nan=0.125))
    assert torch.equal(one.isnan(), other.isnan())


def test_a_task_comes_back_with_all_that_it_was() -> None:
    back = there_and_back(WHOLE)
    expect_same_tensor(back.context, WHOLE.context)
    expect_same_tensor(back.targets, WHOLE.targets)
    assert back.parameters == WHOLE.parameters
    assert back.salt == WHOLE.salt
    ((context, targets),) = back.past
    expect_same_tensor(context, WHOLE.past[0][0])
    expect_same_tensor(targets, WHOLE.past[0][1])


def test_parameters_that_are_left_alone_stay_so() -> None:
    assert there_and_back(task_of([[[1.0]]], [[[2.0]]])).parameters == Parameters()


def test_a_task_without_targets_keeps_their_shape() -> None:
    task = Task(torch.ones(2, 3, 4).double(), torch.empty(0, 3, 4).double())
    back = there_and_back(task)
    assert back.targets.shape == (0, 3, 4)
    assert back.targets.dtype == torch.float64


def test_the_native_lane_is_in_the_subjects_own_dtype() -> None:
    task = Task(WHOLE.context.float(), WHOLE.targets.float(), past=WHOLE.past)
    back = there_and_back(task, "native")
    assert {back.context.dtype, back.targets.dtype, back.past[0][0].dtype} == {torch.float32}


def test_a_recipe_that_names_no_lane_is_of_float64() -> None:
    recipe = recipe_of(WHOLE, DRAWN, "float64")
    del recipe["lane"]
    back = rebuild(recipe, [[[1.0]]], [[[1.0]]], subject(PlainNorm))
    assert back.context.dtype == torch.float64


@pytest.mark.parametrize(("lane", "dtype"), [("float64", torch.float64), ("native", torch.float32)])
def test_a_large_task_is_drawn_again_from_its_plan(lane: str, dtype: torch.dtype) -> None:
    task = LARGE.build(dtype)
    assert not is_literal(task)
    assert "salt" not in recipe_of(task, LARGE, lane)
    back = there_and_back(task, lane, LARGE)
    expect_same_tensor(back.context, task.context)
    expect_same_tensor(back.targets, task.targets)


@pytest.mark.parametrize(("drawn", "task"), [(DRAWN, WHOLE), (LARGE, LARGE.build())])
def test_a_task_comes_back_on_the_subjects_device(drawn: Plan, task: Task) -> None:
    """The device without memory stands for one that this machine may not have."""
    layer = replace(subject(PlainNorm), device=torch.device("meta"))
    recipe = recipe_of(task, drawn, "native")
    back = rebuild(recipe, values_of(task.context), values_of(task.targets), layer)
    assert {x.device.type for x in (back.context, back.targets)} == {"meta"}
    assert {x.device.type for pair in back.past for x in pair} <= {"meta"}
    assert (back.context.shape, back.context.dtype) == (task.context.shape, torch.float32)


def test_how_many_values_are_written_out() -> None:
    assert is_literal(Task(torch.zeros(300, 1), torch.zeros(100, 1)))
    assert not is_literal(Task(torch.zeros(300, 1), torch.zeros(101, 1)))


@pytest.mark.parametrize(
    ("recipe", "says"),
    [
        ({"lane": "float64"}, "a task that cannot be rebuilt: 'drawn'"),
        ({"salt": 1}, "a task that cannot be rebuilt: 'weight'"),
        ({"drawn": None}, "a task that cannot be rebuilt: "),
    ],
)
def test_a_recipe_that_lacks_something_is_one_line(recipe: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        rebuild(recipe, [[[1.0]]], [[[1.0]]], subject(PlainNorm))


@pytest.mark.parametrize(
    ("task", "words"),
    [
        (task_of([[0.0], [1.0]], [[0.5]]), "context [0, 1], target [0.5]"),
        (
            task_of([[0.0]], [[1.0]], parameters=Parameters((2.0,), (0.25,))),
            "context [0], target [1], weight [2], bias [0.25]",
        ),
        (
            task_of([[0.0]], [[1.0]], parameters=Parameters((1.0,), (0.0,), 0.5)),
            "context [0], target [1], scale 0.5, offset 0",
        ),
        (
            task_of([[0.0]], [[1.0]], parameters=Parameters(offset=-2.0)),
            "context [0], target [1], scale 0, offset -2",
        ),
        (
            task_of([[0.0, 1.0]], [[1.0, 2.0]], parameters=Parameters((1.0, 1 / 3), (1.0, 0.0))),
            "weight [1, 0.333333], bias [1, 0]",
        ),
        (
            task_of([[0.0]], [[1.0]], past=((torch.zeros(1, 1), torch.zeros(1, 1)),) * 3),
            "context [0], target [1], after 3 tasks of meta-training",
        ),
        (
            Task(torch.zeros(24, 1), torch.zeros(5, 5, 1)),
            "target of shape (5, 5, 1)",
        ),
    ],
)
def test_a_summary_says_what_matters_of_a_task(task: Task, words: str) -> None:
    said = summary_of(task)
    assert said.endswith(words)
    assert "context [" in said


def test_what_json_has_no_number_for_is_written_by_name() -> None:
    values = torch.tensor([[math.nan, math.inf], [-math.inf, 1.5]])
    assert values_of(values) == [["NaN", "Infinity"], ["-Infinity", 1.5]]
