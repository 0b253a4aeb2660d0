"""Each requirement met, contradicted, undecided and not measured, by evidence made up for it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from tnverify.analyses.paper import Arm, Cells, Differences, Outcome, Setting, find
from tnverify.analyses.paper.findings import Finding
from tnverify.analyses.paper.requirements import (
    Above,
    AlphaRises,
    AtChance,
    GroupAbove,
    InFirstGroup,
    Ranked,
    Requirement,
    SameForEveryBatching,
    Shrinks,
    Spread,
    in_order,
)
from tnverify.analyses.paper.rules import Standing
from tnverify.analyses.paper.verdicts import together
from tnverify.analyses.statistics import Estimate

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

A, B, C = Arm("tasknorm_i"), Arm("meta_bn"), Arm("layer_norm")
HERE, THERE = Setting("maml", "fixed", shot=1), Setting("maml", "fixed", shot=5)


@dataclass
class Made:
    """Evidence with the same means for every setting, but for `shift` in one of them."""

    means: dict[Arm, list[float]] = field(default_factory=dict)
    half: float = 1.0
    batching: dict[str, bool] = field(default_factory=dict)
    alpha: pd.DataFrame | None = None
    chance: float | None = None
    shift: float = 0.0
    stands: Standing | None = None

    def cells(self, setting: Setting, arms: Sequence[Arm]) -> Cells | None:
        if not all(arm in self.means for arm in arms):
            return None
        means = np.array([self.means[arm] for arm in arms]).T
        names = tuple(f"set {i}" for i in range(len(means)))
        return Cells(names, means, np.full_like(means, self.half))

    def differences(
        self, setting: Setting, first: Sequence[Arm], second: Sequence[Arm]
    ) -> Differences | None:
        sides = self.cells(setting, first), self.cells(setting, second)
        if sides[0] is None or sides[1] is None:
            return None
        cells, other = sides
        gaps = cells.means.mean(axis=1) - other.means.mean(axis=1)
        gaps = gaps + (self.shift if setting == HERE else 0.0)
        each = {
            name: Estimate(gap, gap - self.half, gap + self.half)
            for name, gap in zip(cells.configurations, map(float, gaps), strict=True)
        }
        mean = float(gaps.mean())
        return Differences(each, Estimate(mean, mean - self.half, mean + self.half))

    def change(self, small: Setting, large: Setting, first: Arm, second: Arm) -> Estimate | None:
        one, other = (self.differences(s, [first], [second]) for s in (small, large))
        if one is None or other is None:
            return None
        gap, half = one.mean.value - other.mean.value, self.half * 2**0.5
        return Estimate(gap, gap - half, gap + half)

    def spread(self, setting: Setting, arms: Sequence[Arm]) -> Estimate | None:
        cells = self.cells(setting, arms)
        if cells is None:
            return None
        gap = float(np.ptp(cells.means.mean(axis=0)))
        return Estimate(gap, gap - self.half, gap + self.half)

    def draws(self, setting: Setting, arms: Sequence[Arm]) -> np.ndarray | None:
        cells = self.cells(setting, arms)
        return None if cells is None else cells.means[None]

    def standing(self, settings: Sequence[Setting], arms: Sequence[Arm]) -> Standing | None:
        return self.stands

    def same_for_every_batching(self, setting: Setting, scheme: str) -> bool | None:
        return self.batching.get(scheme)

    def alphas(self, setting: Setting) -> pd.DataFrame | None:
        return self.alpha

    def chances(self, setting: Setting) -> Mapping[str, float] | None:
        return None if self.chance is None else {f"set {i}": self.chance for i in range(9)}


def rising(*curves: list[float]) -> pd.DataFrame:
    sizes = [1, 10, 30]
    rows = [
        (layer, size, a) for layer, c in enumerate(curves) for size, a in zip(sizes, c, strict=True)
    ]
    return pd.DataFrame(rows, columns=["layer", "context_size", "alpha"])


RISES = AlphaRises(HERE, at_size=30, reaches=0.9, by=0.1)
FIRST, LAST = Ranked(HERE, A, (A, B, C)), Ranked(HERE, A, (A, B, C), "last")
GROUP = InFirstGroup(HERE, A, (A, B), at_least=0.75, refuted_below=0.5)
SAME = SameForEveryBatching(HERE, ("meta_bn", "layer_norm"))

CASES: list[tuple[Requirement, Made, Outcome]] = [
    (Above(HERE, A, B), Made({A: [52.0, 53.0], B: [50.0, 50.0]}), "reproduced"),
    (Above(HERE, A, B), Made({A: [50.5], B: [50.0]}), "undecided"),
    (Above(HERE, A, B), Made({A: [50.0], B: [50.2]}, half=0.5), "no difference that matters"),
    (Above(HERE, A, B), Made({A: [50.0], B: [50.4]}, half=0.8), "undecided"),
    (Above(HERE, A, B), Made({A: [48.0], B: [50.0]}), "contradicted"),
    # One arm of the group below is better, and the group is not.
    (GroupAbove(HERE, (A,), (B, C)), Made({A: [50.0], B: [52.0], C: [30.0]}), "reproduced"),
    (GroupAbove(HERE, (A,), (B, C)), Made({A: [50.0], B: [52.0], C: [52.0]}), "contradicted"),
    (GroupAbove(HERE, (A,), (B, C)), Made({A: [50.0], C: [52.0]}), "contradicted"),
    (GroupAbove(HERE, (A,), (B, C)), Made({A: [50.0]}), "not measured"),
    (Above(HERE, A, B), Made({A: [48.0]}), "not measured"),
    (Above(HERE, A, B, by=10.0), Made({A: [58.0], B: [50.0]}), "contradicted"),
    (Above(HERE, A, B, by=-2.0), Made({A: [49.5], B: [50.0]}), "reproduced"),
    (Above(HERE, A, B, scope="each"), Made({A: [52.0, 53.0], B: [50.0, 50.0]}), "reproduced"),
    (Above(HERE, A, B, scope="each"), Made({A: [59.0, 50.5], B: [50.0, 50.0]}), "undecided"),
    (Above(HERE, A, B, scope="each"), Made({A: [59.0, 48.5], B: [50.0, 50.0]}), "contradicted"),
    (SAME, Made(batching={"meta_bn": True}), "reproduced"),
    (SAME, Made(batching={"meta_bn": True, "layer_norm": False}), "contradicted"),
    (SAME, Made(batching={"instance_norm": False}), "not measured"),
    (AtChance(HERE, A), Made({A: [20.5, 19.5]}, chance=20.0), "reproduced"),
    (AtChance(HERE, A), Made({A: [20.0, 21.5]}, chance=20.0), "undecided"),
    (AtChance(HERE, A), Made({A: [20.0, 24.0]}, chance=20.0), "contradicted"),
    (AtChance(HERE, A), Made({A: [20.0, 16.0]}, chance=20.0), "contradicted"),
    (AtChance(HERE, A), Made({A: [20.0]}), "not measured"),
    (FIRST, Made({A: [60.0], B: [50.0], C: [40.0]}), "reproduced"),
    (FIRST, Made({A: [60.0], B: [40.0]}), "reproduced"),
    (FIRST, Made({A: [50.0], B: [50.5], C: [40.0]}), "undecided"),
    (FIRST, Made({A: [40.0], B: [50.0], C: [60.0]}), "contradicted"),
    # Better on average, but behind in two of three: ranks are what the claim is about.
    (
        FIRST,
        Made({A: [50.0, 50.0, 80.0], B: [52.0, 52.0, 60.0], C: [9.0, 9.0, 9.0]}),
        "contradicted",
    ),
    (FIRST, Made({B: [40.0], C: [60.0]}), "not measured"),
    (FIRST, Made({A: [40.0]}), "not measured"),
    (LAST, Made({A: [40.0], B: [50.0], C: [60.0]}), "reproduced"),
    (LAST, Made({A: [50.0], B: [40.0], C: [60.0]}), "contradicted"),
    (LAST, Made({A: [50.0], B: [49.5], C: [60.0]}), "undecided"),
    (GROUP, Made({A: [50.0, 50.0, 50.0, 50.0], B: [49.5, 50.5, 40.0, 60.0]}), "reproduced"),
    (GROUP, Made({A: [50.0, 50.0], B: [49.5, 60.0]}), "undecided"),
    (GROUP, Made({A: [50.0, 50.0, 50.0], B: [49.5, 60.0, 60.0]}), "contradicted"),
    (GROUP, Made({B: [1.0]}), "not measured"),
    (Spread(HERE, (A, B, C), "at_least", 3.0), Made({A: [50.0], B: [55.0]}), "reproduced"),
    (Spread(HERE, (A, B, C), "at_least", 3.0), Made({A: [50.0], B: [51.0]}), "contradicted"),
    (Spread(HERE, (A, B, C), "at_least", 3.0), Made({A: [50.0], B: [53.5]}), "undecided"),
    (Spread(HERE, (A, B, C), "at_most", 3.0), Made({A: [50.0], B: [51.0]}), "reproduced"),
    (Spread(HERE, (A, B, C), "at_most", 3.0), Made({A: [50.0], C: [55.0]}), "contradicted"),
    (Spread(HERE, (A, B, C), "at_most", 3.0), Made({A: [50.0]}), "not measured"),
    (Shrinks(HERE, THERE, A, B), Made({A: [50.0], B: [50.0]}, shift=3.0), "reproduced"),
    (Shrinks(HERE, THERE, A, B), Made({A: [50.0], B: [50.0]}, shift=-3.0), "contradicted"),
    # Both intervals count: 1.2 would clear one of them.
    (Shrinks(HERE, THERE, A, B), Made({A: [50.0], B: [50.0]}, shift=1.2), "undecided"),
    (Shrinks(HERE, THERE, A, B), Made({A: [50.0]}), "not measured"),
    (RISES, Made(alpha=rising([0.6, 0.8, 0.95], [0.5, 0.7, 0.9])), "reproduced"),
    (RISES, Made(alpha=rising([0.6, 0.8, 0.95], [0.5, 0.7, 0.8])), "undecided"),
    (RISES, Made(alpha=rising([0.6, 0.5, 0.95])), "undecided"),
    (RISES, Made(alpha=rising([0.6, 0.8, 0.95], [0.92, 0.91, 0.99])), "undecided"),
    (RISES, Made(alpha=rising([0.6, 0.8, 0.95], [0.95, 0.93, 0.9])), "contradicted"),
    (RISES, Made(alpha=rising([0.6, 0.8, 0.95])[:2]), "not measured"),
    (RISES, Made(), "not measured"),
]


@pytest.mark.parametrize(("requirement", "evidence", "outcome"), CASES)
def test_a_requirement_is_decided_by_what_was_measured(
    requirement: Requirement, evidence: Made, outcome: Outcome
) -> None:
    found = find(requirement, evidence)
    assert found.outcome == outcome, found.text
    assert found.requirement == requirement


def test_a_finding_tells_its_figures() -> None:
    found = find(Above(HERE, A, B), Made({A: [52.0, 53.0], B: [50.0, 50.0]}))
    assert found.text == "+2.50 [+1.50, +3.50]"
    assert found.effect == Estimate(2.5, 1.5, 3.5)
    ranked = find(FIRST, Made({A: [60.0], B: [40.0]}))
    assert "(2 of 3 schemes measured)" in ranked.text


def test_an_order_of_groups_compares_the_mean_of_each_with_that_of_the_next() -> None:
    pairs = [(r.higher, r.lower) for r in in_order(HERE, (A, B), (C,), (A,))]
    assert pairs == [((A, B), (C,)), ((C,), (A,))]


@pytest.mark.parametrize(
    ("outcomes", "expected"),
    [
        ([], "not measured"),
        (["not measured", "not measured"], "not measured"),
        (["not measured", "not judged"], "not judged"),
        (["not judged", "reproduced"], "reproduced"),
        (["reproduced", "no difference that matters"], "no difference that matters"),
        (["reproduced", "not measured"], "reproduced"),
        (["reproduced", "undecided"], "undecided"),
        (["undecided", "contradicted", "reproduced"], "contradicted"),
    ],
)
def test_one_contradiction_contradicts(outcomes: list[Outcome], expected: Outcome) -> None:
    assert together([Finding(SAME, outcome, "") for outcome in outcomes]) == expected


def test_what_is_no_requirement_is_refused() -> None:
    with pytest.raises(TypeError, match="is no requirement"):
        find("above", Made())


SOUND = Standing(seeds=5, tasks=200, domains=10, change=0.5, above_pixels=3.0)
ORDER = GroupAbove(HERE, (A,), (B,))
APART = {A: [60.0], B: [50.0], C: [40.0]}


@pytest.mark.parametrize(
    ("requirement", "changed", "reason"),
    [
        (Above(HERE, A, B), {}, ""),
        (Above(HERE, A, B), {"seeds": 3}, ""),
        (Above(HERE, A, B), {"seeds": 2}, "2 training seeds, and 3 are needed"),
        (Above(HERE, A, B), {"tasks": 199}, "199 test tasks a cell, and 200 are needed"),
        (Above(HERE, A, B), {"tasks": None}, ""),
        (Above(HERE, A, B), {"change": None}, "no run of half the budget"),
        (Above(HERE, A, B), {"change": 3.6}, "not seen at this budget: its second half"),
        (Above(HERE, A, B), {"change": -1.0}, "not seen at this budget: its second half"),
        (Above(HERE, A, B), {"above_pixels": None}, "raw pixels were not measured"),
        (Above(HERE, A, B), {"above_pixels": -1.0}, "not above raw pixels"),
        (Above(HERE, A, B), {"domains": 1}, ""),
        (ORDER, {}, ""),
        (ORDER, {"seeds": 4}, "4 training seeds, and 5 are needed"),
        (FIRST, {}, ""),
        (FIRST, {"domains": 3}, "3 domains, and ranks need 10"),
        (SAME, {"change": None, "above_pixels": None}, ""),
        (SAME, {"tasks": 6}, "6 test tasks a cell"),
        (AtChance(HERE, A), {"above_pixels": -30.0}, ""),
        (AtChance(HERE, A), {"change": 2.0}, "not seen at this budget"),
    ],
)
def test_what_the_rules_ask_for_is_missing_or_there(
    requirement: Requirement, changed: dict[str, Any], reason: str
) -> None:
    stands = replace(SOUND, **changed)
    made = Made(APART, stands=stands, batching={"meta_bn": True}, chance=20.0)
    found = find(requirement, made)
    assert found.outcome != "not measured"
    assert (found.outcome == "not judged") == bool(reason)
    assert reason in found.text
    free = find(requirement, replace(made, stands=None))
    if not reason:
        assert found == free
    else:
        assert free.text in found.text
        assert not found.refutations
