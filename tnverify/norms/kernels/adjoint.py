"""Pooling moments and its derivative by hand, on small tensors that broadcast.

With base moments (mu_b, s_b), an item's own (mu_o, s_o) and d = mu_b - mu_o, eqs. (10) and (11)
are

    mu = mu_o + alpha d
    s = alpha s_b + (1 - alpha) s_o + alpha (1 - alpha) d^2

Means may be measured from any point, the same for all that meet in a formula.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeVar

import torch

from tnverify.norms.moments import by_channel, by_group

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor


class Pair(NamedTuple):
    """A mean and a variance, or derivatives by them."""

    mean: Tensor
    var: Tensor


def pooled(base: Pair | None, own: Pair | None, alpha: Tensor | float | None) -> Pair:
    """(mu, s); either pair alone where the other is None."""
    if base is None or own is None or alpha is None:
        alone = own if base is None else base
        assert alone is not None  # a blend has a base, an item's own moments, or both
        return alone
    d = base.mean - own.mean
    var = torch.lerp(own.var, base.var, alpha) + d * d * (alpha * (1 - alpha))
    return Pair(torch.lerp(own.mean, base.mean, alpha), var)


def shared_out(
    by: Pair, base: Pair | None, own: Pair | None, alpha: Tensor | float | None
) -> tuple[Pair | None, Pair | None, Tensor | None]:
    """The derivatives by (mu, s) carried back to the base, to own moments and to alpha."""
    if base is None or own is None or alpha is None:
        return (None, by, None) if base is None else (by, None, None)
    d = base.mean - own.mean
    d_by_var = d * by.var
    to_base = Pair((by.mean + d_by_var * (2 - 2 * alpha)) * alpha, by.var * alpha)
    to_own = Pair(by.mean - to_base.mean, by.var - to_base.var)
    by_alpha = d * (by.mean + d_by_var * (1 - 2 * alpha)) + (base.var - own.var) * by.var
    return to_base, to_own, by_alpha


class Line(NamedTuple):
    """slope * value + constant: a derivative by each value of a plane."""

    slope: Tensor
    constant: Tensor


def by_values(by: Pair, mean: Tensor, count: int) -> Line:
    """Derivatives by a mean and a biased variance over `count` values, carried back to those.

    Values are measured from where `mean` is.
    """
    slope = by.var * (2 / count)
    return Line(slope, torch.addcmul(by.mean / count, slope, mean, value=-1))


def sum_of(lines: Sequence[Line]) -> Line:
    """One line for one or two."""
    first, *others = lines
    for other in others:
        first = Line(first.slope + other.slope, first.constant + other.constant)
    return first


Parts = TypeVar("Parts", Pair, Line)


def over_group(pair: Pair, groups: int) -> Pair:
    """Sums over the channels of each group: (..., groups)."""
    if groups == pair.mean.shape[-1]:
        return pair
    return Pair(*(by_group(part, groups).sum(-1) for part in pair))


def spread(parts: Parts, channels: int) -> Parts:
    """What belongs to groups, for each of their channels."""
    return type(parts)(*(by_channel(part, channels) for part in parts))
