"""The tasks that laws make from a task."""

from __future__ import annotations

import pytest
import torch

from tnverify.contract import Draw, SaysNothing, Violation
from tnverify.plans import Plan
from tnverify.properties import derived

TASK = Plan(context=3, targets=2, channels=2, spatial=(2, 2), seed=9).build()


def test_items_are_added_behind_those_that_are_there() -> None:
    draw = Draw("law", 3)
    grown = derived.with_targets(derived.with_context(TASK, 5, draw), 4, draw)
    assert (len(grown.context), len(grown.targets)) == (5, 4)
    assert torch.equal(grown.context[:3], TASK.context)
    assert torch.equal(grown.targets[:2], TASK.targets)
    assert derived.with_targets(TASK, 2, draw) is TASK
    assert derived.with_context(TASK, 1, draw) is TASK


@pytest.mark.parametrize(("value", "power"), [(0.25, 1.0), (1.0, 1.0), (3.0, 4.0), (64.0, 64.0)])
def test_reach_is_a_power_of_two_that_nothing_exceeds(value: float, power: float) -> None:
    context = torch.full_like(TASK.context, value)
    task = TASK.with_sets(context, torch.zeros_like(TASK.targets))
    assert derived.reach(task, 1.0) == power


@pytest.mark.parametrize(
    ("dtype", "value"),
    [(torch.float64, 1e160), (torch.float32, 1e20), (torch.float16, 3e4), (torch.float64, None)],
)
def test_values_that_cannot_be_moved_say_nothing(dtype: torch.dtype, value: float | None) -> None:
    context = TASK.context.to(dtype, copy=True)
    context[0] = float("nan") if value is None else value
    with pytest.raises(SaysNothing):
        derived.reach(TASK.with_sets(context, TASK.targets.to(dtype)), 16)


def test_a_change_must_be_one_of_finite_values() -> None:
    one, other = torch.tensor([1.0, 2.0]), torch.tensor([1.0, 3.0])
    derived.expect_changed(one, other, "it")
    with pytest.raises(Violation, match="it: nothing changed") as caught:
        derived.expect_changed(one, one.clone(), "it")
    assert caught.value.symptom == "flow"
    with pytest.raises(SaysNothing):
        derived.expect_changed(torch.tensor([1.0, float("nan")]), one, "it")


def test_the_slightest_derivative_is_a_flow_and_nan_is_none() -> None:
    derived.expect_no_flow(torch.zeros(3), "it")
    for value in (1e-300, float("inf")):
        with pytest.raises(Violation, match="1 of 3 derivatives are not zero"):
            derived.expect_no_flow(torch.tensor([0.0, value, 0.0], dtype=torch.float64), "it")
    with pytest.raises(SaysNothing):
        derived.expect_no_flow(torch.tensor([0.0, float("nan")]), "it")
    with pytest.raises(Violation, match="1 of 3"):
        derived.expect_no_flow(torch.tensor([0.0, float("nan"), 1.0]), "it")
