"""The rank rule of Meta-Dataset's leaderboard, by which the paper's tables are ranked.

Triantafillou et al. 2020, as the paper uses it (appendix B): on each data set the best method
left is tied with every other whose difference of means is not larger than 1.96 standard errors
of that difference; tied methods share the mean of the ranks that they take up; then the same
among those left.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tnverify.analyses.statistics.checked import Values, checked, rounding_of

if TYPE_CHECKING:
    from numpy.typing import ArrayLike


def tie_groups(means: ArrayLike, half_widths: ArrayLike) -> tuple[tuple[int, ...], ...]:
    """Indices of the methods of one data set, best group first, each in the order given.

    `half_widths` are those of 0.95 intervals, so that sqrt(h1² + h2²) is 1.96 standard errors
    of a difference. From printed cells this gives the paper's groups exactly.
    """
    mean, half = checked(means, "means"), checked(half_widths, "half_widths")
    if mean.shape != half.shape:
        raise ValueError(f"{mean.size} means have {half.size} half-widths: give each its own")
    # A difference equal to the bound is a tie, also where rounding has it a bit above.
    slack = rounding_of(means, half_widths)
    left = list(range(mean.size))
    groups = []
    while left:
        best = max(left, key=lambda i: mean[i])
        group = tuple(
            i for i in left if mean[best] - mean[i] <= np.hypot(half[best], half[i]) + slack
        )
        groups.append(group)
        left = [i for i in left if i not in group]
    return tuple(groups)


def ranks_of(means: ArrayLike, half_widths: ArrayLike) -> Values:
    """The rank of each method on one data set, 1 the best, tied ones sharing their mean rank."""
    groups = tie_groups(means, half_widths)
    ranks = np.empty(sum(len(group) for group in groups))
    taken = 0
    for group in groups:
        ranks[list(group)] = taken + (len(group) + 1) / 2
        taken += len(group)
    return ranks


def average_ranks(means: ArrayLike, half_widths: ArrayLike) -> Values:
    """The mean over data sets of each method's rank; both arguments are (data sets, methods)."""
    mean = checked(means, "means", dimensions=2)
    half = checked(half_widths, "half_widths", dimensions=2)
    if mean.shape != half.shape:
        raise ValueError(f"means are {mean.shape} and half-widths {half.shape}: shapes must agree")
    ranks: Values = np.mean([ranks_of(m, h) for m, h in zip(mean, half, strict=True)], axis=0)
    return ranks
