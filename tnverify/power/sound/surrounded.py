"""Norms with more inside: activations, residual branches, gates, moments applied again.

None of them is a scheme. They have kinks, outputs that are not of unit size, weights that are no
affine behind the moments; nothing of that is wrong.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812 - torch's own name for it

from tnverify.power.sound.common import Scaled, along, required, space, wide
from tnverify.power.sound.register import sound

if TYPE_CHECKING:
    from torch import Tensor


def _own(x: Tensor, eps: float) -> Tensor:
    """Values by their item's own mean and deviation in each channel."""
    if not space(x):
        return torch.zeros_like(x)
    centred = x - x.mean(space(x), keepdim=True)
    return centred * torch.rsqrt(centred.square().mean(space(x), keepdim=True) + eps)


@sound("inductive", adapter="no_context")
class RectifiedBehind(Scaled):
    """Instance norm and a ReLU: no output is negative, and there is a kink at zero."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(self.affine(_own(wide(x), self.eps))).to(x.dtype)


@sound("inductive", adapter="no_context")
class LeakyBehind(Scaled):
    """Instance norm and a leaky ReLU, as invertible activated norms have it."""

    def forward(self, x: Tensor) -> Tensor:
        return F.leaky_relu(self.affine(_own(wide(x), self.eps)), 0.01).to(x.dtype)


@sound("inductive", adapter="no_context")
class ExponentialBehind(Scaled):
    """Instance norm and an ELU, whose second derivative jumps at zero."""

    def forward(self, x: Tensor) -> Tensor:
        return F.elu(self.affine(_own(wide(x), self.eps))).to(x.dtype)


@sound("inductive", adapter="no_context")
class ResidualNorm(Scaled):
    """x + weight * y + bias: outputs grow with the input."""

    def forward(self, x: Tensor) -> Tensor:
        given = wide(x)
        return (given + self.affine(_own(given, self.eps))).to(x.dtype)


@sound("inductive", adapter="no_context")
class Gated(Scaled):
    """Squeeze and excitation by the item's means, at weights that start at random."""

    def __init__(self, channels: int, eps: float = 1e-5) -> None:
        super().__init__(channels, eps)
        self.mix = nn.Parameter(torch.rand(channels, channels) - 0.5)

    def forward(self, x: Tensor) -> Tensor:
        given = wide(x)
        means = given.mean(space(given)) if space(given) else given
        gate = torch.sigmoid(means @ self.mix.to(means.dtype))
        gate = gate.reshape(*gate.shape, *[1] * len(space(given)))
        return self.affine(given * gate).to(x.dtype)


@sound("inductive", adapter="no_context")
class FilterResponse(Scaled):
    """Filter response normalisation with its thresholded unit (Singh, Krishnan, 2020)."""

    def __init__(self, channels: int, eps: float = 1e-5) -> None:
        super().__init__(channels, eps)
        self.tau = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        given = wide(x)
        square = given.square()
        square = square.mean(space(given), keepdim=True) if space(given) else square
        y = self.affine(given * torch.rsqrt(square + self.eps))
        return torch.maximum(y, along(self.tau, y)).to(x.dtype)


@sound("inductive", adapter="no_context")
class GlobalResponse(Scaled):
    """Global response normalisation (Woo et al., 2023): a residual, scaled by channels' lengths."""

    def forward(self, x: Tensor) -> Tensor:
        given = wide(x)
        length = given.square()
        length = length.sum(space(given), keepdim=True) if space(given) else length
        length = torch.sqrt(length + self.eps)
        ratio = length / (length.mean(1, keepdim=True) + self.eps)
        return (given + self.affine(given * ratio)).to(x.dtype)


@sound("inductive", adapter="no_context")
class SwishOverDeviation(Scaled):
    """EvoNorm S0 with one group (Liu et al., 2020): x sigmoid(x) over the item's deviation."""

    def forward(self, x: Tensor) -> Tensor:
        given = wide(x)
        dims = (1, *space(given))
        centred = given - given.mean(dims, keepdim=True)
        deviation = torch.sqrt(centred.square().mean(dims, keepdim=True) + self.eps)
        return self.affine(given * torch.sigmoid(given) / deviation).to(x.dtype)


@sound("inductive", adapter="no_context")
class ByPixel(Scaled):
    """Layer norm over the channels of each pixel, as convolutional networks have it."""

    def forward(self, x: Tensor) -> Tensor:
        given = wide(x)
        centred = given - given.mean(1, keepdim=True)
        factor = torch.rsqrt(centred.square().mean(1, keepdim=True) + self.eps)
        return self.affine(centred * factor).to(x.dtype)


@sound("inductive")
class AppliesMomentsAgain(nn.Module):
    """Adaptive instance norm: items get the context's mean and deviation, however large."""

    def __init__(self, channels: int, eps: float = 1e-5) -> None:
        super().__init__()
        self.channels, self.eps = channels, eps

    def condition(self, context: Tensor) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        x = wide(context)
        mean = x.mean((0, *space(x)), keepdim=True)
        var = (x - mean).square().mean((0, *space(x)), keepdim=True)
        state = (mean, torch.sqrt(var + self.eps))
        return self.normalize(context, state), state

    def normalize(self, targets: Tensor, state: tuple[Tensor, Tensor] | None) -> Tensor:
        mean, deviation = required(state)
        return (_own(wide(targets), self.eps) * deviation + mean).to(targets.dtype)


@sound("inductive")
class ModulatedByTheContext(nn.Module):
    """FiLM: gains and shifts from a bounded reading of the context's means."""

    def __init__(self, channels: int, eps: float = 1e-5) -> None:
        super().__init__()
        self.eps = eps
        self.gain = nn.Parameter(torch.rand(channels) - 0.5)
        self.shift = nn.Parameter(torch.rand(channels) - 0.5)

    def condition(self, context: Tensor) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        x = wide(context)
        read = torch.tanh(x.mean((0, *space(x)), keepdim=True))
        state = (1 + along(self.gain, x) * read, along(self.shift, x) * read)
        return self.normalize(context, state), state

    def normalize(self, targets: Tensor, state: tuple[Tensor, Tensor] | None) -> Tensor:
        gain, shift = required(state)
        return (_own(wide(targets), self.eps) * gain + shift).to(targets.dtype)


@sound("inductive", adapter="no_context")
class MedianCentred(Scaled):
    """Centred by the median, scaled by the mean distance from it: kinks at every tie."""

    def forward(self, x: Tensor) -> Tensor:
        given = wide(x)
        flat = given.flatten(2) if space(given) else given.unsqueeze(-1)
        centred = flat - flat.median(-1, keepdim=True).values
        y = centred / (centred.abs().mean(-1, keepdim=True) + self.eps)
        return self.affine(y.reshape(given.shape)).to(x.dtype)
