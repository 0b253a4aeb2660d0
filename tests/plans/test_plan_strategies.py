"""Strategies of plans: what they draw, how they shrink, what they refuse."""

from __future__ import annotations

from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, find, given, seed, settings
from hypothesis import strategies as st
from hypothesis.errors import InvalidArgument

from tnverify.plans import PROFILES, Plan, plans
from tnverify.plans.strategies import LARGEST

QUIET = settings(
    max_examples=200,
    database=None,
    deadline=None,
    derandomize=False,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
SEARCH = settings(QUIET, max_examples=500, phases=[Phase.generate, Phase.shrink])


def drawn(**options: Any) -> list[Plan]:
    """Two hundred plans from `plans` itself."""
    found: list[Plan] = []

    @seed(1)
    @QUIET
    @given(plans(**options))
    def collect(plan: Plan) -> None:
        found.append(plan)

    collect()
    return found


def values(plan: Plan) -> int:
    return (plan.context + plan.targets) * plan.channels * int(np.prod(plan.spatial, dtype=int))


def test_most_plans_are_small_and_a_few_large() -> None:
    sizes = sorted(values(plan) for plan in drawn())
    assert sizes[-1] > 2_000
    assert sizes[int(0.7 * len(sizes))] <= (6 + 5) * 5 * 16
    assert sizes[-1] <= LARGEST


@pytest.mark.parametrize("rank", [0, 1, 2, 3])
def test_rank_and_step_are_kept(rank: int) -> None:
    for plan in drawn(rank=rank, step=4):
        assert len(plan.spatial) == rank
        assert plan.channels % 4 == 0
        assert values(plan) <= LARGEST


def test_limits_hold_for_small_and_large_plans() -> None:
    limits = {
        "min_context": 3,
        "max_context": 14,
        "min_targets": 1,
        "max_targets": 9,
        "min_channels": 3,
        "max_channels": 7,
        "min_side": 2,
        "max_side": 11,
    }
    found = drawn(**limits)
    for plan in found:
        assert 3 <= plan.context <= 14
        assert 1 <= plan.targets <= 9
        assert 3 <= plan.channels <= 7
        assert all(2 <= side <= 11 for side in plan.spatial)
    # Large ones exist within the limits too, so that the limits above are met from both sides.
    assert max(plan.context for plan in found) > 6 or max(max(p.spatial) for p in found) > 4


def test_one_value_limits_leave_nothing_to_draw() -> None:
    fixed = drawn(
        min_context=2,
        max_context=2,
        min_targets=7,
        max_targets=7,
        min_channels=6,
        max_channels=6,
        min_side=5,
        max_side=5,
        step=3,
    )
    assert {(p.context, p.targets, p.channels, p.spatial) for p in fixed} == {(2, 7, 6, (5, 5))}


def test_past_only_where_it_is_allowed() -> None:
    assert {plan.past for plan in drawn()} == {0}
    pasts = [plan.past for plan in drawn(allow_past=True)]
    assert set(pasts) == {0, 1, 2}
    assert sum(past >= 1 for past in pasts) > 0.7 * len(pasts)


def test_a_plan_builds_a_task_of_its_sizes() -> None:
    for plan in drawn(rank=1, allow_past=True)[:20]:
        task = plan.build()
        assert tuple(task.context.shape) == (plan.context, plan.channels, *plan.spatial)
        assert tuple(task.targets.shape) == (plan.targets, plan.channels, *plan.spatial)
        assert len(task.past) == plan.past
        assert Plan.from_json(plan.as_json()) == plan


def test_parameters_are_exact_in_half_precision() -> None:
    for plan in drawn():
        overrides = [value for _, _, value in plan.overrides]
        given_values = [
            *plan.weight,
            *plan.bias,
            *overrides,
            plan.scale,
            plan.alpha_offset,
            plan.offset,
        ]
        assert [float(np.float16(value)) for value in given_values] == given_values


def test_the_simplest_plan_is_the_default_one() -> None:
    assert find(plans(min_targets=1), lambda _: True, settings=SEARCH) == Plan()
    assert find(plans(), lambda _: True, settings=SEARCH) == Plan(targets=0)
    assert find(plans(rank=0, min_targets=1), lambda _: True, settings=SEARCH) == Plan(spatial=())


@pytest.mark.parametrize(
    ("fails", "smallest"),
    [
        (lambda p: p.context >= 4 and p.targets >= 2, Plan(context=4, targets=2)),
        (lambda p: p.profile == "normal" and p.targets, Plan(profile="normal")),
        (lambda p: 0.0 in p.weight and p.targets, Plan(channels=2, weight=(1.0, 0.0))),
        (lambda p: p.spatial[0] > 1 and p.targets, Plan(spatial=(2, 1))),
        (lambda p: p.past and p.targets, Plan(past=1)),
        (lambda p: len(p.overrides) == 1 and p.targets, Plan(overrides=((0, 0, 0.0),))),
        (lambda p: p.offset >= 100 and p.targets, Plan(offset=100.0)),
        (lambda p: p.context >= 12 and p.targets, Plan(context=12)),
    ],
    ids=["items", "profile", "zero weight", "side", "past", "override", "offset", "many items"],
)
def test_plans_shrink_to_what_a_failure_needs(fails: Any, smallest: Plan) -> None:
    found = find(plans(allow_past=True), fails, settings=SEARCH, random=Random(0))
    # Sizes that the failure does not need are least, and so is everything else; a large plan has
    # the least sizes of its own kind.
    if smallest.context >= 12:
        assert (found.context, found.profile, found.seed, found.weight) == (12, "grid", 0, (1.0,))
        assert values(found) < 1_000
    else:
        assert found == smallest


REFUSED = [
    ({"min_context": 0}, "min_context=0: it must be at least 1"),
    ({"min_context": 4, "max_context": 3}, "min_context=4 exceeds max_context=3"),
    ({"min_targets": -1}, "min_targets=-1: it must be at least 0"),
    ({"max_channels": 0}, "max_channels=0: it must be at least 1"),
    ({"max_side": 2.0}, "max_side=2.0: it must be an int"),
    ({"min_side": True}, "min_side=True: it must be an int"),
    ({"rank": 4}, "rank=4: it must be from 0 to 3"),
    ({"step": 0}, "step=0: it must be at least 1"),
    ({"min_channels": 5, "max_channels": 7, "step": 4}, "no multiple of step=4"),
]


@pytest.mark.parametrize(("options", "line"), REFUSED)
def test_arguments_are_checked_when_first_drawn(options: dict[str, Any], line: str) -> None:
    strategy = plans(**options)  # no error yet, as with Hypothesis' own strategies

    @QUIET
    @given(strategy)
    def draw_one(plan: Plan) -> None:
        raise AssertionError(f"drew {plan}")

    with pytest.raises(InvalidArgument, match=line):
        draw_one()


def test_options_are_keyword_only() -> None:
    with pytest.raises(TypeError):
        plans(1)  # type: ignore[call-arg]  # the refusal is what is tested


@QUIET
@given(st.data())
def test_plans_compose_with_other_strategies(data: st.DataObject) -> None:
    plan = data.draw(plans(max_context=2, max_targets=2, max_channels=2, max_side=2))
    assert plan.profile in PROFILES
    assert values(plan) <= 4 * 2 * 4
