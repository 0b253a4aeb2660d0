"""Layers whose gradient is another once they are compiled.

They are faults of the family `layouts`, whose module imports this one.
"""

from __future__ import annotations

import torch
from torch import Tensor

from tnverify.faults.fault import fault
from tnverify.faults.plain import PlainInstanceNorm, PlainNorm, State


@fault(
    family="layouts",
    claims="meta_bn",
    kills="torch_compile_agrees_with_eager",
    source="a path for tracing that goes around a custom Function, and its gradient with it",
    hard=True,
)
class CutsMomentsWhenTraced(PlainNorm):
    """Cuts the variance from the graph while it is traced; outputs are right."""

    def summarize(self, context: Tensor) -> State:
        state = super().summarize(context)
        if torch.compiler.is_compiling():
            return state._replace(var=state.var.detach())
        return state


@fault(
    family="layouts",
    claims="instance_norm",
    kills="torch_compile_agrees_with_eager",
    source="a fallback for the compiler that reads the weight's data",
    hard=True,
)
class ReadsDataWhenTraced(PlainInstanceNorm):
    """Multiplies by a weight without a graph while it is traced; outputs are right."""

    def affine(self, y: Tensor) -> Tensor:
        weight = self.weight.detach() if torch.compiler.is_compiling() else self.weight
        shape = (1, -1, *(1,) * (y.dim() - 2))
        return y * weight.view(shape) + self.bias.view(shape)
