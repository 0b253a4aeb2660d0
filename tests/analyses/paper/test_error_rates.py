"""Verdicts on simulated claims whose truth is known: errors stay below one in twenty."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from tnverify.analyses.paper import Arm, Claim, MeasuredEvidence, Setting, judge
from tnverify.analyses.paper.requirements import InFirstGroup, Ranked, Spread, above_each
from tnverify.analyses.paper.verdicts import corrected
from tnverify.analyses.statistics import two_level

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tnverify.analyses.paper.requirements import Requirement

HERE = Setting("maml", "fixed")
ARMS = tuple(Arm(f"scheme {i}") for i in range(17))
OWN, RIVALS = ARMS[0], ARMS[1:]
ALLOWED = 0.05


def world(
    truths: Mapping[Arm, float], seed: int, *, seeds: int = 5, tasks: int = 200, sets: int = 1,
    training: float = 1.0,
) -> MeasuredEvidence:  # fmt: skip
    """Results per task of arms whose true accuracies are known, each training a bit off them."""
    rng = np.random.default_rng(seed)
    parts = []
    for name in range(sets):
        hard = rng.normal(0, 6, tasks)
        for arm, truth in truths.items():
            values = truth + rng.normal(0, training, (seeds, 1)) + hard
            values = values + rng.normal(0, 6, (seeds, tasks))
            parts.append(
                pd.DataFrame(
                    {"learner": "maml", "tasks": "fixed", "configuration": f"set {name}", "way": 5,
                     "shot": 1, "scheme": arm.scheme, "alpha": None, "per_channel": None,
                     "target_batching": "all", "seed": np.repeat(range(seeds), tasks),
                     "task": np.tile(range(tasks), seeds), "accuracy": values.ravel()}
                )
            )  # fmt: skip
    schemes = [arm.scheme for arm in truths]
    trainings = pd.DataFrame(
        {"learner": "maml", "tasks": "fixed", "way": 5, "shot": 1, "scheme": schemes,
         "alpha": None, "per_channel": None, "seed": 0, "whole": 60.0, "half": 59.9,
         "pixels": 30.0}
    )  # fmt: skip
    return MeasuredEvidence(pd.concat(parts), trainings=trainings, resamples=200)


def rate(outcome: str, truths: Mapping[Arm, float], *requirements: Requirement, worlds: int,
         **more: float) -> float:  # fmt: skip
    """How often such a claim comes out like this."""
    claim = Claim(0, "", "", requirements)
    found = [judge(claim, world(truths, seed, **more)).outcome for seed in range(worlds)]  # type: ignore[arg-type]  # counts and a deviation
    assert "not judged" not in found
    return found.count(outcome) / worlds


@pytest.mark.parametrize("seeds", [3, 5])
def test_a_claim_true_by_a_point_in_each_of_sixteen_is_not_contradicted(seeds: int) -> None:
    truths = {OWN: 61.0} | dict.fromkeys(RIVALS, 60.0)
    sixteen = above_each(HERE, OWN, RIVALS)
    assert rate("contradicted", truths, *sixteen, worlds=20, seeds=seeds) <= ALLOWED


def test_without_the_correction_it_would_be() -> None:
    """The reason of the rules: of one seed any of sixteen intervals below zero contradicted it."""
    truths = {OWN: 61.0} | dict.fromkeys(RIVALS, 60.0)
    refuted = 0
    for seed in range(8):
        evidence = world(truths, seed, seeds=1)
        found = [evidence.differences(HERE, [OWN], [rival]) for rival in RIVALS]
        refuted += any(each is not None and each.mean.high < 0 for each in found)
    assert refuted / 8 > 3 * ALLOWED


@pytest.mark.parametrize("seeds", [3, 5])
def test_a_claim_false_in_one_of_its_comparisons_is_not_reproduced(seeds: int) -> None:
    truths = {OWN: 60.0} | dict.fromkeys(RIVALS[:3], 50.0) | {RIVALS[3]: 60.0}
    four = above_each(HERE, OWN, RIVALS[:4])
    assert rate("reproduced", truths, *four, worlds=40, seeds=seeds) <= ALLOWED


def test_what_is_true_or_false_by_far_is_told() -> None:
    true = {OWN: 66.0} | dict.fromkeys(RIVALS[:4], 60.0)
    false = {OWN: 54.0} | dict.fromkeys(RIVALS[:4], 60.0)
    four = above_each(HERE, OWN, RIVALS[:4])
    assert rate("reproduced", true, *four, worlds=10) == 1.0
    assert rate("contradicted", false, *four, worlds=10) == 1.0


def test_a_rank_that_is_luck_is_not_reproduced() -> None:
    level = dict.fromkeys(ARMS[:4], 60.0)
    first = Ranked(HERE, OWN, ARMS[:4])
    more = {"sets": 10, "tasks": 200, "worlds": 6}
    assert rate("reproduced", level, first, **more) <= ALLOWED  # type: ignore[arg-type]  # counts
    ahead = level | {OWN: 65.0}
    assert rate("reproduced", ahead, first, sets=10, worlds=2) == 1.0
    assert rate("contradicted", level | {OWN: 55.0}, first, sets=10, worlds=2) == 1.0
    group = InFirstGroup(HERE, OWN, ARMS[:4])
    assert rate("reproduced", ahead, group, sets=10, worlds=2) == 1.0
    assert rate("contradicted", level | {OWN: 50.0}, group, sets=10, worlds=2) == 1.0


@pytest.mark.parametrize(
    ("spread", "bound", "wrong"),
    [(3.0, "at_most", "reproduced"), (3.0, "at_least", "reproduced"),
     (2.0, "at_most", "contradicted"), (4.0, "at_least", "contradicted")],
)  # fmt: skip
def test_the_range_of_many_schemes_is_not_that_of_their_noise(
    spread: float, bound: str, wrong: str
) -> None:
    truths = {arm: 60.0 + spread * (i == 0) / 2 - spread * (i == 1) / 2
              for i, arm in enumerate(ARMS[:8])}  # fmt: skip
    asked = Spread(HERE, ARMS[:8], bound, 3.0)  # type: ignore[arg-type]  # one of the two
    assert rate(wrong, truths, asked, worlds=20, training=0.5) <= ALLOWED


def test_p_values_agree_with_intervals_and_with_what_they_promise() -> None:
    below = 0
    for seed in range(400):
        rng = np.random.default_rng(seed)
        values = rng.normal(0, 1, (4, 1)) + rng.normal(0, 3, 50) + rng.normal(0, 3, (4, 50))
        found = two_level(values, rng, resamples=400).widest
        p = found.p_value(0.0)
        assert (p < 0.05) == found.excludes(0.0)
        below += p < 0.01
    assert below / 400 <= 0.02


def test_holms_correction_spares_one_of_many() -> None:
    claim = Claim(0, "", "", above_each(HERE, OWN, RIVALS[:1]))
    (finding,) = judge(claim, world({OWN: 50.0, RIVALS[0]: 60.0}, 0)).findings
    one = replace(finding, outcome="contradicted", refutations=(0.03,))
    assert [each.outcome for each in corrected([one])] == ["contradicted"]
    rest = [replace(finding, outcome="reproduced", refutations=(1.0,))] * 15
    assert corrected([one, *rest])[0].outcome == "undecided"
