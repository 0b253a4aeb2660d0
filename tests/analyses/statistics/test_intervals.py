"""Intervals of a mean: against statsmodels, and against a truth that is known."""

from __future__ import annotations

import numpy as np
import pytest
from statsmodels.stats.weightstats import DescrStatsW

from tnverify.analyses.statistics import (
    Estimate,
    bootstrap_interval,
    mean_interval,
    paper_interval,
)


@pytest.mark.parametrize("count", [2, 5, 600])
def test_students_interval_is_that_of_statsmodels(count: int) -> None:
    values = np.random.default_rng(1).normal(60.0, 10.0, count)
    low, high = DescrStatsW(values).tconfint_mean(alpha=0.1)
    found = mean_interval(values, level=0.9)
    assert (found.value, found.low, found.high) == pytest.approx((values.mean(), low, high))
    assert found.level == 0.9


def test_the_papers_interval_is_nearly_students_over_600_tasks() -> None:
    values = np.random.default_rng(2).normal(60.0, 10.0, 600)
    papers, students = paper_interval(values), mean_interval(values)
    assert papers.half_width == pytest.approx(1.96 * values.std(ddof=1) / np.sqrt(600))
    assert 1.0 < students.half_width / papers.half_width < 1.003


@pytest.mark.parametrize("level", [0.8, 0.95])
def test_a_bootstrap_interval_covers_the_truth_as_often_as_it_says(level: float) -> None:
    generator = np.random.default_rng(3)
    samples = generator.beta(4, 1, size=(400, 60))
    covered = [
        not bootstrap_interval(s, generator, level=level, resamples=400).excludes(0.8)
        for s in samples
    ]
    # Five standard deviations of a count of 400, and what the bootstrap falls short at 60.
    noise = 5 * np.sqrt(level * (1 - level) / 400)
    assert level - noise - 0.02 < np.mean(covered) < level + noise


def test_the_same_generator_gives_the_same_bootstrap() -> None:
    values = np.random.default_rng(4).normal(size=50)
    first, second, third = (
        bootstrap_interval(values, np.random.default_rng(seed)) for seed in (0, 0, 1)
    )
    assert first == second != third


def test_an_interval_knows_what_it_excludes() -> None:
    interval = Estimate(1.0, 0.0, 2.0)
    assert [interval.excludes(x) for x in (-0.1, 0.0, 2.0, 2.1)] == [True, False, False, True]


@pytest.mark.parametrize(
    ("values", "said"),
    [([1.0], "at least 2"), ([[1.0, 2.0]], "1 dimension"), ([1.0, np.nan], r"\[1\] is nan")],
)
def test_what_has_no_interval_is_refused(values: object, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        mean_interval(values)  # type: ignore[arg-type]  # wrong on purpose
