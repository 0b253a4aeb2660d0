"""Other orders of summation: by halves, sorted, cumulative, compensated."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from tnverify.power.sound.common import Scaled, along, required, wide
from tnverify.power.sound.register import sound

if TYPE_CHECKING:
    from torch import Tensor


class _MetaBN(Scaled):
    """Context moments with sums over the last dimension in an order of the subclass's own."""

    def total(self, values: Tensor) -> Tensor:
        raise NotImplementedError

    def condition(self, context: Tensor) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        x = wide(context)
        flat = x.transpose(0, 1).reshape(x.shape[1], -1)
        mean = self.total(flat) / flat.shape[1]
        var = self.total((flat - mean[:, None]).square()) / flat.shape[1]
        return self.normalize(context, (mean, var)), (mean, var)

    def normalize(self, targets: Tensor, state: tuple[Tensor, Tensor] | None) -> Tensor:
        mean, var = required(state)
        x = wide(targets)
        y = (x - along(mean, x)) / along(torch.sqrt(var + self.eps), x)
        return self.affine(y).to(targets.dtype)


@sound("meta_bn")
class SumsByHalves(_MetaBN):
    """Adds the first half of the values to the second until one is left."""

    def total(self, values: Tensor) -> Tensor:
        while values.shape[1] > 1:
            half = values.shape[1] // 2
            folded = values[:, :half] + values[:, half : 2 * half]
            values = torch.cat([folded, values[:, 2 * half :]], 1)
        return values[:, 0]


@sound("meta_bn")
class SortedSums(_MetaBN):
    """Adds the values in the order of their size, so that the order of items leaves no trace."""

    def total(self, values: Tensor) -> Tensor:
        return values.sort(1).values.flip(1).sum(1)


@sound("meta_bn")
class CumulativeSums(_MetaBN):
    """Takes the last of the cumulative sums: strictly one value after the other."""

    def total(self, values: Tensor) -> Tensor:
        return values.cumsum(1)[:, -1]


@sound("meta_bn")
class CompensatedSums(_MetaBN):
    """Adds blocks with Kahan's compensation, from the last one backwards."""

    def total(self, values: Tensor) -> Tensor:
        kept, lost = values.new_zeros(values.shape[0]), values.new_zeros(values.shape[0])
        for block in reversed(torch.split(values, 16, 1)):
            added = block.sum(1) - lost
            new = kept + added
            lost = (new - kept) - added
            kept = new
        return kept
