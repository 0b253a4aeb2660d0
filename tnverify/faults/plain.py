"""A sound norm in plain operations, every step a method: a fault overrides just one.

It shares no code with the reference layers, so a defect there cannot hide in both.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn


class State(NamedTuple):
    """Context moments, each (1, channels, 1, ...), and the number of context items."""

    mean: Tensor
    var: Tensor
    size: int


def missing(state: object) -> bool:
    """Whether a caller, none of whose types are checked, has met no context yet."""
    return state is None


class PlainNorm(nn.Module):
    """Context batch moments for context and targets alike: `meta_bn`.

    Input is (items, channels, *spatial); output has its shape.
    """

    def __init__(self, channels: int, eps: float = 1e-5) -> None:
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def condition(self, context: Tensor) -> tuple[Tensor, State]:
        wide = self.widened(context)
        state = self.summarize(wide)
        return self.stored(self.output(wide, *self.context_moments(wide, state)), context), state

    def normalize(self, targets: Tensor, state: State) -> Tensor:
        if missing(state):
            raise RuntimeError("no context yet: call condition(context) before normalize")
        wide = self.widened(targets)
        return self.stored(self.output(wide, *self.target_moments(wide, state)), targets)

    def widened(self, x: Tensor) -> Tensor:
        """Half-precision input in float32, in which its moments are taken; other input as it is."""
        return x.float() if x.dtype.itemsize < 4 else x

    def stored(self, outputs: Tensor, given: Tensor) -> Tensor:
        """Outputs of half-precision input rounded to its dtype; others as they are."""
        return outputs.to(given.dtype) if given.dtype.itemsize < 4 else outputs

    def summarize(self, context: Tensor) -> State:
        mean, var = self.reduce(context, self.batch_dims(context))
        return State(mean, var, context.shape[0])

    def moments_for(self, x: Tensor, state: State) -> tuple[Tensor, Tensor]:
        """The moments that items of either set are normalised by."""
        return state.mean, state.var

    def context_moments(self, x: Tensor, state: State) -> tuple[Tensor, Tensor]:
        return self.moments_for(x, state)

    def target_moments(self, x: Tensor, state: State) -> tuple[Tensor, Tensor]:
        return self.moments_for(x, state)

    def reduce(self, x: Tensor, dims: tuple[int, ...]) -> tuple[Tensor, Tensor]:
        """Mean and biased variance over `dims`, kept as dimensions of size one."""
        mean = x.mean(dims, keepdim=True) if dims else x
        var = (x - mean).square().mean(dims, keepdim=True) if dims else torch.zeros_like(x)
        return mean, var

    def batch_dims(self, x: Tensor) -> tuple[int, ...]:
        return (0, *range(2, x.dim()))

    def standardize(self, x: Tensor, mean: Tensor, var: Tensor) -> Tensor:
        return (x - mean) / torch.sqrt(var + self.eps)

    def affine(self, y: Tensor) -> Tensor:
        shape = (1, -1, *(1,) * (y.dim() - 2))
        return y * self.weight.view(shape) + self.bias.view(shape)

    def output(self, x: Tensor, mean: Tensor, var: Tensor) -> Tensor:
        return self.affine(self.standardize(x, mean, var))


class PlainInstanceNorm(PlainNorm):
    """Instance moments for context and targets alike: `instance_norm`."""

    def summarize(self, context: Tensor) -> State:
        empty = context.new_zeros(0)
        return State(empty, empty, context.shape[0])

    def moments_for(self, x: Tensor, state: State) -> tuple[Tensor, Tensor]:
        return self.reduce(x, tuple(range(2, x.dim())))


class PlainPixelNorm(PlainInstanceNorm):
    """Moments over the channels of each position: `per_pixel_layer_norm`."""

    def moments_for(self, x: Tensor, state: State) -> tuple[Tensor, Tensor]:
        return self.reduce(x, (1,))


class PlainTaskNorm(PlainNorm):
    """Context batch moments pooled with each item's own: `tasknorm_i` (eqs. (10), (11))."""

    def __init__(self, channels: int, eps: float = 1e-5) -> None:
        super().__init__(channels, eps)
        self.scale = nn.Parameter(torch.zeros(()))
        self.offset = nn.Parameter(torch.zeros(()))

    def alpha(self, size: int) -> Tensor:
        return torch.sigmoid(self.scale * size + self.offset)

    def own_dims(self, x: Tensor) -> tuple[int, ...]:
        return tuple(range(2, x.dim()))

    def moments_for(self, x: Tensor, state: State) -> tuple[Tensor, Tensor]:
        own_mean, own_var = self.reduce(x, self.own_dims(x))
        return self.pool(self.alpha(state.size), state.mean, state.var, own_mean, own_var)

    def pool(
        self, alpha: Tensor, mean: Tensor, var: Tensor, own_mean: Tensor, own_var: Tensor
    ) -> tuple[Tensor, Tensor]:
        pooled = alpha * mean + (1 - alpha) * own_mean
        spread = alpha * (var + (mean - pooled).square())
        return pooled, spread + (1 - alpha) * (own_var + (own_mean - pooled).square())


class PlainTaskNormL(PlainTaskNorm):
    """Context batch moments pooled with each item's layer moments: `tasknorm_l`."""

    def own_dims(self, x: Tensor) -> tuple[int, ...]:
        return tuple(range(1, x.dim()))
