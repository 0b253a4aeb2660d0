"""Layers with a defect in the arithmetic of moments, of eps or of the affine."""

from __future__ import annotations

import torch
from torch import Tensor

from tnverify.faults import leaning  # noqa: F401 - it plants more of this family
from tnverify.faults.fault import fault
from tnverify.faults.plain import PlainNorm, State


@fault(
    claims="meta_bn,biased",
    kills=(
        "outputs_agree_with_the_formula",
        "outputs_have_zero_mean_and_the_right_variance",
    ),
    source="pytorch/pytorch issue 22617: torch.var is unbiased by default, eq. (4) is not",
    adapter="explicit_state",
    canary=True,
)
class UnbiasedVariance(PlainNorm):
    """Divides by n - 1 where the layer claims the biased variance of eq. (4)."""

    def reduce(self, x: Tensor, dims: tuple[int, ...]) -> tuple[Tensor, Tensor]:
        mean, var = super().reduce(x, dims)
        count = x.numel() // max(1, mean.numel())
        return mean, var * (count / max(1, count - 1))


@fault(
    claims="meta_bn",
    kills=("outputs_agree_with_the_formula", "eps_is_inside_the_root"),
    source="microsoft/CNTK issue 3816, and many a hand-written layer norm",
)
class EpsOutsideTheRoot(PlainNorm):
    """Divides by sqrt(var) + eps instead of sqrt(var + eps)."""

    def standardize(self, x: Tensor, mean: Tensor, var: Tensor) -> Tensor:
        return (x - mean) / (torch.sqrt(var) + self.eps)


@fault(
    claims="meta_bn",
    kills="eps_is_inside_the_root",
    source="a guard that tells dead channels from live ones by an absolute number",
    hard=True,
)
class SmallChannelsPassedBy(PlainNorm):
    """Channels with a variance below 10^-4 are only centred, not scaled."""

    def standardize(self, x: Tensor, mean: Tensor, var: Tensor) -> Tensor:
        dead = (var < 1e-4) & (var > 0)
        return torch.where(dead, x - mean, super().standardize(x, mean, var))


@fault(
    claims="meta_bn",
    kills="eps_is_inside_the_root",
    source="clamp(min=eps) instead of + eps: the same where variances are large",
)
class VarianceClampedToEps(PlainNorm):
    """A variance below eps is replaced by eps; eps is not added."""

    def standardize(self, x: Tensor, mean: Tensor, var: Tensor) -> Tensor:
        return (x - mean) / torch.sqrt(var.clamp(min=self.eps))


@fault(
    claims="meta_bn",
    kills="scaling_and_shifting_a_channel_cancels",
    source="a constant written where the attribute was meant; the default hides it",
    hard=True,
)
class EpsIsAConstant(PlainNorm):
    """Adds 10^-5 whatever eps the layer was given."""

    def standardize(self, x: Tensor, mean: Tensor, var: Tensor) -> Tensor:
        return (x - mean) / torch.sqrt(var + 1e-5)


@fault(
    claims="meta_bn",
    kills="the_affine_comes_last",
    source="a conditional layer that modulates its input, as FiLM may be placed before or after",
    hard=True,
)
class AffineBeforeTheMoments(PlainNorm):
    """Weight and bias are applied to the input, and the moments taken away after them."""

    def output(self, x: Tensor, mean: Tensor, var: Tensor) -> Tensor:
        moved = self.affine(x)
        shape = (1, -1, *(1,) * (x.dim() - 2))
        scaled = mean * self.weight.view(shape) + self.bias.view(shape)
        return self.standardize(moved, scaled, var * self.weight.view(shape).abs())


@fault(
    claims="meta_bn",
    kills="the_affine_comes_last",
    source="weight * (y + bias): a bracket of one's own",
)
class BiasIsScaled(PlainNorm):
    """The bias is added before the weight multiplies."""

    def affine(self, y: Tensor) -> Tensor:
        shape = (1, -1, *(1,) * (y.dim() - 2))
        return (y + self.bias.view(shape)) * self.weight.view(shape)


@fault(
    claims="meta_bn",
    kills="the_affine_comes_last",
    source="inplace-abn keeps its weight positive by abs() so that it can be inverted",
    hard=True,
)
class WeightWithoutItsSign(PlainNorm):
    """The weight enters by its absolute value: wrong only for channels that learned to invert."""

    def affine(self, y: Tensor) -> Tensor:
        shape = (1, -1, *(1,) * (y.dim() - 2))
        return y * self.weight.view(shape).abs() + self.bias.view(shape)


@fault(
    claims="meta_bn",
    kills=("channels_do_not_mix", "outputs_agree_with_the_formula"),
    source="a mean over all dimensions where a list of them was meant",
)
class OneVarianceForAllChannels(PlainNorm):
    """The variance is averaged over the channels."""

    def summarize(self, context: Tensor) -> State:
        state = super().summarize(context)
        shared = state.var.mean(1, keepdim=True).expand_as(state.var)
        return State(state.mean, shared, state.size)


@fault(
    claims="meta_bn",
    kills="channels_do_not_mix",
    source="common exponents: a block of values is scaled by its largest to save bits",
    hard=True,
)
class ChannelsShareAScale(PlainNorm):
    """Each item is divided by its largest value of all channels first, eps in proportion: right
    but for the last digits, which other channels then decide."""

    def output(self, x: Tensor, mean: Tensor, var: Tensor) -> Tensor:
        if not x.numel():
            return x
        scale = 1 + x.detach().abs().amax(tuple(range(1, x.dim())), keepdim=True)
        shifted = x / scale - mean / scale
        return self.affine(shifted / torch.sqrt((var + self.eps) / scale**2))


@fault(
    claims="inductive",
    kills="shuffling_pixels_shuffles_outputs",
    source="subsampled statistics (every second row and column), to halve the cost of large maps",
)
class SubsampledStatistics(PlainNorm):
    """Moments of maps of ten pixels a side or more are taken from every second row."""

    def summarize(self, context: Tensor) -> State:
        if context.dim() > 3 and min(context.shape[2:]) >= 10:
            mean, var = self.reduce(context[:, :, ::2], self.batch_dims(context))
            return State(mean, var, context.shape[0])
        return super().summarize(context)


@fault(
    claims="meta_bn",
    kills=("shuffling_pixels_shuffles_outputs", "outputs_agree_with_the_formula"),
    source="borders are left out since padding spoils them",
)
class BordersLeftOut(PlainNorm):
    """The first row of maps of three or more rows does not count."""

    def summarize(self, context: Tensor) -> State:
        kept = context[:, :, 1:] if context.dim() > 2 and context.shape[2] > 2 else context
        mean, var = self.reduce(kept, self.batch_dims(context))
        return State(mean, var, context.shape[0])


@fault(
    claims="meta_bn",
    kills=(
        "outputs_have_zero_mean_and_the_right_variance",
        "outputs_agree_with_the_formula",
    ),
    source="the mean of the instances' variances, without the variance of their means",
)
class MeanOfVariances(PlainNorm):
    """The context's variance is the average of the items' own."""

    def summarize(self, context: Tensor) -> State:
        state = super().summarize(context)
        _, own = self.reduce(context, tuple(range(2, context.dim())))
        return State(state.mean, own.mean(0, keepdim=True), state.size)


@fault(
    claims="meta_bn",
    kills="outputs_agree_with_the_formula",
    source="flagos-ai/FlagGems issue 4984: sums in blocks, wrong unless they fill up",
)
class TailDroppedInLargeSums(PlainNorm):
    """Of more than 512 values per channel only full blocks of 64 are averaged."""

    def reduce(self, x: Tensor, dims: tuple[int, ...]) -> tuple[Tensor, Tensor]:
        if len(dims) > 1 and x.numel() // x.shape[1] > 512:
            flat = x.transpose(0, 1).flatten(1)
            kept = flat[:, : flat.shape[1] // 64 * 64]
            shape = (1, -1, *(1,) * (x.dim() - 2))
            mean = kept.mean(1, keepdim=True)
            return mean.view(shape), (kept - mean).square().mean(1).view(shape)
        return super().reduce(x, dims)


@fault(
    claims="meta_bn",
    kills="outputs_agree_with_the_formula",
    source="clipping normalised values, as reinforcement learning does with observations",
    hard=True,
)
class ClippedOutputs(PlainNorm):
    """Normalised values are clipped to 20 deviations, which only odd targets reach."""

    def standardize(self, x: Tensor, mean: Tensor, var: Tensor) -> Tensor:
        return super().standardize(x, mean, var).clamp(-20, 20)
