"""Layers that are told a label with every item, and use each item's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn

from tnverify.power.sound.common import space, wide
from tnverify.power.sound.register import sound

if TYPE_CHECKING:
    from torch import Tensor


class _ByLabel(nn.Module):
    """Instance norm with a weight and a bias for each label."""

    def __init__(self, channels: int, num_classes: int = 3, eps: float = 1e-5) -> None:
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.rand(num_classes, channels) + 0.5)
        self.bias = nn.Parameter(torch.rand(num_classes, channels) - 0.5)

    def standardized(self, x: Tensor) -> Tensor:
        if not space(x):
            return torch.zeros_like(x)
        var, mean = torch.var_mean(x, space(x), correction=0, keepdim=True)
        return (x - mean) * torch.rsqrt(var + self.eps)

    def affine(self, y: Tensor, label: Tensor) -> Tensor:
        shape = (len(y), y.shape[1], *(1,) * (y.dim() - 2))
        return y * self.weight[label].reshape(shape) + self.bias[label].reshape(shape)


@sound("inductive", adapter="labelled[label=3]+no_context")
class PicksRowsByLabel(_ByLabel):
    """Conditional instance norm: the rows of its weight and bias that the labels name."""

    def forward(self, x: Tensor, label: Tensor) -> Tensor:
        return self.affine(self.standardized(wide(x)), label).to(x.dtype)


@sound("inductive", adapter="labelled[label=3]+no_context", shows={
    "vmap_over_tasks_agrees_with_a_loop": "how many items have a label hangs on their values",
    "memory_format_is_kept": "it puts outputs into new memory, label by label",
})  # fmt: skip
class TakesLabelAfterLabel(_ByLabel):
    """Normalises the items of one label after the other, and puts them back where they were."""

    def forward(self, x: Tensor, label: Tensor) -> Tensor:
        given = wide(x)
        outputs = torch.zeros_like(given, memory_format=torch.contiguous_format)
        for each in range(len(self.weight)):
            rows = (label == each).nonzero().flatten()
            part = self.affine(self.standardized(given[rows]), label[rows])
            outputs = outputs.index_put((rows,), part)
        return outputs.to(x.dtype)
