"""Layers whose blend of context and own moments is not the one that TaskNorm claims."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from tnverify.faults.fault import fault
from tnverify.faults.plain import PlainTaskNorm, PlainTaskNormL, State

if TYPE_CHECKING:
    from torch.autograd.function import FunctionCtx


@fault(
    claims="tasknorm_i",
    kills=(
        "the_pooled_variance_carries_the_between_mean_term",
        "tasknorm_i_at_n_over_n_plus_one_is_reptile_normalisation",
    ),
    source="blending variances as one blends means, the first thing that one writes",
    adapter="explicit_state",
    canary=True,
)
class AveragedVariances(PlainTaskNorm):
    """The pooled variance is the average of the two variances, without the between-mean term."""

    def pool(
        self, alpha: Tensor, mean: Tensor, var: Tensor, own_mean: Tensor, own_var: Tensor
    ) -> tuple[Tensor, Tensor]:
        return alpha * mean + (1 - alpha) * own_mean, alpha * var + (1 - alpha) * own_var


@fault(
    claims="tasknorm_i",
    kills="the_pooled_variance_carries_the_between_mean_term",
    source="a guard against outliers: the distance of means is clipped to a few deviations",
    hard=True,
)
class ClippedBetweenMeanTerm(PlainTaskNorm):
    """The two means count as at most six deviations apart in the pooled variance."""

    def pool(
        self, alpha: Tensor, mean: Tensor, var: Tensor, own_mean: Tensor, own_var: Tensor
    ) -> tuple[Tensor, Tensor]:
        pooled = alpha * mean + (1 - alpha) * own_mean
        limit = 6 * torch.sqrt(var + own_var + self.eps)
        distance = torch.clamp(mean - own_mean, -limit, limit)
        between = alpha * (1 - alpha) * distance.square()
        return pooled, alpha * var + (1 - alpha) * own_var + between


@fault(
    claims="tasknorm_i",
    kills="the_pooled_variance_carries_the_between_mean_term",
    source="both deviations taken from the context's mean instead of from the pooled one",
)
class VarianceAroundTheContextMean(PlainTaskNorm):
    """The own variance is taken around the context's mean: its share is not squared again."""

    def pool(
        self, alpha: Tensor, mean: Tensor, var: Tensor, own_mean: Tensor, own_var: Tensor
    ) -> tuple[Tensor, Tensor]:
        pooled = alpha * mean + (1 - alpha) * own_mean
        around = own_var + (own_mean - mean).square()
        return pooled, alpha * var + (1 - alpha) * around


@fault(
    claims="tasknorm_i",
    kills=(
        "alpha_one_is_context_batch_normalisation",
        "alpha_zero_is_the_items_own_normalisation",
    ),
    source="the two arguments of a blend in the other order, as torch.lerp takes them",
)
class SwappedBlend(PlainTaskNorm):
    """Alpha weights the item's own moments, 1 - alpha the context's."""

    def alpha(self, size: int) -> Tensor:
        return 1 - super().alpha(size)


@fault(
    claims="tasknorm_i",
    kills="alpha_is_the_sigmoid_of_the_context_size",
    source="x.numel() // x.shape[1], which counts items only where maps have one pixel",
)
class SizeCountsPixels(PlainTaskNorm):
    """The context's size is its number of values per channel, not of items."""

    def summarize(self, context: Tensor) -> State:
        state = super().summarize(context)
        return State(state.mean, state.var, context.numel() // context.shape[1])


@fault(
    claims="tasknorm_i",
    kills="alpha_is_the_sigmoid_of_the_context_size",
    source="a buffer of type uint8 for the number of items, so that it is saved with the layer",
    hard=True,
)
class SizeInOneByte(PlainTaskNorm):
    """The context's size is stored in one byte: 256 items count as none."""

    def summarize(self, context: Tensor) -> State:
        state = super().summarize(context)
        return State(state.mean, state.var, context.shape[0] % 256)


@fault(
    claims="tasknorm_i",
    kills="alpha_is_the_sigmoid_of_the_context_size",
    source="the paper's figure 3b ends at 70 items, and alpha is near one from 30 on",
    hard=True,
)
class SizeStopsAtSeventy(PlainTaskNorm):
    """Contexts of more than 70 items count as 70."""

    def alpha(self, size: int) -> Tensor:
        return super().alpha(min(size, 70))


@fault(
    claims="tasknorm_i",
    kills="alpha_one_is_context_batch_normalisation",
    source="the clamp that binary cross entropy has, copied for 'numerical stability'",
    hard=True,
)
class AlphaNeverOne(PlainTaskNorm):
    """Alpha is kept below 1 - 10^-6, so the item's own moments never quite vanish."""

    def alpha(self, size: int) -> Tensor:
        return super().alpha(size).clamp(max=1 - 1e-6)


@fault(
    claims="tasknorm_i",
    kills="alpha_zero_is_the_items_own_normalisation",
    source="the same clamp at the other end",
    hard=True,
)
class AlphaNeverZero(PlainTaskNorm):
    """Alpha is kept above 10^-6, so the context never quite vanishes."""

    def alpha(self, size: int) -> Tensor:
        return super().alpha(size).clamp(min=1e-6)


@fault(
    claims="tasknorm_i",
    kills="both_limits_are_approached",
    source="a short cut: where alpha is nearly one, the second moments need not be computed",
    hard=True,
)
class AlphaSnapsToOne(PlainTaskNorm):
    """From 0.999 on alpha counts as one."""

    def alpha(self, size: int) -> Tensor:
        alpha = super().alpha(size)
        return torch.where(alpha > 0.999, torch.ones_like(alpha), alpha)


@fault(
    claims="tasknorm_i",
    kills="both_limits_are_approached",
    source="the same short cut at the other end, where the context is nearly ignored",
    hard=True,
)
class AlphaSnapsToZero(PlainTaskNorm):
    """Below 10^-8 alpha counts as zero."""

    def alpha(self, size: int) -> Tensor:
        alpha = super().alpha(size)
        return torch.where(alpha < 1e-8, torch.zeros_like(alpha), alpha)


@fault(
    claims="tasknorm_i",
    kills="extreme_scale_and_offset_saturate_without_nan",
    source="a sigmoid written out in the form that overflows on the right",
    hard=True,
)
class OverflowingSigmoid(PlainTaskNorm):
    """Alpha is exp(z) / (1 + exp(z)): infinity over infinity for large z."""

    def alpha(self, size: int) -> Tensor:
        grown = torch.exp(self.scale * size + self.offset)
        return grown / (1 + grown)


@fault(
    claims="tasknorm_l",
    kills="alpha_zero_is_the_items_own_normalisation",
    source="two variants in one class, told apart by a flag that is not passed on",
)
class InstanceMomentsInTaskNormL(PlainTaskNormL):
    """TaskNorm-L whose secondary moments are over space alone, those of TaskNorm-I."""

    def own_dims(self, x: Tensor) -> tuple[int, ...]:
        return tuple(range(2, x.dim()))


@fault(
    claims="tasknorm_i",
    kills=(
        "tasknorm_i_at_n_over_n_plus_one_is_reptile_normalisation",
        "alpha_one_is_context_batch_normalisation",
    ),
    source="torch.var is unbiased by default; one of two calls was given unbiased=False",
)
class MixedConventions(PlainTaskNorm):
    """The context's variance is unbiased, the item's own biased."""

    def summarize(self, context: Tensor) -> State:
        state = super().summarize(context)
        count = context.numel() // context.shape[1]
        return State(state.mean, state.var * (count / max(1, count - 1)), state.size)


@fault(
    claims="tasknorm_i",
    kills="gradients_of_scale_and_offset_are_right",
    source="`.item()` to get a number for a Python expression; alpha then never trains",
    hard=True,
)
class ScaleIsANumber(PlainTaskNorm):
    """Scale enters as a Python number, so that it has no gradient."""

    def alpha(self, size: int) -> Tensor:
        return torch.sigmoid(self.scale.item() * size + self.offset)


class _Alpha(torch.autograd.Function):
    """sigmoid(scale * size + offset) with a backward that leaves out the size."""

    @staticmethod
    def forward(ctx: Any, scale: Tensor, offset: Tensor, size: int) -> Tensor:
        alpha = torch.sigmoid(scale * size + offset)
        ctx.save_for_backward(alpha)
        return alpha

    @staticmethod
    def backward(ctx: FunctionCtx, *grads: Tensor) -> tuple[Tensor, Tensor, None]:
        (alpha,) = ctx.saved_tensors  # type: ignore[attr-defined]  # torch adds it at run time
        slope = grads[0] * alpha * (1 - alpha)
        return slope, slope, None


@fault(
    claims="tasknorm_i",
    kills="gradients_of_scale_and_offset_are_right",
    source="a fused kernel's backward, derived for the offset and used for both",
    hard=True,
)
class ScaleGradientForgetsTheSize(PlainTaskNorm):
    """The backward of alpha gives scale the gradient of the offset."""

    def alpha(self, size: int) -> Tensor:
        alpha: Tensor = _Alpha.apply(  # type: ignore[no-untyped-call]  # torch's
            self.scale, self.offset, size
        )
        return alpha


@fault(
    claims="tasknorm_i",
    kills="alpha_is_the_sigmoid_of_the_context_size",
    source="autocast leaves sigmoid in half precision, and one parameter is a scalar",
    hard=True,
)
class AlphaInHalfPrecision(PlainTaskNorm):
    """Alpha is rounded to bfloat16 before it blends."""

    def alpha(self, size: int) -> Tensor:
        alpha = super().alpha(size)
        return alpha.bfloat16().to(alpha.dtype)


@fault(
    claims="tasknorm_i",
    kills="both_limits_are_approached",
    source="a hard sigmoid, which is cheaper on phones and agrees at 0 and far out",
)
class HardSigmoid(PlainTaskNorm):
    """Alpha is piecewise linear: zero below -3 and one above 3."""

    def alpha(self, size: int) -> Tensor:
        return nn.functional.hardsigmoid(self.scale * size + self.offset)
