"""The tasks that laws make from a task, and how they choose."""

from __future__ import annotations

import pytest
import torch

from tnverify.contract import SaysNothing, Violation
from tnverify.plans import Plan
from tnverify.properties import derived

TASK = Plan(context=3, targets=2, channels=2, spatial=(2, 2), seed=9).build()


def test_choices_depend_on_the_salt_and_the_key_and_reach_every_option() -> None:
    by_key = [derived.choice(TASK, key, 3) for key in range(60)]
    assert by_key == [derived.choice(TASK, key, 3) for key in range(60)]
    assert set(by_key) == {0, 1, 2}
    by_salt = {derived.choice(Plan(seed=seed).build(), 1, 5) for seed in range(60)}
    assert by_salt == {0, 1, 2, 3, 4}


@pytest.mark.parametrize("count", [2, 3, 8])
def test_a_permutation_is_one_and_never_the_order_that_was(count: int) -> None:
    for seed in range(30):
        order = derived.permutation(Plan(seed=seed).build(), 4, count)
        assert sorted(order) == list(range(count))
        assert order != list(range(count))


@pytest.mark.parametrize("count", [2, 5])
def test_a_split_keeps_some_and_replaces_some(count: int) -> None:
    kept = [derived.split(Plan(seed=seed).build(), 4, count) for seed in range(30)]
    assert all(bool(k.any()) and not bool(k.all()) for k in kept)
    assert len({tuple(k.tolist()) for k in kept}) > 1


def test_noise_reads_well_and_is_nobody_elses() -> None:
    drawn = derived.noise(TASK, TASK.context)
    assert drawn.shape == TASK.context.shape
    assert torch.equal(drawn * 8, (drawn * 8).round())
    assert float(drawn.abs().max()) <= 4
    again = derived.noise(TASK, TASK.context)
    assert torch.equal(again, drawn)
    again.zero_()
    assert torch.equal(derived.noise(TASK, TASK.context), drawn)
    assert not torch.equal(derived.noise(TASK, TASK.context, 2), drawn)


def test_noise_for_a_set_larger_than_its_pool_is_drawn_for_it() -> None:
    large = torch.zeros(40, 2, 25, 25, dtype=torch.float64)
    drawn = derived.noise(TASK, large)
    assert drawn.shape == large.shape
    assert len(set(drawn.flatten().tolist())) > 60


def test_items_are_added_behind_those_that_are_there() -> None:
    grown = derived.with_targets(derived.with_context(TASK, 5), 4)
    assert (len(grown.context), len(grown.targets)) == (5, 4)
    assert torch.equal(grown.context[:3], TASK.context)
    assert torch.equal(grown.targets[:2], TASK.targets)
    assert derived.with_targets(TASK, 2) is TASK
    assert derived.with_context(TASK, 1) is TASK


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
