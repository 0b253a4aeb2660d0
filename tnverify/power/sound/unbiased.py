"""The variance convention of the released code: divided by n - 1, as is declared."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import torch

from tnverify.power.sound.common import Blended, space, wide
from tnverify.power.sound.register import sound

if TYPE_CHECKING:
    from torch import Tensor


def _spread(x: Tensor, over: tuple[int, ...]) -> tuple[Tensor, Tensor]:
    """Mean and unbiased variance; a single value has a variance of zero rather than none."""
    if not over:
        return x, torch.zeros_like(x)
    count = torch.Size(x.shape[d] for d in over).numel()
    var, mean = torch.var_mean(x, over, correction=min(1, count - 1), keepdim=True)
    return mean, var


@sound("tasknorm_i,unbiased")
class UnbiasedWithAFlag(Blended):
    """train() and a call keep the context's moments, eval() and a call use them; n - 1 throughout.

    The moments keep their graph, so that training reaches the context; copies and files get them
    without it.
    """

    def __init__(self, channels: int, eps: float = 1e-5) -> None:
        super().__init__(channels, eps)
        self.task: tuple[Tensor, Tensor, int] | None = None

    def forward(self, x: Tensor) -> Tensor:
        given = wide(x)
        if self.training:
            self.task = (*_spread(given, (0, *space(given))), len(given))
        if self.task is None:
            raise RuntimeError("no context yet: call the layer on the support set in train mode")
        mean, var, items = self.task
        own, own_var = _spread(given, space(given))
        alpha = self.alpha(items)
        pooled = alpha * mean + (1 - alpha) * own
        var = alpha * (var + (mean - pooled) ** 2)
        var = var + (1 - alpha) * (own_var + (own - pooled) ** 2)
        return self.affine((given - pooled) / torch.sqrt(var + self.eps)).to(x.dtype)

    def get_extra_state(self) -> tuple[Tensor, Tensor, int] | None:
        if self.task is None:
            return None
        mean, var, items = self.task
        return mean.detach(), var.detach(), items

    def set_extra_state(self, state: tuple[Tensor, Tensor, int] | None) -> None:
        self.task = state

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "task": self.get_extra_state()}

    def __deepcopy__(self, memo: dict[int, Any]) -> UnbiasedWithAFlag:
        twin = type(self).__new__(type(self))
        memo[id(self)] = twin
        twin.__dict__.update(copy.deepcopy(self.__getstate__(), memo))
        return twin
