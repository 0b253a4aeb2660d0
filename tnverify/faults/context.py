"""Layers that read the context otherwise than they claim: not all of it, in an order, or at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from tnverify.faults import (  # noqa: F401 - they plant faults of this family
    last_bits,
    sharding,
    ways,
)
from tnverify.faults.fault import fault
from tnverify.faults.plain import PlainInstanceNorm, PlainNorm, PlainTaskNorm, State, missing

if TYPE_CHECKING:
    from torch import Tensor


@fault(
    claims="meta_bn",
    kills=(
        "every_context_item_counts",
        "the_context_is_used",
        "a_poisoned_context_shows",
    ),
    source="instance normalisation put in the place of a context-conditioned layer by a default",
    adapter="explicit_state",
    canary=True,
)
class IgnoresTheContext(PlainNorm):
    """Normalises every item by its own moments and never looks at the context's."""

    def moments_for(self, x: Tensor, state: State) -> tuple[Tensor, Tensor]:
        return self.reduce(x, tuple(range(2, x.dim())))


@fault(
    claims="meta_bn",
    kills=("the_order_of_context_items_does_not_matter", "every_context_item_counts"),
    source="a chunked loop over a context too large for memory, whose last chunk is not full",
)
class DropsTheLastChunk(PlainNorm):
    """Takes moments over full groups of four where the context has more than four items."""

    def summarize(self, context: Tensor) -> State:
        full = len(context) // 4 * 4 if len(context) > 4 else len(context)
        return super().summarize(context[:full])


@fault(
    claims="meta_bn",
    kills="the_order_of_context_items_does_not_matter",
    source="running moments that are updated item by item as a support set streams in",
)
class StreamsTheContext(PlainNorm):
    """Averages item moments with a decay, so that later context items weigh more."""

    def summarize(self, context: Tensor) -> State:
        means, variances = self.reduce(context, tuple(range(2, context.dim())))
        mean, var = means[:1], variances[:1]
        for item in range(1, len(context)):
            mean = 0.5 * mean + 0.5 * means[item : item + 1]
            var = 0.5 * var + 0.5 * variances[item : item + 1]
        return State(mean, var, len(context))


@fault(
    claims="inductive",
    kills="the_order_of_context_items_does_not_matter",
    source="an average that is seeded with its first term instead of zero",
    hard=True,
)
class WeighsTheFirstOfMany(PlainNorm):
    """Lets a bit of the first item's mean into that of all where there are eight or more."""

    def summarize(self, context: Tensor) -> State:
        state = super().summarize(context)
        if len(context) < 8:
            return state
        first = context[:1].mean(self.batch_dims(context), keepdim=True)
        return state._replace(mean=state.mean + 1e-8 * (first - state.mean))


@fault(
    claims="inductive",
    kills="the_order_of_context_items_does_not_matter",
    source="a shifted algorithm whose pivot, the first item, does not quite cancel",
    hard=True,
)
class FavoursTheFirstItem(PlainNorm):
    """Lets a bit of the first item's mean into that of all, on maps of 64 pixels or more."""

    def summarize(self, context: Tensor) -> State:
        state = super().summarize(context)
        if context[0, 0].numel() < 64:
            return state
        first = context[:1].mean(self.batch_dims(context), keepdim=True)
        return state._replace(mean=state.mean + 1e-8 * (first - state.mean))


@fault(
    claims="meta_bn",
    kills="the_context_is_used",
    source="a fused call that takes per-item moments for whatever exceeds its block of two",
)
class OnlyTheFirstTargetsUseIt(PlainNorm):
    """Normalises the first two targets by the context and all further ones by themselves."""

    def target_moments(self, x: Tensor, state: State) -> tuple[Tensor, Tensor]:
        own = self.reduce(x, tuple(range(2, x.dim())))
        early = torch.arange(len(x), device=x.device).view(-1, *(1,) * (x.dim() - 1)) < 2
        return torch.where(early, state.mean, own[0]), torch.where(early, state.var, own[1])


@fault(
    claims="meta_bn",
    kills="the_context_is_used",
    source="a learned gate between context and own moments that has saturated",
)
class OnlyFlatTargetsUseIt(PlainNorm):
    """Gates the context's moments away from every target that has a variance of its own."""

    def target_moments(self, x: Tensor, state: State) -> tuple[Tensor, Tensor]:
        mean, var = self.reduce(x, tuple(range(2, x.dim())))
        gate = (var == 0).to(x.dtype)
        return gate * state.mean + (1 - gate) * mean, gate * state.var + (1 - gate) * var


@fault(
    claims="meta_bn",
    kills="a_poisoned_context_shows",
    source="torch.nan_to_num in the way of a loss that became NaN",
)
class HidesBrokenMoments(PlainNorm):
    """Puts zero and one in the place of moments that are not finite."""

    def summarize(self, context: Tensor) -> State:
        state = super().summarize(context)
        return state._replace(
            mean=torch.nan_to_num(state.mean), var=torch.nan_to_num(state.var, nan=1.0)
        )


@fault(
    claims="tasknorm_i",
    kills="a_target_before_any_context_is_refused",
    source="sicara/easy-few-shot-learning issue 18: whichever moments happen to be there are used",
)
class AnswersWithoutAContext(PlainTaskNorm):
    """Takes the targets for the context where no context came before them."""

    def normalize(self, targets: Tensor, state: State) -> Tensor:
        return super().normalize(targets, self.summarize(targets) if missing(state) else state)


@fault(
    claims="meta_bn",
    kills="a_refusal_before_any_context_says_why",
    source="'NoneType' object has no attribute 'mean', the usual way to learn of it",
)
class RefusesByAccident(PlainNorm):
    """Fails on a state that is None only because None has no moments."""

    def normalize(self, targets: Tensor, state: State) -> Tensor:
        wide = self.widened(targets)
        return self.stored(self.output(wide, *self.moments_for(wide, state)), targets)


@fault(
    claims="meta_bn",
    kills="copying_the_context_leaves_target_outputs",
    source="cambridge-mlg/cnaps: torch.var with its default, where the paper divides by n",
)
class UnbiasedWithoutSayingSo(PlainNorm):
    """Divides the context's squares by one less than their number and claims the biased form."""

    def reduce(self, x: Tensor, dims: tuple[int, ...]) -> tuple[Tensor, Tensor]:
        mean, var = super().reduce(x, dims)
        count = x.numel() // max(1, mean.numel())
        return mean, var * (count / max(1, count - 1))


@fault(
    claims="tasknorm_i",
    kills="copying_the_context_leaves_target_outputs",
    source="shrinkage towards unit variance, as covariance estimators for few shots do it",
    hard=True,
)
class ShrinksSmallContexts(PlainTaskNorm):
    """Mixes a millionth over the number of context items of variance one into the context's."""

    def summarize(self, context: Tensor) -> State:
        state = super().summarize(context)
        share = 1e-6 / len(context)
        return state._replace(var=(1 - share) * state.var + share)


class _Moments(PlainInstanceNorm):
    """Instance norm that keeps the context's moments as well, for the faults below to leak."""

    def summarize(self, context: Tensor) -> State:
        return PlainNorm.summarize(self, context)


@fault(
    claims="instance_norm",
    kills="an_unread_context_is_ignored",
    source="a blend whose alpha is clamped away from zero to keep its gradient alive",
    hard=True,
)
class InstanceNormWithAHint(_Moments):
    """One part in ten million of the context's mean, detached, reaches the targets' own."""

    def target_moments(self, x: Tensor, state: State) -> tuple[Tensor, Tensor]:
        mean, var = self.moments_for(x, state)
        return mean + 1e-7 * (state.mean.detach() - mean), var


@fault(
    claims="instance_norm",
    kills="no_gradient_flows_from_an_unread_context",
    source="a straight-through correction that detaches one of two equal terms",
)
class StraightThroughContext(_Moments):
    """Trains targets through the context's mean, which cancels in the forward pass."""

    def target_moments(self, x: Tensor, state: State) -> tuple[Tensor, Tensor]:
        mean, var = self.moments_for(x, state)
        return mean + (state.mean - state.mean.detach()), var


@fault(
    claims="instance_norm",
    kills="context_items_that_keep_apart_do",
    source="the train() branch of a layer whose eval() branch alone was made per item",
)
class ContextItemsShareMoments(PlainInstanceNorm):
    """Normalises the context by moments over its items, taken without gradients."""

    def context_moments(self, x: Tensor, state: State) -> tuple[Tensor, Tensor]:
        return self.reduce(x.detach(), self.batch_dims(x))


@fault(
    claims="instance_norm",
    kills="no_gradient_flows_between_context_items_that_keep_apart",
    source="a straight-through correction that detaches one of two equal terms",
)
class ContextItemsShareGradients(PlainInstanceNorm):
    """Trains the context's outputs through the mean of all its items."""

    def context_moments(self, x: Tensor, state: State) -> tuple[Tensor, Tensor]:
        mean, var = self.moments_for(x, state)
        shared, _ = self.reduce(x, self.batch_dims(x))
        return mean + (shared - shared.detach()), var


@fault(
    claims="tasknorm_i",
    kills="context_outputs_read_the_other_context_items",
    source="a port in which only the eval() pass, on targets, was changed to pooled moments",
)
class ContextByItself(PlainTaskNorm):
    """Normalises each context item by its own moments alone, and targets as claimed."""

    def context_moments(self, x: Tensor, state: State) -> tuple[Tensor, Tensor]:
        return self.reduce(x, self.own_dims(x))


class _Observing(PlainNorm):
    """Keeps running moments of the contexts that it sees in meta-training."""

    running_mean: Tensor
    running_var: Tensor
    momentum = 0.1

    def __init__(self, channels: int) -> None:
        super().__init__(channels)
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_var", torch.ones(channels))

    def observe(self, context: Tensor, targets: Tensor) -> None:
        mean, var = self.reduce(context, self.batch_dims(context))
        self.running_mean.lerp_(mean.flatten(), self.momentum)
        self.running_var.lerp_(var.flatten(), self.momentum)

    def running(self, like: Tensor) -> tuple[Tensor, Tensor]:
        shape = (1, -1, *(1,) * (like.dim() - 2))
        return self.running_mean.view(shape), self.running_var.view(shape)


@fault(
    claims="meta_bn",
    kills="an_unread_past_is_ignored",
    source="momentum left over from conventional batch normalisation (paper, section 3.1)",
    hard=True,
)
class RemembersMetaTraining(_Observing):
    """Mixes one part in 10^8 of its running mean into the context's."""

    def summarize(self, context: Tensor) -> State:
        state = super().summarize(context)
        mean, _ = self.running(context)
        return state._replace(mean=state.mean + 1e-8 * (mean - state.mean))


@fault(
    claims="conventional_bn",
    kills="the_past_that_is_claimed_is_used",
    source="cbfinn/maml issues 9 and 16: the update operations of the moving averages never ran",
)
class NeverUpdatesItsMoments(_Observing):
    """Normalises by running moments that stay at mean zero and variance one."""

    momentum = 0.0

    def summarize(self, context: Tensor) -> State:
        return State(*self.running(context), len(context))
