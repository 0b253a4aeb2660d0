"""How many tasks a wanted difference needs, before they are spent."""

from __future__ import annotations

import math

from scipy import optimize, stats

from tnverify.analyses.statistics.checked import checked_share

MOST = 10**9
"""Past this number of samples the answer is "infinitely many"."""


def power_of(samples: int, difference: float, deviation: float, *, level: float = 0.95) -> float:
    """The chance that a paired two-sided t-test of `samples` pairs sees a true `difference`.

    `deviation` is the standard deviation of the paired differences, in the same units.
    """
    if samples < 2:
        raise ValueError(f"samples is {samples}: a test needs two or more")
    _check(difference, deviation)
    limit = stats.t.ppf((1 + checked_share(level, "level")) / 2, samples - 1)
    shift = abs(difference) / deviation * math.sqrt(samples)
    above = stats.nct.sf(limit, samples - 1, shift)
    below = stats.nct.cdf(-limit, samples - 1, shift)
    # Far out in its tails scipy's noncentral t returns NaN for what is nothing.
    return float(above + (0.0 if math.isnan(below) else below))


def samples_needed(
    difference: float, deviation: float, *, power: float = 0.8, level: float = 0.95
) -> int:
    """The fewest pairs with which a paired t-test sees `difference` with chance `power`.

    Pairs are test tasks where `deviation` is that of one model's per-task differences to
    another, and training seeds where it is that of the differences of whole runs.
    """
    checked_share(power, "power")
    _check(difference, deviation)
    high = 2
    while power_of(high, difference, deviation, level=level) < power:
        high *= 2
        if high > MOST:
            raise ValueError(
                f"a difference of {difference} among values that deviate by {deviation} needs "
                f"more than {MOST} samples: ask for a larger one"
            )
    low = max(2, high // 2)
    while low < high:
        middle = (low + high) // 2
        if power_of(middle, difference, deviation, level=level) < power:
            low = middle + 1
        else:
            high = middle
    return low


def detectable_difference(
    samples: int, deviation: float, *, power: float = 0.8, level: float = 0.95
) -> float:
    """The smallest true difference that `samples` pairs show with chance `power`."""
    checked_share(power, "power")

    def missing(difference: float) -> float:
        return power_of(samples, difference, deviation, level=level) - power

    highest = deviation
    while missing(highest) < 0:
        highest *= 2
    return float(optimize.brentq(missing, deviation * 1e-9, highest))


def tasks_needed_with_seeds(
    difference: float,
    *,
    task_deviation: float,
    seed_deviation: float,
    seeds: int,
    power: float = 0.8,
    level: float = 0.95,
) -> float:
    """The fewest tasks, shared by `seeds` training seeds, that show `difference`; or infinity.

    Deviations are those of the differences, between tasks and between seeds (`TwoLevels` has
    both). More tasks wear down the first alone: where the seeds' noise hides the difference, no
    number of tasks shows it, and only more seeds help. By the normal approximation.
    """
    _check(difference, task_deviation)
    if seeds < 1 or seed_deviation < 0:
        raise ValueError(
            f"{seeds} seeds that deviate by {seed_deviation}: pass 1 or more, and >= 0"
        )
    quantiles = stats.norm.ppf((1 + checked_share(level, "level")) / 2) + stats.norm.ppf(
        checked_share(power, "power")
    )
    left = (abs(difference) / quantiles) ** 2 - seed_deviation**2 / seeds
    if left <= 0:
        return math.inf
    return max(2, math.ceil(float(task_deviation**2 / left)))


def _check(difference: float, deviation: float) -> None:
    if difference == 0 or not math.isfinite(difference):
        raise ValueError(f"difference is {difference}: nothing can be seen there; pass another")
    if not (deviation > 0 and math.isfinite(deviation)):
        raise ValueError(f"deviation is {deviation}: pass a positive standard deviation")
