"""Computing in another precision than that of the input."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from tnverify.power.sound.common import Blended, along, required, space
from tnverify.power.sound.register import sound

if TYPE_CHECKING:
    from torch import Tensor

State = tuple["Tensor", "Tensor", int]


class _Inside(Blended):
    """TaskNorm in the dtype `inside`, whatever the input's is."""

    inside: torch.dtype
    layer: bool

    def condition(self, context: Tensor) -> tuple[Tensor, State]:
        x = context.to(self.inside)
        over = (0, *space(x))
        mean = x.mean(over, keepdim=True)
        state = (mean, (x - mean).pow(2).mean(over, keepdim=True), len(x))
        return self.normalize(context, state), state

    def normalize(self, targets: Tensor, state: State | None) -> Tensor:
        mean, var, items = required(state)
        x = targets.to(self.inside)
        over = (1, *space(x)) if self.layer else space(x)
        own = x.mean(over, keepdim=True) if over else x
        spread = (x - own).pow(2).mean(over, keepdim=True) if over else torch.zeros_like(x)
        logit = self.scale.to(self.inside) * items + self.offset.to(self.inside)
        alpha, rest = torch.sigmoid(logit), torch.sigmoid(-logit)
        pooled = alpha * mean + rest * own
        within = alpha * (var + (mean - pooled).pow(2)) + rest * (spread + (own - pooled).pow(2))
        y = (x - pooled) / (within + self.eps).sqrt()
        weight, bias = (along(p.to(self.inside), x) for p in (self.weight, self.bias))
        return (y * weight + bias).to(targets.dtype)


@sound("tasknorm_l")
class Float64Inside(_Inside):
    """TaskNorm-L in float64, stored in the dtype of its input."""

    inside = torch.float64
    layer = True


@sound("tasknorm_i,float32")
class Float32Inside(_Inside):
    """TaskNorm-I in float32 also for float64 input, as it declares."""

    inside = torch.float32
    layer = False
