"""Many schemes on many data sets at once: Friedman's test and Nemenyi's after it (Demšar 2006).

Both take scores as (data sets, schemes), higher better, and look at each data set's ranks alone,
equal scores sharing their mean rank.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import stats

from tnverify.analyses.statistics.checked import Values, checked, checked_share

if TYPE_CHECKING:
    from numpy.typing import ArrayLike


@dataclass(frozen=True, slots=True)
class Friedman:
    """Whether the schemes differ at all.

    `statistic` is chi-squared with its `p_value`; `f_statistic` is Iman and Davenport's form of
    it, less conservative, with `f_p_value`. `mean_ranks` are over data sets, 1 the best.
    """

    statistic: float
    p_value: float
    f_statistic: float
    f_p_value: float
    mean_ranks: tuple[float, ...]
    data_sets: int


def friedman(scores: ArrayLike) -> Friedman:
    """Friedman's test of two or more data sets and three or more schemes."""
    array = checked(scores, "scores", dimensions=2, at_least=3)
    data_sets, schemes = array.shape
    if data_sets < 2:
        raise ValueError("scores are of one data set: ranks of one tell nothing of the next")
    ranks = _ranks(array)
    # Data sets on which all schemes are equal leave nothing to test with.
    tied = (ranks == ranks[:, :1]).all()
    statistic, p = (0.0, 1.0) if tied else stats.friedmanchisquare(*array.T)
    rest = data_sets * (schemes - 1) - statistic
    f = math.inf if rest <= 0 else (data_sets - 1) * statistic / rest
    return Friedman(
        statistic=float(statistic),
        p_value=float(p),
        f_statistic=float(f),
        f_p_value=float(stats.f.sf(f, schemes - 1, (schemes - 1) * (data_sets - 1))),
        mean_ranks=tuple(float(r) for r in ranks.mean(axis=0)),
        data_sets=data_sets,
    )


def nemenyi(scores: ArrayLike) -> Values:
    """The p-value of every two schemes, (schemes, schemes), corrected for their number."""
    array = checked(scores, "scores", dimensions=2, at_least=2)
    data_sets, schemes = array.shape
    mean_ranks = _ranks(array).mean(axis=0)
    apart = np.abs(mean_ranks[:, None] - mean_ranks) / _unit(schemes, data_sets)
    p: Values = np.asarray(stats.studentized_range.sf(apart, schemes, np.inf))
    np.fill_diagonal(p, 1.0)
    return p


def critical_difference(schemes: int, data_sets: int, *, level: float = 0.95) -> float:
    """The mean ranks of two schemes must lie this far apart for Nemenyi to tell them apart."""
    if schemes < 2 or data_sets < 1:
        raise ValueError(f"{schemes} scheme(s) on {data_sets} data set(s): there is no difference")
    quantile = stats.studentized_range.ppf(checked_share(level, "level"), schemes, np.inf)
    return float(quantile) * _unit(schemes, data_sets)


def not_told_apart(mean_ranks: ArrayLike, difference: float) -> tuple[tuple[int, ...], ...]:
    """The bars of a critical-difference diagram: widest runs of schemes within `difference`.

    Each is two or more indices into `mean_ranks`, best rank first; a scheme may be in several.
    """
    ranks = checked(mean_ranks, "mean_ranks")
    order = [int(i) for i in np.argsort(ranks, kind="stable")]
    bars: list[tuple[int, ...]] = []
    reached = 0
    for start in range(len(order)):
        end = start
        while end + 1 < len(order) and ranks[order[end + 1]] - ranks[order[start]] < difference:
            end += 1
        if end > start and end > reached:
            bars.append(tuple(order[start : end + 1]))
            reached = end
    return tuple(bars)


def _ranks(scores: Values) -> Values:
    ranks: Values = stats.rankdata(-scores, axis=1)
    return ranks


def _unit(schemes: int, data_sets: int) -> float:
    """The standard error of a mean rank, by which studentised ranges are measured."""
    return math.sqrt(schemes * (schemes + 1) / (12 * data_sets))
