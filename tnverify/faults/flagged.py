"""A sound norm with a mode flag: `train()` and a call condition it, `eval()` and a call predict.

Its moments are buffers of fixed shape, detached from the context's graph, so that it survives
copying, saving and loading: `meta_bn,detached`. Faults override how the moments are kept.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from tnverify.faults.plain import PlainNorm, State

if TYPE_CHECKING:
    from torch import Tensor


class FlaggedNorm(PlainNorm):
    """Context batch moments for context and targets alike, behind a mode flag.

    Input is (items, channels, *spatial); output has its shape. Raises RuntimeError where it is
    in eval mode and has met no context.
    """

    mean: Tensor
    var: Tensor
    size: Tensor

    def __init__(self, channels: int, eps: float = 1e-5) -> None:
        super().__init__(channels, eps)
        self.register_buffer("mean", torch.zeros(channels))
        self.register_buffer("var", torch.ones(channels))
        self.register_buffer("size", torch.zeros((), dtype=torch.long))

    def forward(self, x: Tensor) -> Tensor:
        if self.training:
            outputs, state = self.condition(x)
            self.keep(state)
            return outputs
        return self.normalize(x, self.kept(x))

    def keep(self, state: State) -> None:
        """Make these moments the layer's task."""
        self.mean.copy_(state.mean.detach().flatten())
        self.var.copy_(state.var.detach().flatten())
        self.size.fill_(state.size)

    def kept(self, x: Tensor) -> State:
        """The moments of the layer's task, shaped to fit `x`."""
        size = int(self.size)
        if size == 0:
            raise RuntimeError("no context yet: call the layer on it in train mode")
        shape = (1, -1, *(1,) * (x.dim() - 2))
        return State(self.mean.view(shape), self.var.view(shape), size)
