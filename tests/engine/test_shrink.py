"""Shrinking: which of two failing plans is the simpler, and how one is found."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from makeshift import subject

from tnverify.engine import shrink as shrinking
from tnverify.engine.shrink import EVALUATIONS, shrink_plan, weight_of
from tnverify.faults.plain import PlainNorm
from tnverify.plans import PROFILES, Plan

if TYPE_CHECKING:
    from collections.abc import Callable

SUBJECT = subject(PlainNorm)
RARE = 987_654_321
"""A seed that Hypothesis does not draw: a plan that needs it is made smaller field by field."""

BIG = Plan(
    context=9,
    targets=7,
    channels=4,
    spatial=(6, 5),
    profile="outliers",
    seed=RARE,
    exponent=3,
    offset=100.0,
    weight=(2.5, -1.0),
    bias=(0.5, 2.0),
    scale=0.25,
    alpha_offset=-3.0,
    past=3,
    overrides=((0, 3, 9.0), (1, 2, 8.0), (0, 1, 7.0)),
)

SIMPLER: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"context": 1}, {"context": 2}),
    ({"past": 0}, {"past": 1}),
    ({"overrides": ((0, 0, 1.0),)}, {"overrides": ((0, 0, 1.0), (0, 1, 1.0))}),
    ({"profile": "grid"}, {"profile": "normal"}),
    ({"exponent": 1}, {"exponent": -2}),
    ({"offset": -1.0}, {"offset": 2.0}),
    ({"weight": (1.0,)}, {"weight": (2.0,)}),
    ({"bias": (0.0,)}, {"bias": (1.0,)}),
    ({"scale": 0.0}, {"scale": 1.0}),
    ({"alpha_offset": 0.0}, {"alpha_offset": -1.0}),
    ({"weight": (2.0,)}, {"weight": (2.0, 2.0)}),
    ({"seed": 1}, {"seed": 2}),
]
"""What makes a plan simpler, and what not; the most important first."""


@pytest.mark.parametrize("place", range(len(SIMPLER)))
def test_what_is_more_important_decides(place: int) -> None:
    """A plan that is simpler in one thing, and less simple in all that matter less, is simpler."""
    simpler, other = SIMPLER[place]
    assert weight_of(Plan(**simpler)) < weight_of(Plan(**other))
    # The number of weights matters less than whether there are any; here they are left alone.
    for better, worse in SIMPLER[place + 1 :]:
        if not set(better) & set(simpler):
            simpler, other = simpler | worse, other | better
    assert weight_of(Plan(**simpler)) < weight_of(Plan(**other))


def test_what_counts_first_is_the_number_of_values() -> None:
    sizes = [(1, 3, 3, (2, 5)), (2, 2, 5, (3, 2)), (4, 0, 3, (1, 10)), (3, 3, 4, (5,))]
    plans = [Plan(context=c, targets=t, channels=n, spatial=s) for c, t, n, s in sizes]
    assert [weight_of(plan)[0] for plan in plans] == [120] * 4
    assert weight_of(Plan(context=3, targets=2, spatial=(), channels=2))[0] == 10


def test_equal_plans_weigh_the_same() -> None:
    assert weight_of(BIG) == weight_of(replace(BIG))
    assert weight_of(replace(BIG, exponent=-3, offset=-100.0)) == weight_of(BIG)


def shrunk(fails: Callable[[Plan], bool], plan: Plan = BIG, step: int = 1) -> Plan:
    """Where everything but `fails` would keep Hypothesis from finding a plan of its own."""
    layer = replace(SUBJECT, channel_step=step)
    return shrink_plan(plan, lambda p: p.seed == RARE and fails(p), layer, 0)


@pytest.mark.parametrize(
    ("field", "fails", "simplest"),
    [
        ("context", lambda value: value >= 5, 5),
        ("context", lambda value: value >= 2, 2),
        ("targets", lambda value: value != 2, 1),
        ("targets", lambda value: value >= 4, 4),
        ("channels", lambda value: value >= 3, 3),
        ("spatial", lambda value: value[0] >= 4, (4, 1)),
        ("spatial", lambda value: value[1] >= 4, (1, 4)),
        ("spatial", lambda value: value[0] + value[1] >= 4, (1, 3)),
        ("past", lambda value: value >= 1, 1),
        ("past", lambda value: value >= 3, 3),
        ("overrides", lambda value: (0, 3, 9.0) in value, ((0, 3, 9.0),)),
        ("overrides", lambda value: (1, 2, 8.0) in value, ((1, 2, 8.0),)),
        ("overrides", lambda value: (0, 1, 7.0) in value, ((0, 1, 7.0),)),
        ("profile", lambda value: value != "grid", "two_values"),
        ("profile", lambda value: value not in PROFILES[:3], PROFILES[3]),
        ("exponent", lambda value: value != 0, 3),
        ("offset", lambda value: value != 0.0, 100.0),
        ("weight", lambda value: value != (1.0,), (2.5,)),
        ("bias", lambda value: value != (0.0,), (0.5,)),
        ("scale", lambda value: value != 0.0, 0.25),
        ("alpha_offset", lambda value: value != 0.0, -3.0),
    ],
)
def test_each_field_is_made_as_simple_as_it_can_be(
    field: str, fails: Callable[[Any], bool], simplest: object
) -> None:
    """And all others as simple as they can be at all."""
    small = shrunk(lambda plan: fails(getattr(plan, field)))
    plain = Plan(context=1, targets=1, channels=1, spatial=(1, 1), seed=RARE)
    assert small == replace(plain, **{field: simplest})


@pytest.mark.parametrize("least", [0, 1, 2])
def test_of_the_seeds_the_smallest_is_taken(least: int) -> None:
    """Of those that are tried when all else is simple."""
    plain = Plan(seed=RARE)
    small = shrink_plan(plain, lambda p: p.seed >= least and p.seed in (0, 1, 2, RARE), SUBJECT, 0)
    assert small == Plan(seed=least)


def test_channels_are_kept_multiples_of_the_layers_step() -> None:
    asked: list[Plan] = []
    small = shrunk(
        lambda plan: asked.append(plan) is None and plan.channels > 3,
        replace(BIG, channels=12),
        step=3,
    )
    assert small.channels == 6
    assert {plan.channels % 3 for plan in asked} == {0}


@pytest.mark.parametrize(("before", "after"), [(0, 0), (1, 1), (7, 1)])
def test_targets_are_kept_where_there_were_any(before: int, after: int) -> None:
    """A task without targets reads ill where the law makes up targets of its own."""
    small = shrink_plan(replace(BIG, targets=before), lambda plan: True, SUBJECT, 0)
    assert small.targets == after
    assert weight_of(small) <= weight_of(Plan(targets=after))


def test_hypothesis_draws_plans_that_suit_the_layer_the_same_for_a_seed() -> None:
    def drawn(seed: int, layer: Any) -> list[Plan]:
        asked: list[Plan] = []
        shrink_plan(BIG, lambda plan: asked.append(plan) is not None, layer, seed)
        return asked

    layer = replace(SUBJECT, rank=1, channel_step=2)
    first = [plan for plan in drawn(1, layer) if plan.seed != RARE and len(plan.spatial) == 1]
    assert len(first) > 20
    assert {plan.channels % 2 for plan in first} == {0}
    assert any(plan.past for plan in first)
    assert drawn(1, layer) == drawn(1, layer)
    assert drawn(1, layer) != drawn(2, layer)


def test_no_plan_is_asked_twice_and_asking_ends() -> None:
    asked: list[Plan] = []
    long = replace(BIG, context=2001)
    small = shrunk(lambda plan: asked.append(plan) is None and plan.context >= 1100, long)
    # Leaps that halve find the threshold with few questions.
    assert small.context == 1100
    assert len(asked) == len(set(asked))
    assert len(asked) <= EVALUATIONS


def test_a_plan_that_cannot_be_simpler_is_given_back() -> None:
    assert shrink_plan(Plan(), lambda plan: True, SUBJECT, 0) == Plan()


def test_a_heavier_plan_that_fails_too_is_not_taken() -> None:
    light = Plan(seed=RARE)
    small = shrink_plan(light, lambda plan: plan == light or plan.context >= 5, SUBJECT, 0)
    assert small == light


def test_a_judge_asks_as_often_as_its_budget_says_and_knows_what_it_asked() -> None:
    asked: list[Plan] = []
    judge = shrinking._Judge(lambda plan: asked.append(plan) is None, 2)
    drawn = [Plan(context=items, targets=1, channels=1, spatial=(1,)) for items in (3, 2, 1)]
    assert [judge(plan) for plan in drawn] == [True, True, False]
    assert [judge(plan) for plan in drawn] == [True, True, False]
    assert asked == drawn[:2]
    assert judge.best == drawn[1]


def test_of_two_plans_of_one_weight_the_first_stays_the_best() -> None:
    first, second = Plan(offset=1.0), Plan(offset=-1.0)
    assert weight_of(first) == weight_of(second)
    judge = shrinking._Judge(lambda _: True, 2)
    assert judge(first)
    assert judge(second)
    assert judge.best == first


def test_all_overrides_are_dropped_at_once_before_one_by_one() -> None:
    simpler = list(shrinking._simpler(BIG, 1))
    whole, one = replace(BIG, overrides=()), replace(BIG, overrides=BIG.overrides[1:])
    assert simpler.index(whole) < simpler.index(one)


def test_the_seeds_that_are_tried_are_the_three_smallest() -> None:
    seeds = [plan.seed for plan in shrinking._simpler(BIG, 1) if plan.seed != BIG.seed]
    assert seeds == [0, 1, 2]


@pytest.mark.parametrize(
    ("size", "smaller"),
    [(1, []), (2, [1]), (3, [1, 2]), (4, [1, 2, 3]), (20, [1, 2, 10, 15, 18, 19])],
)
def test_a_size_is_made_one_two_and_less_by_halves(size: int, smaller: list[int]) -> None:
    assert shrinking._smaller(size) == smaller
