"""How many tasks: against statsmodels, and against tests that are really made."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.power import TTestPower

from tnverify.analyses.statistics import (
    detectable_difference,
    power_of,
    samples_needed,
    tasks_needed_with_seeds,
)


@pytest.mark.parametrize("effect", [0.05, 0.3, 1.0, 3.0])
@pytest.mark.parametrize("power", [0.8, 0.95])
def test_the_numbers_are_those_of_statsmodels(effect: float, power: float) -> None:
    needed = samples_needed(2.0 * effect, 2.0, power=power)
    expected = TTestPower().solve_power(effect_size=effect, alpha=0.05, power=power)
    assert needed == max(2, math.ceil(float(np.squeeze(expected))))
    assert samples_needed(-2.0 * effect, 2.0, power=power) == needed


@pytest.mark.parametrize("samples", [5, 50, 600])
def test_the_detectable_difference_needs_just_that_many(samples: int) -> None:
    difference = detectable_difference(samples, 10.0)
    assert power_of(samples, difference, 10.0) == pytest.approx(0.8)
    assert samples_needed(difference * (1 + 1e-6), 10.0) == samples


def test_the_power_is_how_often_a_test_sees_it() -> None:
    generator = np.random.default_rng(1)
    pairs = generator.normal(0.5, 1.0, size=(2000, 30))
    seen = (stats.ttest_1samp(pairs, 0.0, axis=1).pvalue < 0.05).mean()
    power = power_of(30, 0.5, 1.0)
    assert abs(seen - power) < 5 * math.sqrt(power * (1 - power) / 2000)


def test_a_difference_that_cannot_be_missed_is_always_seen() -> None:
    # Here scipy's noncentral t gives NaN for the chance of seeing it with the wrong sign.
    assert power_of(600, 10.0, 10.0) == pytest.approx(1.0, abs=1e-12)


def test_tasks_wear_down_the_tasks_noise_alone() -> None:
    plain = tasks_needed_with_seeds(2.0, task_deviation=10.0, seed_deviation=0.0, seeds=5)
    noisy = tasks_needed_with_seeds(2.0, task_deviation=10.0, seed_deviation=1.0, seeds=5)
    assert plain == pytest.approx(samples_needed(2.0, 10.0), abs=3)
    assert plain < noisy < math.inf
    assert (
        tasks_needed_with_seeds(2.0, task_deviation=10.0, seed_deviation=2.0, seeds=5) == math.inf
    )
    assert tasks_needed_with_seeds(2.0, task_deviation=10.0, seed_deviation=2.0, seeds=50) < noisy


def test_that_many_tasks_and_seeds_show_the_difference_as_often_as_asked() -> None:
    generator = np.random.default_rng(2)
    tasks = tasks_needed_with_seeds(2.0, task_deviation=10.0, seed_deviation=1.0, seeds=5)
    spread = np.hypot(1.0 / math.sqrt(5), 10.0 / math.sqrt(tasks))
    seen = np.abs(generator.normal(2.0, spread, 4000)) > stats.norm.ppf(0.975) * spread
    assert seen.mean() == pytest.approx(0.8, abs=5 * math.sqrt(0.8 * 0.2 / 4000))


def test_what_cannot_be_asked_is_refused() -> None:
    with pytest.raises(ValueError, match="nothing can be seen"):
        samples_needed(0.0, 1.0)
    with pytest.raises(ValueError, match="positive standard deviation"):
        samples_needed(1.0, 0.0)
    with pytest.raises(ValueError, match="more than 1000000000 samples"):
        samples_needed(1e-6, 1.0)
    with pytest.raises(ValueError, match=r"power is 1\.0"):
        samples_needed(1.0, 1.0, power=1.0)
    with pytest.raises(ValueError, match="two or more"):
        power_of(1, 1.0, 1.0)
    with pytest.raises(ValueError, match="0 seeds"):
        tasks_needed_with_seeds(1.0, task_deviation=1.0, seed_deviation=0.0, seeds=0)
