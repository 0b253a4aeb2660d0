"""Each choice that a plan is drawn by: its range, and what comes of it."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

import pytest

from tnverify.plans import PROFILES, Plan, strategies
from tnverify.plans.menus import EXTREMES, LOGITS, OVERRIDES
from tnverify.plans.options import KINDS, Options

if TYPE_CHECKING:
    from collections.abc import Callable

    from hypothesis.strategies import SearchStrategy

    from tnverify.plans.options import Sizes

FREE = Options((1, None), (0, None), (1, None), (1, None), rank=2, step=1, allow_past=True)
(ORDINARY,) = KINDS["ordinary"]


class Choices:
    """Stands for Hypothesis' `draw`: `choose` says which number of each range is drawn."""

    def __init__(self, choose: Callable[[int, int, int], int]) -> None:
        self.choose = choose
        self.ranges: list[tuple[int, int]] = []

    def __call__(self, strategy: SearchStrategy[Any]) -> Any:
        # It reads as integers, then their least and greatest.
        low, high = (int(bound) for bound in re.findall(r"-?\d+", repr(strategy)))
        number = self.choose(len(self.ranges), low, high)
        assert low <= number <= high
        self.ranges.append((low, high))
        return number


def least() -> Any:
    return Choices(lambda position, low, high: low)


def greatest() -> Any:
    return Choices(lambda position, low, high: high)


def least_but(where: int, number: int) -> Any:
    """The least of every choice but of one."""
    return Choices(lambda position, low, high: number if position == where else low)


def these(*numbers: int) -> Any:
    return Choices(lambda position, low, high: numbers[position])


def test_the_least_of_every_choice_is_the_plainest_plan() -> None:
    plainest = Plan(context=2, targets=2, channels=2, spatial=(2, 2))
    assert strategies._plan(least(), FREE, (ORDINARY,)) == plainest
    assert strategies._plan(least(), FREE, KINDS["edge"]) == Plan(targets=0)


def test_the_greatest_of_every_choice_is_the_wildest_plan() -> None:
    assert strategies._plan(greatest(), FREE, (ORDINARY,)) == Plan(
        context=6,
        targets=5,
        channels=5,
        spatial=(4, 4),
        profile="zeros",
        seed=99,
        exponent=20,
        offset=1e4,
        # The first weight is never zero.
        weight=(0.125, 0.0, 0.0, 0.0),
        bias=(4.0, 4.0, 4.0, 4.0),
        scale=-3.0,
        alpha_offset=0.0,
        past=2,
        spread=0.875,
        overrides=((1, 63, -1000.0),) * 3,
    )


def test_an_override_may_be_anywhere_in_either_set() -> None:
    choices = greatest()
    assert len(strategies._plan(choices, FREE, (ORDINARY,)).overrides) == 3
    assert choices.ranges[-9:] == [(0, 1), (0, 63), (0, len(OVERRIDES) - 1)] * 3


def test_past_is_drawn_only_where_it_is_allowed() -> None:
    plan = strategies._plan(greatest(), FREE._replace(allow_past=False), (ORDINARY,))
    assert plan.past == 0


def test_one_channel_has_one_weight_and_one_bias_and_three_have_at_most_three() -> None:
    for channels, most in ((1, 1), (3, 3), (4, 4), (9, 4)):
        plan = strategies._plan(
            greatest(), FREE._replace(channels=(channels, channels)), (ORDINARY,)
        )
        assert (plan.channels, len(plan.weight), len(plan.bias)) == (channels, most, most)


def test_the_variant_is_the_first_choice() -> None:
    for number, sizes in enumerate(KINDS["edge"]):
        plan = strategies._plan(least_but(0, number), FREE, KINDS["edge"])
        lows = (sizes.context[0], sizes.targets[0], sizes.channels[0], sizes.side[0])
        assert (plan.context, plan.targets, plan.channels, plan.spatial[0]) == lows


ALPHA, PROFILE = 6, 9
"""Which choice decides how extreme alpha is, and which the profile."""


@pytest.mark.parametrize(
    ("sizes", "first"),
    [(KINDS["edge"][0], 8), (KINDS["edge"][-1], 8), (ORDINARY, 15), (KINDS["large"][0], 15)],
)
def test_alpha_is_extreme_for_half_of_the_edges_and_for_one_other_in_sixteen(
    sizes: Sizes, first: int
) -> None:
    choices = [least_but(ALPHA, number) for number in range(16)]
    drawn = [strategies._plan(each, FREE, (sizes,)) for each in choices]
    assert {each.ranges[ALPHA] for each in choices} == {(0, 15)}
    extreme = [number for number in range(16) if drawn[number].alpha_offset == EXTREMES[0]]
    assert extreme == [*range(first, 16)]


def test_a_choice_leaves_the_choices_after_it_as_they_were() -> None:
    """So that a shrinker makes one plainer without disturbing the others."""
    for where, most in ((ALPHA, 16), (PROFILE, len(PROFILES))):
        choices = [least_but(where, number) for number in range(most)]
        assert len({strategies._plan(each, FREE, (ORDINARY,)) for each in choices}) > 1
        assert all(each.ranges == choices[0].ranges for each in choices)


def alpha(scale: float, offset: float, context: int) -> float:
    return 1 / (1 + math.exp(-(scale * context + offset)))


CONTEXTS = [1, 2, 3, 4, 5, 8, 9, 24, 40]


@pytest.mark.parametrize("context", CONTEXTS)
def test_an_ordinary_alpha_is_within_a_hundredth_of_neither_end(context: int) -> None:
    found = set()
    for along in range(len(LOGITS)):
        for offset in range(len(LOGITS)):
            pair = strategies._draw_alpha(these(14, along, offset), context, often=False)
            assert pair[1] == LOGITS[offset]
            assert 0.01 < alpha(*pair, context) < 0.99
            found.add(pair)
    assert len(found) == len(set(LOGITS)) ** 2


@pytest.mark.parametrize("context", CONTEXTS)
def test_an_extreme_alpha_is_beyond_through_the_scale_or_through_the_offset(context: int) -> None:
    for number, argument in enumerate(EXTREMES):
        by_offset = strategies._draw_alpha(these(15, number, 0), context, often=False)
        assert by_offset == (0.0, argument)
        scale, offset = strategies._draw_alpha(these(15, number, 1), context, often=False)
        assert offset == 0
        # Twice the argument over the next power of two: from one to two times it in all.
        assert 1 <= scale * context / argument <= 2
        for value in (alpha(*by_offset, context), alpha(scale, offset, context)):
            assert value < 0.01 or value > 0.99
    pairs = [strategies._draw_alpha(these(15, 0, way), context, often=False) for way in range(8)]
    assert [scale == 0 for scale, _ in pairs] == [True, False] * 4
    assert [offset == 0 for _, offset in pairs] == [False, True] * 4


@pytest.mark.parametrize(
    ("context", "divided_by"),
    [(1, 1), (2, 2), (3, 4), (4, 4), (5, 8), (8, 8), (9, 16), (33, 64)],
)
def test_the_scale_is_over_the_next_power_of_two_of_the_context_size(
    context: int, divided_by: int
) -> None:
    scale, _ = strategies._draw_alpha(these(0, 6, 0), context, often=False)
    assert scale == LOGITS[6] / divided_by


@pytest.mark.parametrize(
    ("changes", "low", "high"),
    [
        ({}, (2, 2, 2, (2, 2)), (6, 5, 5, (4, 4))),
        ({"rank": 0}, (2, 2, 2, ()), (6, 5, 5, ())),
        ({"rank": 3}, (2, 2, 2, (2, 2, 2)), (6, 5, 5, (4, 4, 4))),
        ({"step": 4}, (2, 2, 8, (2, 2)), (6, 5, 20, (4, 4))),
        ({"step": 4, "channels": (13, None)}, (2, 2, 16, (2, 2)), (6, 5, 20, (4, 4))),
        ({"step": 4, "channels": (12, 19)}, (2, 2, 12, (2, 2)), (6, 5, 16, (4, 4))),
        ({"step": 4, "channels": (1, 4)}, (2, 2, 4, (2, 2)), (6, 5, 4, (4, 4))),
        ({"context": (3, 4)}, (3, 2, 2, (2, 2)), (4, 5, 5, (4, 4))),
        ({"targets": (3, 4)}, (2, 3, 2, (2, 2)), (6, 4, 5, (4, 4))),
        ({"channels": (3, 4)}, (2, 2, 3, (2, 2)), (6, 5, 4, (4, 4))),
        ({"side": (3, 3)}, (2, 2, 2, (3, 3)), (6, 5, 5, (3, 3))),
        ({"channels": (8, None)}, (2, 2, 8, (2, 2)), (6, 5, 8, (4, 4))),
    ],
)
def test_sizes_are_drawn_from_the_usual_ranges_within_the_limits(
    changes: dict[str, Any], low: tuple[Any, ...], high: tuple[Any, ...]
) -> None:
    options = FREE._replace(**changes)
    assert strategies._draw_sizes(least(), options, ORDINARY) == low
    assert strategies._draw_sizes(greatest(), options, ORDINARY) == high


def test_only_large_plans_are_cut() -> None:
    many = FREE._replace(channels=(20_000, 20_000))
    assert strategies._draw_sizes(greatest(), many, ORDINARY) == (6, 5, 20_000, (4, 4))
    assert strategies._draw_sizes(greatest(), many, KINDS["large"][0]) == (2, 2, 20_000, (2, 2))


@pytest.mark.parametrize(
    ("sizes", "options", "fitted"),
    [
        # As many values as there may be, and one item more.
        ((40, 20, 10, (10, 10)), {}, (40, 20, 10, (10, 10))),
        ((41, 20, 10, (10, 10)), {}, (41, 20, 10, (5, 5))),
        # The longest sides first, to no less than half of the longest.
        ((10, 10, 3, (30, 4, 12)), {}, (10, 10, 3, (15, 4, 12))),
        ((24, 16, 3, (30, 4, 12)), {}, (24, 16, 3, (7, 4, 7))),
        ((30, 30, 250, (3, 3)), {}, (30, 30, 250, (2, 2))),
        # Then the context, then the targets, each to no less than two or its minimum.
        ((40, 30, 250, (3, 3)), {}, (20, 30, 250, (2, 2))),
        ((40, 30, 1_000, (2,)), {}, (2, 15, 1_000, (2,))),
        ((9, 9, 10_000, ()), {}, (2, 4, 10_000, ())),
        ((3, 3, 15_000, ()), {}, (2, 2, 15_000, ())),
        ((3, 3, 20_000, ()), {}, (2, 2, 20_000, ())),
        ((30, 30, 5_000, (8, 8)), {"side": (6, None)}, (2, 2, 5_000, (6, 6))),
        ((30, 30, 5_000, ()), {"context": (11, None)}, (11, 2, 5_000, ())),
        ((30, 30, 5_000, ()), {"targets": (11, None)}, (2, 11, 5_000, ())),
        ((30, 30, 5_000, ()), {"context": (30, None), "targets": (30, None)}, (30, 30, 5_000, ())),
        # Nothing is left to halve.
        ((2, 2, 20_000, (2, 2)), {}, (2, 2, 20_000, (2, 2))),
        ((1, 0, 70_000, (1,)), {}, (1, 0, 70_000, (1,))),
    ],
)
def test_large_sizes_are_halved_until_values_are_few(
    sizes: tuple[int, int, int, tuple[int, ...]],
    options: dict[str, tuple[int, None]],
    fitted: tuple[int, int, int, tuple[int, ...]],
) -> None:
    assert strategies._fitted(*sizes, FREE._replace(**options)) == fitted  # type: ignore[arg-type]  # fields of Options
