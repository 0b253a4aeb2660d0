"""Two schemes on identical tasks, and families of such comparisons."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import stats

from tnverify.analyses.statistics.checked import Values, checked, rounding_of
from tnverify.analyses.statistics.intervals import Estimate, bootstrap_interval

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import ArrayLike


_EVERY_SIGN = 2**13
"""The most signs of the differences that are gone through one and all, for an exact p-value."""


@dataclass(frozen=True, slots=True)
class PairedComparison:
    """First minus second, task by task.

    `p_value` is Wilcoxon's, two-sided; `wins`, `ties` and `losses` count the tasks on which the
    first is above, equal to and below the second.
    """

    difference: Estimate
    p_value: float
    wins: int
    ties: int
    losses: int

    @property
    def tasks(self) -> int:
        return self.wins + self.ties + self.losses


@dataclass(frozen=True, slots=True)
class FamilyMember:
    """One comparison of a family, with its p-value after Holm's correction over all of them."""

    first: str
    second: str
    comparison: PairedComparison
    adjusted_p_value: float


def compare_paired(
    first: ArrayLike,
    second: ArrayLike,
    generator: np.random.Generator,
    *,
    level: float = 0.95,
    resamples: int = 2000,
) -> PairedComparison:
    """The comparison of per-task values of one trained model each, entry i of both on task i.

    Accuracies are shares of few targets, so many differences are equal on paper and differ in
    their last bits, by which Wilcoxon would rank them; those are made equal first. Tasks without
    a difference take part as Pratt has it: they are ranked, then left out of the sum. What this
    compares is two trained models: noise between training runs is in `two_level` alone.
    """
    a, b = checked(first, "first"), checked(second, "second", at_least=2)
    if a.shape != b.shape:
        raise ValueError(f"first has {a.size} tasks and second {b.size}: compare identical tasks")
    differences = without_rounding(a - b, rounding_of(first, second))
    positive, negative = int((differences > 0).sum()), int((differences < 0).sum())
    return PairedComparison(
        difference=bootstrap_interval(a - b, generator, level=level, resamples=resamples),
        p_value=_wilcoxon(differences),
        wins=positive,
        ties=differences.size - positive - negative,
        losses=negative,
    )


def compare_family(
    values: Mapping[str, ArrayLike],
    generator: np.random.Generator,
    *,
    pairs: Sequence[tuple[str, str]] | None = None,
    level: float = 0.95,
    resamples: int = 2000,
) -> tuple[FamilyMember, ...]:
    """Comparisons of named per-task values; p-values are Holm's over `pairs`.

    No `pairs` means every two of `values`. A comparison's interval is not widened for the
    others, and does not depend on which others there are.
    """
    chosen = list(itertools.combinations(values, 2)) if pairs is None else list(pairs)
    # Each pair resamples the same draws: comparing A with C is then not shuffled anew by B.
    seed = int(generator.integers(2**63))
    compared = [
        compare_paired(
            values[first], values[second], np.random.default_rng(seed), level=level,
            resamples=resamples,
        )
        for first, second in chosen
    ]  # fmt: skip
    adjusted = holm([each.p_value for each in compared])
    return tuple(
        FamilyMember(first, second, comparison, float(p))
        for (first, second), comparison, p in zip(chosen, compared, adjusted, strict=True)
    )


def holm(p_values: ArrayLike) -> Values:
    """p-values after Holm's step-down correction, in the order given.

    Rejecting where they fall below 0.05 keeps the chance of any false rejection below 0.05.
    """
    given = np.asarray(p_values, dtype=np.float64)
    if given.size == 0:
        return given
    p = checked(given, "p_values")
    order = np.argsort(p, kind="stable")
    stepped = np.maximum.accumulate(p[order] * np.arange(p.size, 0, -1))
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(stepped, 1.0)
    return adjusted


def without_rounding(differences: Values, unit: float) -> Values:
    """`differences` with those whose sizes are within `unit` of one another made equal in size."""
    sizes = np.abs(differences)
    order = np.argsort(sizes, kind="stable")
    starts = np.diff(sizes[order], prepend=-np.inf) > unit
    levels = np.empty_like(sizes)
    levels[order] = sizes[order][starts][np.cumsum(starts) - 1]
    levels[levels <= unit] = 0.0
    return np.copysign(levels, differences)


def _wilcoxon(differences: Values) -> float:
    if not differences.any():
        return 1.0
    if 2**differences.size <= _EVERY_SIGN:
        # scipy.stats.wilcoxon does the same since 1.13 where there are ties, one by one: seconds.
        found = stats.permutation_test(
            (differences,), _ranks_above, permutation_type="samples", vectorized=True,
            n_resamples=_EVERY_SIGN, axis=-1,
        )  # fmt: skip
        return float(found.pvalue)
    return float(stats.wilcoxon(differences, zero_method="pratt").pvalue)


def _ranks_above(differences: Values, axis: int) -> Values:
    """The sum of the ranks of the positive differences, among all sizes."""
    ranks = stats.rankdata(np.abs(differences), axis=axis)
    above: Values = np.where(differences > 0, ranks, 0.0).sum(axis)
    return above
