"""From a first failure to the counterexample that a person reads."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import torch
from makeshift import devices_built_on, law_of, normalizing, subject

from tnverify.contract import Violation
from tnverify.engine import failures
from tnverify.engine.evaluate import Evaluation
from tnverify.engine.failures import Smallest, smallest_failure
from tnverify.engine.results import Boundary, Counterexample
from tnverify.faults.plain import PlainNorm
from tnverify.plans import Plan

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from tnverify.catalogue import Law
    from tnverify.contract import Prober, Task

FOUND = Plan(context=7, targets=3, channels=2, spatial=(2, 3), profile="normal", seed=12)
FIRST = Evaluation("violated", "as it was seen first", "value")
SUBJECT = subject(PlainNorm)


def failing_where(fails: Callable[[Task], bool], **declared: object) -> Law:
    """A law that asks the layer once, and fails on some tasks."""

    def is_some_law(norm: Prober, task: Task) -> None:
        norm.run(task)
        if fails(task):
            raise Violation(f"fails with {len(task.context)} context items")

    return law_of(is_some_law, **declared)


def expect_task_of(smallest: Smallest, plan: Plan, dtype: torch.dtype = torch.float64) -> None:
    task = plan.build(dtype)
    assert torch.equal(smallest.task.context, task.context)
    assert torch.equal(smallest.task.targets, task.targets)
    assert smallest.counterexample.context == task.context.tolist()
    assert smallest.counterexample.targets == task.targets.tolist()


def test_a_failure_is_made_small_and_told() -> None:
    law = failing_where(lambda task: len(task.context) >= 3)
    smallest = smallest_failure(law, SUBJECT, (FOUND, "float64", FIRST), 0)
    example = smallest.counterexample
    assert smallest.ended.reason == "fails with 3 context items"
    assert smallest.task.context.flatten().tolist() == [0.0, 0.0, 0.0]
    assert example.context == [[[[0.0]]]] * 3
    assert example.targets == [[[[0.0]]]]
    assert example.summary == "context [0, 0, 0], target [0]"
    sizes = (1, 2, 3, 4, 5, 6, 8, 12)
    assert example.boundary == (
        Boundary("context", sizes[2:], sizes[:2]),
        *(Boundary(name, sizes) for name in ("targets", "channels", "height", "width")),
    )
    assert [call.split("->")[0] for call in example.calls] == [
        "layer 1: condition [0, 0, 0] ",
        "layer 1: normalize [0] ",
    ]
    assert example.plan["lane"] == smallest.lane == "float64"
    assert example.plan["salt"] == 0
    assert isinstance(example.plan["drawn"], dict)
    assert example.plan["drawn"]["context"] == 3


def test_no_smaller_task_is_looked_for_once_the_time_is_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = []

    def fails(task: Task) -> bool:
        asked.append(task)
        time.sleep(0.02)
        return len(task.context) >= 3

    monkeypatch.setattr(failures, "SECONDS", 0.1)
    smallest = smallest_failure(failing_where(fails), SUBJECT, (FOUND, "float64", FIRST), 0)
    assert len(asked) < 12
    assert len(smallest.task.context) >= 3


def test_a_failure_of_the_native_lane_is_followed_there() -> None:
    law = failing_where(lambda task: task.context.dtype is torch.float32)
    smallest = smallest_failure(law, SUBJECT, (FOUND, "native", FIRST), 0)
    assert smallest.ended.failed
    assert smallest.lane == smallest.counterexample.plan["lane"] == "native"
    assert smallest.task.context.dtype is torch.float32
    assert smallest.task.context.numel() == 1


def refusing_large_values(targets: Tensor) -> Tensor:
    if bool((targets.abs() > 2).any()):
        raise ValueError("too large")
    return targets


def test_a_layer_that_raises_is_followed_to_where_it_raises() -> None:
    law = failing_where(lambda task: False)
    raised = Evaluation("broken", "raised ValueError in normalize", "raised")
    found = replace(FOUND, offset=4.0)
    layer = subject(normalizing(refusing_large_values))
    smallest = smallest_failure(law, layer, (found, "float64", raised), 0)
    assert smallest.ended.ending == "broken"
    assert smallest.task.targets.numel() == 1
    assert smallest.task.targets.abs().item() > 2
    assert smallest.counterexample.calls[-1].endswith("raises ValueError")


def test_a_failure_that_does_not_come_again_is_kept_as_it_was_found() -> None:
    law = failing_where(lambda task: False)
    smallest = smallest_failure(law, SUBJECT, (FOUND, "native", FIRST), 0)
    assert smallest.ended is FIRST
    expect_task_of(smallest, FOUND, torch.float32)
    assert smallest.lane == smallest.counterexample.plan["lane"] == "native"
    assert (smallest.counterexample.calls, smallest.counterexample.boundary) == ((), ())


def test_a_failure_that_ends_otherwise_now_is_kept_as_it_was_found() -> None:
    law = failing_where(lambda task: True)
    raised = Evaluation("broken", "raised ValueError in normalize", "raised")
    smallest = smallest_failure(law, SUBJECT, (FOUND, "float64", raised), 0)
    assert smallest.ended is raised
    expect_task_of(smallest, FOUND)


def test_a_layer_that_did_not_answer_in_time_is_not_asked_again() -> None:
    asked: list[Task] = []
    law = failing_where(lambda task: asked.append(task) is None)
    late = replace(FIRST, hung=True)
    smallest = smallest_failure(law, SUBJECT, (FOUND, "float64", late), 0)
    assert smallest.ended is late
    assert asked == []
    expect_task_of(smallest, FOUND)


def test_a_law_whose_tasks_take_seconds_is_told_on_the_first_task_that_failed() -> None:
    """Each of its tasks takes seconds."""
    asked: list[Task] = []
    law = failing_where(lambda task: asked.append(task) is None, thorough_only=True)
    found = replace(FOUND, spatial=(1, 1), context=3)
    smallest = smallest_failure(law, SUBJECT, (found, "float64", FIRST), 0)
    assert smallest.ended.reason == "fails with 3 context items"
    assert len(asked) == 2
    expect_task_of(smallest, found)
    assert len(smallest.counterexample.calls) == 2
    assert smallest.counterexample.boundary == ()


def beside(plan: Plan, lane: str) -> Smallest:
    """The smallest task of another law that fails of the same cause."""
    return Smallest(FIRST, Counterexample({}, [], []), plan.build(SUBJECT.dtype(lane)), lane)


def test_a_task_on_which_another_law_fails_is_taken_as_it_is() -> None:
    asked: list[Task] = []
    law = failing_where(lambda task: asked.append(task) is None and len(task.context) >= 2)
    others = [beside(Plan(context=n), "float64") for n in (1, 4, 5)]
    smallest = smallest_failure(law, SUBJECT, (FOUND, "float64", FIRST), 0, others)
    assert smallest.task is others[1].task
    assert smallest.ended.reason == "fails with 4 context items"
    assert smallest.counterexample.context == others[1].task.context.tolist()
    assert smallest.counterexample.boundary == ()
    assert smallest.counterexample.calls
    assert len(asked) == 4


def test_a_task_of_another_lane_is_not_taken() -> None:
    law = failing_where(lambda task: True)
    others = [beside(Plan(context=4), "native")]
    smallest = smallest_failure(law, SUBJECT, (FOUND, "float64", FIRST), 0, others)
    assert smallest.lane == "float64"
    assert smallest.task.context.dtype is torch.float64
    assert smallest.task.context.numel() == 1


def test_a_task_too_large_to_write_out_is_told_by_its_plan() -> None:
    law = failing_where(lambda task: task.context.numel() + task.targets.numel() > 400)
    found = Plan(context=30, targets=30, channels=4, spatial=(3, 3), profile="normal")
    smallest = smallest_failure(law, SUBJECT, (found, "float64", FIRST), 0)
    example = smallest.counterexample
    assert smallest.ended.failed
    assert (example.context, example.targets) == ([], [])
    assert set(example.plan) == {"lane", "drawn"}
    assert any(found.passing for found in example.boundary)


@pytest.mark.parametrize(
    ("law", "first"),
    [
        (failing_where(lambda task: True), FIRST),
        (failing_where(lambda task: True, thorough_only=True), FIRST),
        (failing_where(lambda task: True), replace(FIRST, hung=True)),
    ],
    ids=["made small", "as it is", "not in time"],
)
def test_tasks_are_built_on_the_device_of_the_subject(
    law: Law, first: Evaluation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No machine has a second device for sure: what is built for one is built beside it."""
    devices = devices_built_on(monkeypatch)
    layer = replace(SUBJECT, device=torch.device("cpu:0"))
    smallest_failure(law, layer, (FOUND, "float64", first), 0)
    assert devices == {"cpu:0"}
