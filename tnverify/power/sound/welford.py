"""Running sums: moments that are updated item by item and never see two items at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch

from tnverify.power.sound.common import Scaled, required, space, wide
from tnverify.power.sound.register import sound

if TYPE_CHECKING:
    from torch import Tensor


class Running(NamedTuple):
    """How many values, their mean, and the sum of squared deviations from it."""

    values: int
    mean: Tensor
    squares: Tensor

    def with_one(self, item: Tensor) -> Running:
        """The update of Welford, in the form of Chan, Golub and LeVeque for blocks of values."""
        flat = item.reshape(item.shape[1], -1)
        number = flat.shape[1]
        mean = flat.mean(1)
        squares = (flat - mean[:, None]).square().sum(1)
        total = self.values + number
        step = mean - self.mean
        return Running(
            total,
            self.mean + step * (number / total),
            self.squares + squares + step.square() * (self.values * number / total),
        )


@sound("meta_bn")
class WelfordMetaBN(Scaled):
    """Context moments by Welford's update, one item after the other."""

    def condition(self, context: Tensor) -> tuple[Tensor, Running]:
        x = wide(context)
        zeros = x.new_zeros(x.shape[1])
        state = Running(0, zeros, zeros)
        for item in torch.split(x, 1):
            state = state.with_one(item)
        return self.normalize(context, state), state

    def normalize(self, targets: Tensor, state: Running | None) -> Tensor:
        values, mean, squares = required(state)
        x = wide(targets).movedim(1, -1)  # channels last: values a channel broadcast by themselves
        y = (x - mean) / torch.sqrt(squares / values + self.eps)
        return (y * self.weight + self.bias).movedim(-1, 1).to(targets.dtype)


@sound("instance_norm", adapter="no_context")
class WelfordByRows(Scaled):
    """Instance moments by Welford's update, one row of a map after the other."""

    def forward(self, x: Tensor) -> Tensor:
        given = wide(x)
        planes = given.reshape(*given.shape[:2], -1) if space(given) else given.unsqueeze(-1)
        count, mean, squares = 0, planes.new_zeros(planes.shape[:2]), planes.new_zeros(())
        for row in torch.split(planes, 8, dim=2):
            number = row.shape[2]
            centre = row.mean(2)
            step = centre - mean
            total = count + number
            within = (row - centre.unsqueeze(-1)).square().sum(2)
            squares = squares + within + step.square() * (count * number / total)
            mean = mean + step * (number / total)
            count = total
        var = squares / count
        y = (planes - mean.unsqueeze(-1)) / (var + self.eps).sqrt().unsqueeze(-1)
        y = y * self.weight[:, None] + self.bias[:, None]
        return y.reshape(given.shape).to(x.dtype)
