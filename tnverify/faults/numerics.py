"""Layers that are right on paper and lose it to rounding, overflow or a missing eps."""

from __future__ import annotations

import torch
from torch import Tensor

from tnverify.faults import cast, half_and_own  # noqa: F401 - they plant more of this family
from tnverify.faults.fault import fault
from tnverify.faults.plain import PlainNorm, PlainTaskNorm, State


def _by_squares(x: Tensor, dims: tuple[int, ...]) -> tuple[Tensor, Tensor]:
    """Mean, and variance as mean of squares minus square of the mean."""
    mean = x.mean(dims, keepdim=True)
    return mean, x.square().mean(dims, keepdim=True) - mean.square()


@fault(
    claims="meta_bn",
    kills=("error_stays_within_the_bound", "constant_input_is_finite"),
    source="tenstorrent/tt-metal issue 45968; microsoft/onnxruntime issue 21935",
    adapter="explicit_state",
    canary=True,
)
class VarianceByDifference(PlainNorm):
    """The variance is E[x^2] - E[x]^2: far from zero it may even come out negative."""

    def reduce(self, x: Tensor, dims: tuple[int, ...]) -> tuple[Tensor, Tensor]:
        return _by_squares(x, dims)


@fault(
    claims="meta_bn",
    kills="error_stays_within_the_bound",
    source="patrick-kidger/equinox PR 314: clipped at zero, which cures the NaN alone",
)
class ClampedVarianceByDifference(PlainNorm):
    """E[x^2] - E[x]^2, negative values replaced by zero."""

    def reduce(self, x: Tensor, dims: tuple[int, ...]) -> tuple[Tensor, Tensor]:
        mean, var = _by_squares(x, dims)
        return mean, var.clamp(min=0)


@fault(
    claims="meta_bn",
    kills="error_stays_within_the_bound",
    source="shifted sums with a pivot kept in eight bits, a zero point as quantisers have it",
    hard=True,
)
class SmallPivot(PlainNorm):
    """Sums are shifted by the mean rounded to a whole number within +-127: enough for most data."""

    def reduce(self, x: Tensor, dims: tuple[int, ...]) -> tuple[Tensor, Tensor]:
        pivot = x.detach().mean(dims, keepdim=True).round().clamp(-127, 127)
        mean, var = _by_squares(x - pivot, dims)
        return mean + pivot, var.clamp(min=0)


@fault(
    claims="tasknorm_i",
    kills="error_stays_within_the_bound",
    source="careful context moments, and a quick one-pass formula for the per-item ones",
    hard=True,
)
class InstanceVarianceByDifference(PlainTaskNorm):
    """Only the item's own variance is E[x^2] - E[x]^2, on maps of more than eight pixels."""

    def moments_for(self, x: Tensor, state: State) -> tuple[Tensor, Tensor]:
        dims = self.own_dims(x)
        own_mean, own_var = self.reduce(x, dims)
        if x[:1, :1].numel() > 8:
            own_mean, own_var = _by_squares(x, dims)
        alpha = self.alpha(state.size)
        return self.pool(alpha, state.mean, state.var, own_mean, own_var.clamp(min=0))


@fault(
    claims="tasknorm_i",
    kills="error_stays_within_the_bound",
    source="the pooled variance as E[m^2] - E[m]^2 of the two means",
    hard=True,
)
class PooledByDifference(PlainTaskNorm):
    """The between-mean term is a difference of squared means, which are large far from zero."""

    def pool(
        self, alpha: Tensor, mean: Tensor, var: Tensor, own_mean: Tensor, own_var: Tensor
    ) -> tuple[Tensor, Tensor]:
        pooled = alpha * mean + (1 - alpha) * own_mean
        squares = alpha * mean.square() + (1 - alpha) * own_mean.square()
        between = (squares - pooled.square()).clamp(min=0)
        return pooled, alpha * var + (1 - alpha) * own_var + between


@fault(
    claims="meta_bn",
    kills="channels_last_input_keeps_precision",
    source="torch.nn.GroupNorm on CPU and channels-last; pytorch/pytorch issue 54293",
    hard=True,
)
class ChannelsLastByDifference(PlainNorm):
    """E[x^2] - E[x]^2 on channels-last input only, where one pass over memory is tempting."""

    def reduce(self, x: Tensor, dims: tuple[int, ...]) -> tuple[Tensor, Tensor]:
        if x.dim() == 4 and not x.is_contiguous():
            mean, var = _by_squares(x, dims)
            return mean, var.clamp(min=0)
        return super().reduce(x, dims)


@fault(
    claims="meta_bn",
    kills="constant_input_is_finite",
    source="torchcvnn/torchcvnn issue 32; (x - mean) / std, as standardising scripts have it",
)
class NoEps(PlainNorm):
    """Divides by the bare deviation."""

    def standardize(self, x: Tensor, mean: Tensor, var: Tensor) -> Tensor:
        return (x - mean) / torch.sqrt(var)


@fault(
    claims="inductive",
    kills="constant_input_is_finite",
    source="facebookresearch/fastMRI issue 139: eps where it cannot help, or nowhere",
    hard=True,
)
class DividesByTheRange(PlainNorm):
    """Rescales by the spread over itself plus eps times it: zero over zero on constant input."""

    def standardize(self, x: Tensor, mean: Tensor, var: Tensor) -> Tensor:
        deviation = torch.sqrt(var)
        return (x - mean) / (deviation + self.eps * deviation)


@fault(
    claims="meta_bn",
    kills="tiny_and_huge_magnitudes_stay_finite_and_right",
    source="the inverse deviation cubed, at hand from the backward formula",
    hard=True,
)
class NormalisedByCubes(PlainNorm):
    """(x - mean) (var + eps) / (var + eps)^1.5: the same, but the cube overflows long before
    the square does."""

    def standardize(self, x: Tensor, mean: Tensor, var: Tensor) -> Tensor:
        return (x - mean) * (var + self.eps) / (var + self.eps).pow(1.5)


@fault(
    claims="meta_bn",
    kills="tiny_and_huge_magnitudes_stay_finite_and_right",
    source="inputs clamped to the range of float16, to survive autocast",
    hard=True,
)
class ClampedInputs(PlainNorm):
    """Values are clamped to 10^12, which nobody's activations reach."""

    def output(self, x: Tensor, mean: Tensor, var: Tensor) -> Tensor:
        return super().output(x.clamp(-1e12, 1e12), mean, var)

    def reduce(self, x: Tensor, dims: tuple[int, ...]) -> tuple[Tensor, Tensor]:
        return super().reduce(x.clamp(-1e12, 1e12), dims)


@fault(
    claims="meta_bn",
    kills="half_precision_input_keeps_float32_moments",
    source="plain operations take the dtype of their input: what everybody writes first",
)
class MomentsInTheInputsDtype(PlainNorm):
    """Mean and variance are rounded to half precision where the input is."""

    def widened(self, x: Tensor) -> Tensor:
        return x


@fault(
    claims="meta_bn",
    kills="half_precision_input_keeps_float32_moments",
    source="moments in float32 as they should be, then stored beside half-precision activations",
    hard=True,
)
class MeanStoredInHalf(PlainNorm):
    """Everything is in float32, but the mean is kept in the dtype of the context."""

    def condition(self, context: Tensor) -> tuple[Tensor, State]:
        outputs, state = super().condition(context)
        kept = state.mean.to(context.dtype).to(state.mean.dtype)
        return outputs, State(kept, state.var, state.size)
