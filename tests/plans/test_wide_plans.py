"""Wide plans: every width in every corpus, and channels no two of which are alike."""

from __future__ import annotations

from math import prod

import pytest

from tnverify.contract import Limits
from tnverify.plans import Plan
from tnverify.plans.fitting import fitted
from tnverify.plans.wide import CHANNELS, ITEMS, MANY, SIDES, wide_plans


@pytest.mark.parametrize("seed", range(4))
def test_every_width_is_there_whatever_the_seed(seed: int) -> None:
    found = wide_plans(seed)
    assert set(CHANNELS) <= {plan.channels for plan in found}
    assert set(ITEMS) <= {plan.context for plan in found} & {plan.targets for plan in found}
    for axis in (0, 1):
        assert set(SIDES) <= {plan.spatial[axis] for plan in found}
    counts = [(p.context * prod(p.spatial), p.channels * prod(p.spatial)) for p in found]
    assert all(max(each) > MANY for each in zip(*counts, strict=True))
    assert wide_plans(seed) == found


@pytest.mark.parametrize(("rank", "step"), [(0, 1), (1, 2), (3, 4)])
def test_ranks_and_steps_are_kept(rank: int, step: int) -> None:
    for plan in wide_plans(1, rank=rank, step=step):
        assert (len(plan.spatial), plan.channels % step) == (rank, 0)


def test_one_dimension_is_wide_unless_pairs_are_asked_for() -> None:
    wide = lambda p: (p.channels > 5, max(p.context, p.targets) > 5)  # noqa: E731 - said once
    assert not any(all(wide(plan)) for plan in wide_plans(0))
    assert any(all(wide(plan)) for plan in wide_plans(0, pairs=True))


def test_no_two_channels_are_alike_and_some_are_beyond_ten() -> None:
    widest = max(wide_plans(0), key=lambda plan: plan.channels).build()
    for values in (widest.parameters.weight, widest.parameters.bias):
        assert values is not None
        assert len(set(values)) == 1025
        assert max(values) > 10


def test_plans_are_fitted_to_limits() -> None:
    plan = Plan(context=3, targets=1, channels=2, spatial=(1, 4), past=1)
    got = fitted(plan, Limits(multiple_of=4, min_side=2, min_channels=3))
    assert got == Plan(context=4, targets=4, channels=3, spatial=(2, 4), past=1, past_items=(4, 4))
    assert fitted(plan, Limits()) == plan
    one = fitted(plan, Limits(items=5, channels=7, spatial=(3, 3)))
    assert one.build().context.shape == (5, 7, 3, 3)
    assert fitted(Plan(targets=0), Limits(min_items=2)).targets == 2
    assert fitted(Plan(targets=0), Limits(multiple_of=2)).targets == 0
