"""Shrinking, reducing and sweeping: what fails stays failing and gets simpler."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from makeshift import subject

from tnverify.contract import Task
from tnverify.engine.reduce import reduce_task
from tnverify.engine.shrink import shrink_plan, weight_of
from tnverify.engine.sweep import boundary
from tnverify.faults.plain import PlainNorm
from tnverify.plans import Plan
from tnverify.report.boundaries import sentence

if TYPE_CHECKING:
    from collections.abc import Callable

BIG = Plan(
    context=9,
    targets=7,
    channels=4,
    spatial=(6, 5),
    profile="outliers",
    seed=421,
    exponent=3,
    offset=100.0,
    weight=(2.5, -1.0),
    bias=(0.5,),
    scale=0.25,
    alpha_offset=-3.0,
    past=2,
    overrides=((0, 3, 9.0),),
)


def test_a_plan_shrinks_to_the_smallest_that_fails() -> None:
    def fails(plan: Plan) -> bool:
        return plan.context >= 4 and plan.spatial[1] >= 2

    small = shrink_plan(BIG, fails, subject(PlainNorm), 0)
    assert (small.context, small.targets, small.channels, small.spatial) == (4, 1, 1, (1, 2))
    assert (small.profile, small.seed, small.past, small.overrides) == ("grid", 0, 0, ())
    assert (small.weight, small.bias, small.scale) == ((1.0,), (0.0,), 0.0)


def test_only_failing_plans_are_returned_though_hypothesis_finds_none() -> None:
    """A failure so rare that no other plan shows it: the plan comes back simpler in other ways."""
    small = shrink_plan(BIG, lambda plan: plan.seed == 421, subject(PlainNorm), 0)
    assert small.seed == 421
    assert weight_of(small) < weight_of(BIG)


def test_what_fails_only_as_it_is_stays_as_it_is() -> None:
    assert shrink_plan(BIG, lambda plan: plan == BIG, subject(PlainNorm), 0) == BIG


def test_values_become_plain() -> None:
    task = BIG.build()

    def fails(task: Task) -> bool:
        return bool((task.context > 5).any()) and task.channels % 2 == 0

    small = reduce_task(
        Task(task.context[:3, :, :2, :2], task.targets[:1, :, :2, :2], task.parameters, salt=9),
        fails,
        2,
    )
    assert fails(small)
    assert small.context.shape == (1, 2, 1, 1)
    assert small.targets.eq(0).all()
    assert min(small.context.flatten().tolist()) == 0
    assert set(small.parameters.weight or ()) == {1.0}
    assert small.salt == 0


def test_reduction_ends_where_everything_fails() -> None:
    small = reduce_task(Plan(context=3, targets=3, channels=3, seed=5).build(), lambda t: True, 1)
    assert small.context.flatten().tolist() == [0.0]
    assert small.targets.flatten().tolist() == [0.0]


def told(task: Task, fails: Callable[[Task], bool | None]) -> dict[str, str]:
    return {found.dimension: sentence(found) for found in boundary(task, fails, 1)}


def test_the_boundary_says_where_failing_starts_and_stops() -> None:
    task = Plan(context=4, targets=2, channels=1, spatial=(1, 3)).build()
    found = told(task, lambda t: len(t.context) >= 4)
    assert found["context"] == "fails for 4 or more context items, passes for 1 to 3"
    found = told(task, lambda t: len(t.targets) == 1)
    assert found["targets"] == "fails for 1 target, passes for 2 or more"
    found = told(task, lambda t: t.spatial[1] in (2, 5))
    assert found["width"] == "fails for 2, 5 columns, passes for 1, 3, 4, 6, 8, 12"
    assert found["height"].startswith("passes for 1 to 12")


def test_the_sweep_keeps_what_was_there() -> None:
    task = Plan(context=2, targets=2, channels=2, spatial=(2, 2), past=1).build()
    seen: list[Task] = []
    boundary(task, lambda t: seen.append(t) is None, 2)
    assert len(seen) < 50
    grown = next(t for t in seen if t.channels == 6)
    assert torch.equal(grown.context[:, :2], task.context)
    assert grown.past[0][0].shape[1] == 6
    assert len(grown.parameters.weight or ()) == 6
