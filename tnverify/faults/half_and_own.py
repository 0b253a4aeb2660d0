"""Layers that are right in float32 and go wrong in half precision, and layers that no formula is
claimed of and whose own float64 answer is another one.

They are faults of the family `numerics`, whose module imports this one.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from tnverify.faults.fault import fault
from tnverify.faults.plain import PlainInstanceNorm, PlainNorm, State


class _Rms(nn.Module):
    """Every pixel over the root of its channels' mean square; its steps are methods."""

    def __init__(self, channels: int, eps: float = 1e-6) -> None:
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(channels))

    def squares(self, x: Tensor) -> Tensor:
        """The mean of squares, (items, 1, *spatial)."""
        return self.wide(x).square().mean(1, keepdim=True)

    def wide(self, x: Tensor) -> Tensor:
        return x.float() if x.dtype.itemsize < 4 else x

    def forward(self, x: Tensor) -> Tensor:
        wide = self.wide(x)
        y = wide * torch.rsqrt(self.squares(x).to(wide.dtype) + self.eps)
        return (y * self.weight.view(1, -1, *(1,) * (x.dim() - 2))).to(x.dtype)


@fault(
    family="numerics",
    claims="inductive",
    adapter="no_context",
    kills="half_precision_input_keeps_its_range",
    source="pytorch/pytorch PR 133085; jingyaogong/minimind issue 301",
    hard=True,
)
class SquaresBeforeWidening(_Rms):
    """Half-precision values are squared before they are widened: from 256 on that overflows."""

    def squares(self, x: Tensor) -> Tensor:
        return x.square().mean(1, keepdim=True)


@fault(
    family="numerics",
    claims="inductive",
    adapter="no_context",
    kills="half_precision_input_keeps_its_range",
    source="nntrainer/nntrainer issue 3935: the sum of squares is kept in half precision",
    hard=True,
)
class MeanOfSquaresInHalf(_Rms):
    """Squares are taken in float32, and their mean is stored as the input is."""

    def squares(self, x: Tensor) -> Tensor:
        return super().squares(x).to(x.dtype)


@fault(
    family="numerics",
    claims="inductive",
    adapter="no_context",
    kills="half_precision_input_keeps_its_range",
    source="a vector norm of half-precision input, squared again to add eps under the root",
    hard=True,
)
class LengthSquaredInHalf(_Rms):
    """The root of the mean square fits into half precision, its square does not."""

    def squares(self, x: Tensor) -> Tensor:
        return super().squares(x).sqrt().to(x.dtype).square()


@fault(
    family="numerics",
    claims="meta_bn",
    kills="half_precision_input_keeps_its_range",
    source="microsoft/onnxruntime issue 17692: a variance beyond float16, stored in it",
    hard=True,
)
class VarianceStoredInHalf(PlainNorm):
    """The context's variance is stored in the dtype of the context."""

    def condition(self, context: Tensor) -> tuple[Tensor, State]:
        _, state = super().condition(context)
        kept = state._replace(var=state.var.to(context.dtype).to(state.var.dtype))
        return self.normalize(context, kept), kept


@fault(
    family="numerics",
    claims="instance_norm",
    kills="half_precision_input_keeps_its_range",
    source="huggingface/diffusers PR 13316: statistics returned in the dtype of the activations",
    hard=True,
)
class OwnVarianceInFloat16(PlainInstanceNorm):
    """An item's own variance passes through float16 where it is taken of half-precision input."""

    is_half = False

    def widened(self, x: Tensor) -> Tensor:
        self.is_half = x.dtype == torch.float16
        return super().widened(x)

    def standardize(self, x: Tensor, mean: Tensor, var: Tensor) -> Tensor:
        return super().standardize(x, mean, var.half().to(var.dtype) if self.is_half else var)


@fault(
    family="numerics",
    claims="meta_bn",
    kills="half_precision_input_keeps_its_range",
    source="xlite-dev/LeetCUDA PR 335; inputs clamped so that their squares do not overflow",
    hard=True,
)
class ClampsHalfInput(PlainNorm):
    """float16 input is clamped to 255, whose square it can hold."""

    def widened(self, x: Tensor) -> Tensor:
        return super().widened(x.clamp(-255, 255) if x.dtype == torch.float16 else x)


@fault(
    family="numerics",
    claims="inductive",
    adapter="no_context",
    kills="half_precision_input_is_taken",
    source="a matrix of float32 parameters times half-precision activations, as nn.Linear has it",
)
class MatrixOfAnotherDtype(_Rms):
    """Channels are scaled by a matrix in float32, which half precision does not multiply."""

    def forward(self, x: Tensor) -> Tensor:
        rows = x.movedim(1, -1)
        y = rows / (rows.square().mean(-1, keepdim=True) + self.eps).sqrt()
        return (y @ torch.diag(self.weight)).movedim(-1, 1)


@fault(
    family="numerics",
    claims="inductive",
    adapter="no_context",
    kills="half_precision_input_is_taken",
    source="tinygrad/tinygrad PR 2932: a norm that cannot have float16 input",
)
class RefusesHalf(_Rms):
    """Raises on float16 and bfloat16."""

    def forward(self, x: Tensor) -> Tensor:
        if x.dtype.itemsize < 4:
            raise TypeError(f"expected float32 input, not {x.dtype}")
        return super().forward(x)


class _Own(nn.Module):
    """Instance norm behind a softplus gate, which no scheme names; its steps are methods."""

    def __init__(self, channels: int, eps: float = 1e-5) -> None:
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(channels))

    def moments(self, x: Tensor) -> tuple[Tensor, Tensor]:
        dims = tuple(range(2, x.dim()))
        mean = x.mean(dims, keepdim=True) if dims else x
        var = (x - mean).square().mean(dims, keepdim=True) if dims else torch.zeros_like(x)
        return mean, var

    def gate(self, y: Tensor) -> Tensor:
        return y * torch.sigmoid(y)

    def forward(self, x: Tensor) -> Tensor:
        wide = x.float() if x.dtype.itemsize < 4 else x
        mean, var = self.moments(wide)
        y = self.gate((wide - mean) * torch.rsqrt(var + self.eps))
        return (y * self.weight.view(1, -1, *(1,) * (x.dim() - 2))).to(x.dtype)


@fault(
    family="numerics",
    claims="inductive",
    adapter="no_context",
    kills="own_precision_follows_float64",
    source="tenstorrent/tt-metal issue 45968; E[x^2] - E[x]^2 in a layer that no formula names",
)
class OwnVarianceByDifference(_Own):
    """The variance is a difference of large numbers, before an activation."""

    def moments(self, x: Tensor) -> tuple[Tensor, Tensor]:
        dims = tuple(range(2, x.dim()))
        if not dims:
            return super().moments(x)
        mean = x.mean(dims, keepdim=True)
        return mean, (x.square().mean(dims, keepdim=True) - mean.square()).clamp(min=0)


@fault(
    family="numerics",
    claims="inductive",
    adapter="no_context",
    kills="own_precision_follows_float64",
    source="a step in bfloat16 'since it is only a gate'",
)
class GateInBfloat16(_Own):
    """The activation is computed in bfloat16 where the input is float32."""

    def gate(self, y: Tensor) -> Tensor:
        narrow = y.bfloat16() if y.dtype == torch.float32 else y
        return y * torch.sigmoid(narrow).to(y.dtype)


@fault(
    family="numerics",
    claims="inductive",
    adapter="no_context",
    kills="own_precision_follows_float64",
    source="half-precision statistics 'for speed', in layers that mean to stay in float32",
)
class OwnMeanInHalf(_Own):
    """The mean of float32 input is rounded to float16's digits."""

    def moments(self, x: Tensor) -> tuple[Tensor, Tensor]:
        mean, var = super().moments(x)
        return (mean.bfloat16().to(x.dtype) if x.dtype == torch.float32 else mean), var


@fault(
    family="numerics",
    claims="inductive",
    adapter="no_context",
    kills="own_precision_follows_float64",
    source="an eps that is chosen by dtype, 1e-3 for all that is not double",
)
class EpsByDtype(_Own):
    """Another eps in float32 than in float64."""

    def forward(self, x: Tensor) -> Tensor:
        self.eps = 1e-5 if x.dtype == torch.float64 else 1e-3
        return super().forward(x)


@fault(
    family="numerics",
    claims="inductive",
    adapter="no_context",
    kills="own_precision_follows_float64",
    source="an approximation of a root by a table of 8 bits, for float32 alone",
    hard=True,
)
class RootFromATable(_Own):
    """The variance has eight bits behind the first in float32."""

    def moments(self, x: Tensor) -> tuple[Tensor, Tensor]:
        mean, var = super().moments(x)
        if x.dtype != torch.float32:
            return mean, var
        kept = (var.detach().view(torch.int32) & ~0xFFFF).view(torch.float32)
        return mean, var + (kept - var).detach()


@fault(
    family="numerics",
    claims="inductive",
    adapter="no_context",
    kills="magnitudes_leave_own_precision_alone",
    source="kurtosis by fourth powers of raw values, which leave float32 early",
    hard=True,
)
class FourthPowers(_Own):
    """The variance is the root of the mean fourth power."""

    def moments(self, x: Tensor) -> tuple[Tensor, Tensor]:
        mean, var = super().moments(x)
        dims = tuple(range(2, x.dim()))
        if not dims:
            return mean, var
        return mean, (x - mean).pow(4).mean(dims, keepdim=True).sqrt()


@fault(
    family="numerics",
    claims="inductive",
    adapter="no_context",
    kills="magnitudes_leave_own_precision_alone",
    source="two variances multiplied under one root, as in a correlation",
    hard=True,
)
class ProductOfVariances(_Own):
    """The deviation is the fourth root of the product of a variance with itself."""

    def moments(self, x: Tensor) -> tuple[Tensor, Tensor]:
        mean, var = super().moments(x)
        return mean, torch.sqrt(var * var)
