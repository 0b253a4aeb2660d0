"""Layers that leak into the last bits alone: something is added and taken off again.

What they leak lies within rounding, so that laws with a bound see nothing of it; laws that compare
bit for bit do. Or they leak a derivative of almost nothing. They are faults of several families,
whose modules import this one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from tnverify.faults.fault import fault
from tnverify.faults.plain import PlainInstanceNorm, PlainNorm, State

if TYPE_CHECKING:
    from torch import Tensor


def _shifted_back(mean: Tensor, pivot: Tensor, x: Tensor) -> Tensor:
    """`mean` after `pivot`, limited to the values of `x`, was added and taken off again."""
    space = tuple(range(2, x.dim()))
    peak = x.detach().abs().amax(space, keepdim=True) if space else x.detach().abs()
    if len(mean) == 1:
        peak = peak.amax(0, keepdim=True)
    limited = torch.maximum(torch.minimum(pivot.detach(), peak), -peak)
    return (mean + limited) - limited


@fault(
    family="context",
    claims="instance_norm",
    kills="an_unread_context_is_ignored",
    source="a pivot for a stable sum, kept from the call before, that does not cancel in its bits",
    hard=True,
)
class RoundsByTheContext(PlainInstanceNorm):
    """Shifts the targets' own means by the context's and back: a trace in the last bit."""

    def summarize(self, context: Tensor) -> State:
        return PlainNorm.summarize(self, context)

    def target_moments(self, x: Tensor, state: State) -> tuple[Tensor, Tensor]:
        mean, var = self.moments_for(x, state)
        return _shifted_back(mean, state.mean, x), var


@fault(
    family="context",
    claims="instance_norm",
    kills="context_items_that_keep_apart_do",
    source="a pivot for a stable sum that is taken over the whole batch, not over the item",
    hard=True,
)
class RoundsByItsNeighbours(PlainInstanceNorm):
    """Shifts the means of context items by that of all and back: a trace in the last bit."""

    def context_moments(self, x: Tensor, state: State) -> tuple[Tensor, Tensor]:
        mean, var = self.moments_for(x, state)
        return _shifted_back(mean, x.mean(self.batch_dims(x), keepdim=True), x), var


@fault(
    family="context",
    claims="meta_bn",
    kills="an_unread_past_is_ignored",
    source="a shifted algorithm with the running mean as its pivot, as kernels for batch norm have",
    hard=True,
)
class RoundsByThePast(PlainNorm):
    """Shifts the context's mean by a running one and back: a trace in the last bit."""

    running: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__(channels)
        self.register_buffer("running", torch.zeros(channels))

    def observe(self, context: Tensor, targets: Tensor) -> None:
        self.running.lerp_(context.mean(self.batch_dims(context)), 0.1)

    def summarize(self, context: Tensor) -> State:
        state = super().summarize(context)
        pivot = self.running.view(state.mean.shape)
        return state._replace(mean=_shifted_back(state.mean, pivot, context))


@fault(
    family="transductivity",
    claims="meta_bn",
    kills="targets_do_not_reach_the_context_outputs",
    source="an exponential average of all outputs, moved in place without gradients and restored",
    hard=True,
)
class RestoresWhatItReturned(PlainNorm):
    """Without gradients, moves the context's outputs by the targets' mean, in place, and back."""

    returned: Tensor | None = None

    def condition(self, context: Tensor) -> tuple[Tensor, State]:
        outputs, state = super().condition(context)
        self.returned = None if torch.is_grad_enabled() else outputs
        return outputs, state

    def normalize(self, targets: Tensor, state: State) -> Tensor:
        outputs = super().normalize(targets, state)
        if self.returned is not None and len(targets):
            moved = outputs.mean().clamp(-1, 1) / 3
            self.returned.add_(moved).sub_(moved)
            self.returned = None
        return outputs


@fault(
    family="task_isolation",
    claims="meta_bn",
    kills="predicting_twice_gives_the_same",
    source="a cache of replies that keeps offsets from a base, not the replies themselves",
    hard=True,
)
class RepeatsFromItsCache(PlainNorm):
    """Answers a batch that comes again from a cache, whose replies are off in the last bit."""

    kept: tuple[Tensor, Tensor] | None = None

    def condition(self, context: Tensor) -> tuple[Tensor, State]:
        self.kept = None
        return super().condition(context)

    def normalize(self, targets: Tensor, state: State) -> Tensor:
        if self.kept is not None and torch.equal(self.kept[0], targets):
            return self.kept[1] + targets * 0
        outputs = super().normalize(targets, state)
        base = outputs.detach().abs().amax() / 3 if outputs.numel() else 0.0
        self.kept = (targets.detach().clone(), (outputs.detach() - base) + base)
        return outputs


@fault(
    family="task_isolation",
    claims="meta_bn",
    kills="predicting_leaves_the_task_state_alone",
    source="a pivot for a stable sum that is kept from the batch before, if that was another one",
    hard=True,
)
class RoundsByThePredictionBefore(PlainNorm):
    """Shifts the context's mean by that of other targets before and back: a trace in the bits."""

    before: Tensor | None = None

    def condition(self, context: Tensor) -> tuple[Tensor, State]:
        self.before = None
        return super().condition(context)

    def target_moments(self, x: Tensor, state: State) -> tuple[Tensor, Tensor]:
        before, self.before = self.before, x.detach().clone() if len(x) else self.before
        if before is None or torch.equal(before, x) or not len(x):
            return state.mean, state.var
        pivot = before.mean(self.batch_dims(before), keepdim=True)
        return _shifted_back(state.mean, pivot, x), state.var


@fault(
    family="context",
    claims="instance_norm",
    kills="no_gradient_flows_from_an_unread_context",
    source="a straight-through term whose weight was annealed to almost nothing, and left in",
    hard=True,
)
class AnnealedStraightThrough(PlainInstanceNorm):
    """Targets train through the context by a term that is zero, with a weight of 1e-20."""

    def summarize(self, context: Tensor) -> State:
        return PlainNorm.summarize(self, context)

    def target_moments(self, x: Tensor, state: State) -> tuple[Tensor, Tensor]:
        mean, var = self.moments_for(x, state)
        return mean + 1e-20 * (state.mean - state.mean.detach()), var


@fault(
    family="context",
    claims="instance_norm",
    kills="no_gradient_flows_between_context_items_that_keep_apart",
    source="the same term, put over the whole batch instead of the item",
    hard=True,
)
class AnnealedBetweenItems(PlainInstanceNorm):
    """Context items train through each other by such a term."""

    def context_moments(self, x: Tensor, state: State) -> tuple[Tensor, Tensor]:
        mean, var = self.moments_for(x, state)
        of_all = x.mean(self.batch_dims(x), keepdim=True)
        return mean + 1e-20 * (of_all - of_all.detach()), var
