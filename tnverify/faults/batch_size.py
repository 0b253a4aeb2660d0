"""Layers whose answers depend on how targets are batched, or that fail at the smallest sizes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from tnverify.faults import padded  # noqa: F401 - it plants more of this family
from tnverify.faults.fault import fault
from tnverify.faults.plain import PlainNorm, PlainTaskNorm, State

if TYPE_CHECKING:
    from torch import Tensor


@fault(
    claims="meta_bn",
    kills="any_partition_of_the_targets_gives_the_same_outputs",
    source="keras-team/keras issue 3078, and guards that were written against it",
    adapter="explicit_state",
    canary=True,
)
class OwnMomentsWhenAlone(PlainNorm):
    """Falls back to a target's own moments where it comes alone."""

    def target_moments(self, x: Tensor, state: State) -> tuple[Tensor, Tensor]:
        return self.reduce(x, self.batch_dims(x)) if len(x) == 1 else (state.mean, state.var)


@fault(
    claims="meta_bn",
    kills="any_partition_of_the_targets_gives_the_same_outputs",
    source="a small-batch kernel with constants of its own",
    hard=True,
)
class SmallBatchKernel(PlainNorm):
    """Adds a second eps, a thousandth of the first, for batches of one or two targets."""

    def target_moments(self, x: Tensor, state: State) -> tuple[Tensor, Tensor]:
        return state.mean, state.var + 1e-3 * self.eps if len(x) < 3 else state.var


@fault(
    claims="meta_bn",
    kills=(
        "any_partition_of_the_targets_gives_the_same_outputs",
        "predicting_twice_gives_the_same",
    ),
    source="a warm-up schedule that counts calls and is not stopped at meta-test",
    hard=True,
)
class DriftsWithEveryCall(PlainNorm):
    """Shifts its mean by a billionth for every batch that it has predicted."""

    calls = 0

    def target_moments(self, x: Tensor, state: State) -> tuple[Tensor, Tensor]:
        self.calls += 1
        return state.mean + 1e-9 * (self.calls - 1), state.var


@fault(
    claims="meta_bn",
    kills="a_target_ignores_how_many_targets_there_are",
    source="half precision for batches that would not fit otherwise",
    hard=True,
)
class SavesMemoryOnLargeBatches(PlainNorm):
    """Rounds 32 or more targets to bfloat16 on the way."""

    def normalize(self, targets: Tensor, state: State) -> Tensor:
        if len(targets) >= 32:
            targets = targets.to(torch.bfloat16).to(targets.dtype)
        return super().normalize(targets, state)


@fault(
    claims="meta_bn",
    kills=(
        "any_partition_of_the_targets_gives_the_same_outputs",
        "a_target_ignores_the_other_targets",
    ),
    source="a shifted algorithm whose pivot, the first item of the call, does not cancel",
    hard=True,
)
class FirstOfEveryCall(PlainNorm):
    """Lets a millionth of the first target of each call stay in all outputs."""

    def normalize(self, targets: Tensor, state: State) -> Tensor:
        pivot = targets[:1] * 1e-6
        return super().normalize(targets - pivot + pivot.mean(), state)


@fault(
    claims="meta_bn",
    kills="any_partition_of_the_targets_gives_the_same_outputs",
    source="a workspace or a captured graph that is sized by the first batch that it meets",
    hard=True,
)
class SizedByItsFirstBatch(PlainNorm):
    """Handles what exceeds the size of a task's first batch of targets in bfloat16."""

    room = 0

    def condition(self, context: Tensor) -> tuple[Tensor, State]:
        self.room = 0
        return super().condition(context)

    def normalize(self, targets: Tensor, state: State) -> Tensor:
        self.room = self.room or len(targets)
        places = torch.arange(len(targets), device=targets.device)
        inside = (places < self.room).view(-1, *(1,) * (targets.dim() - 1))
        rounded = targets.to(torch.bfloat16).to(targets.dtype)
        return super().normalize(torch.where(inside, targets, rounded), state)


@fault(
    claims="meta_bn",
    kills="no_targets_give_an_empty_output",
    source="drift statistics for a dashboard, mixed in with a weight of zero",
)
class RemembersTheMomentsOfNothing(PlainNorm):
    """Keeps the last batch's mean, which is NaN for an empty one, and adds zero times it."""

    watched: Tensor | None = None
    mixing = 0.0

    def normalize(self, targets: Tensor, state: State) -> Tensor:
        outputs = super().normalize(targets, state)
        if self.watched is not None:
            outputs = outputs + self.mixing * self.watched
        self.watched = targets.detach().mean(self.batch_dims(targets), keepdim=True)
        return outputs


@fault(
    claims="meta_bn",
    kills="no_targets_give_an_empty_output",
    source="an early return for empty batches that was written for flattened features",
)
class EmptyOfAnotherShape(PlainNorm):
    """Returns a bare empty tensor for no targets, without channels and space."""

    def normalize(self, targets: Tensor, state: State) -> Tensor:
        if len(targets) == 0:
            return targets.new_empty(0)
        return super().normalize(targets, state)


@fault(
    claims="meta_bn",
    kills="a_single_context_item_is_enough",
    source="open-edge-platform/anomalib issue 2883; layumi/Person_reID_baseline_pytorch issue 77",
)
class SqueezesASingleItem(PlainNorm):
    """Drops the dimension of items from the outputs where there is one item."""

    def output(self, x: Tensor, mean: Tensor, var: Tensor) -> Tensor:
        return super().output(x, mean, var).squeeze(0)


@fault(
    claims="inductive",
    kills="a_single_context_item_is_enough",
    source="torch.std over items with its default, the estimator that divides by one less",
)
class SpreadBetweenItems(PlainNorm):
    """Adds the unbiased variance of item means, which is NaN for a single item.

    Maps of one pixel have no variance within items and take a plain path.
    """

    def summarize(self, context: Tensor) -> State:
        if context[0, 0].numel() == 1:
            return super().summarize(context)
        inner = tuple(range(2, context.dim()))
        means, variances = self.reduce(context, inner)
        mean = means.mean(0, keepdim=True)
        squares = (means - mean).square().sum(0, keepdim=True)
        between = squares / torch.tensor(len(context) - 1)  # 0 / 0 is NaN for tensors
        return State(mean, variances.mean(0, keepdim=True) + between, len(context))


@fault(
    claims="tasknorm_i,unbiased",
    kills="one_pixel_maps_are_finite",
    source="cambridge-mlg/cnaps (torch.var with its default); digantamisra98/EvoNorm issue 4;"
    " switchablenorms/Switchable-Normalization issue 5",
)
class UnbiasedOverOnePixel(PlainTaskNorm):
    """Takes unbiased instance variances, which are NaN over a single pixel."""

    def reduce(self, x: Tensor, dims: tuple[int, ...]) -> tuple[Tensor, Tensor]:
        mean, var = super().reduce(x, dims)
        count = x.numel() // max(1, mean.numel())
        return mean, var * count / torch.tensor(count - 1)  # 0 / 0 is NaN for tensors


@fault(
    claims="meta_bn",
    kills="equal_counts_of_items_and_channels_change_nothing",
    source="a helper that looks for the channels' axis by its size, to serve both layouts",
    hard=True,
)
class GuessesTheWeightsAxis(PlainNorm):
    """Applies weight and bias along the first axis whose size is that of the weight."""

    def affine(self, y: Tensor) -> Tensor:
        axis = list(y.shape).index(len(self.weight))
        shape = [-1 if a == axis else 1 for a in range(y.dim())]
        return y * self.weight.view(shape) + self.bias.view(shape)


@fault(
    claims="meta_bn",
    kills="equal_counts_of_items_and_channels_change_nothing",
    source="as above, in the reduction; it needs both axes to agree and a square set",
    hard=True,
)
class GuessesTheMomentsAxis(PlainNorm):
    """Takes moments per item instead of per channel where there are as many of each."""

    def batch_dims(self, x: Tensor) -> tuple[int, ...]:
        kept = list(x.shape).index(len(self.weight))
        return tuple(dim for dim in range(x.dim()) if dim != kept)

    def moments_for(self, x: Tensor, state: State) -> tuple[Tensor, Tensor]:
        # The kept axis of the moments is lined up with that of the channels again.
        channels = len(self.weight)
        shape = (1, channels, *(1,) * (x.dim() - 2))
        return state.mean.reshape(shape), state.var.reshape(shape)
