"""The gradient by the values of a set, in two sweeps: sums first, then what they lead to."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from tnverify.norms.kernels import sweeps
from tnverify.norms.kernels.adjoint import Line, Pair, sum_of
from tnverify.norms.kernels.primitives import combine, dots, undisturbed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from tnverify.norms.kernels.between import Between


class Gradient:
    """The gradient by x of outputs (x - mean) a + bias with a = weight r, in the making.

    `total` and `normalized` are the sums of g and of g (x - mean) r over each plane. Where torch
    can sweep the set in one go, the first sweep already starts on the gradient, with g a; and
    where instance moments have a share of `own`, with

        a (g - total / pixels - own r (x - mean) normalized / pixels)

    which is what comes of them, but for (1 - own) of the term in `total`.
    """

    def __init__(
        self, g: Tensor, x: Tensor, mean: Tensor, r: Tensor, a: Tensor, point: Tensor | None,
        how: Between, share: Tensor | float | None,
    ) -> None:  # fmt: skip
        self.g, self.x, self.a, self.how = g, x, a, how
        self.point = how.centre(point, x)
        self.dx: Tensor | None = None
        self.own = 0.0
        if point is None and undisturbed(g) and sweeps.fuses(x):
            self.own = how.own_share(share, x)
            rate = how.by_plane(r * math.sqrt(self.own), x) if self.own else None
            small = how.by_plane(mean, x), how.by_plane(a, x)
            total, dot, self.dx = sweeps.start(g, x, *small, rate)
            self.total, dot = how.by_task(total), how.by_task(dot)
            self.normalized = dot * (1 / math.sqrt(self.own)) if self.own else r * dot
        else:
            total, dot = dots(g, x, self.point)
            self.total = how.by_task(total)
            self.normalized = r * (how.by_task(dot) - mean * self.total)

    def finished(self, by: Pair, lines: Sequence[Line]) -> Tensor:
        """The gradient, given the derivatives by mean and variance and the lines they come to.

        Where instance moments are started on, the lines are those of other moments.
        """
        how, x = self.how, self.x
        line = Line(*(how.by_plane(part, x) for part in sum_of(lines))) if lines else None
        if self.dx is None:
            return combine(self.g, x, how.by_plane(self.a, x), line, self.point)
        slope, constant = (None, None) if line is None else line
        if self.own:
            left = how.by_plane(by.mean * ((self.own - 1) / x.shape[2:].numel()), x)
            constant = left if constant is None else left + constant
        return self.dx if constant is None else sweeps.finish(self.dx, x, slope, constant)
