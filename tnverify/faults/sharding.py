"""Layers that put a context together from its parts otherwise than by counts, means and spreads.

They are faults of the family `context`, whose laws about parts are in a module of this name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from tnverify.faults.fault import fault
from tnverify.faults.plain import PlainNorm, PlainTaskNorm, State

if TYPE_CHECKING:
    from torch import Tensor

SAME = "how_the_context_is_sharded_does_not_matter"
REACHED = "the_target_loss_reaches_every_shard"


class ShardedNorm(PlainNorm):
    """`meta_bn` that takes a context in parts, as it should be done."""

    def condition_shards(self, shards: list[Tensor]) -> tuple[list[Tensor], State]:
        state = self.merge_states([self.summarize(shard) for shard in shards if len(shard)])
        return [self.output(shard, *self.moments_for(shard, state)) for shard in shards], state

    def merge_states(self, states: list[State]) -> State:
        total = sum(state.size for state in states)
        shares = [state.size / total for state in states]
        mean = self.merged_mean(states, shares)
        return State(mean, self.merged_var(states, shares, mean), self.merged_size(states))

    def merged_mean(self, states: list[State], shares: list[float]) -> Tensor:
        parts = [share * state.mean for share, state in zip(shares, states, strict=True)]
        return torch.stack(parts).sum(0)

    def merged_var(self, states: list[State], shares: list[float], mean: Tensor) -> Tensor:
        parts = [
            share * (state.var + (state.mean - mean).square())
            for share, state in zip(shares, states, strict=True)
        ]
        return torch.stack(parts).sum(0)

    def merged_size(self, states: list[State]) -> int:
        return sum(state.size for state in states)


class ShardedTaskNorm(PlainTaskNorm, ShardedNorm):
    """`tasknorm_i` that takes a context in parts, as it should be done."""


@fault(
    family="context",
    claims="meta_bn",
    kills=SAME,
    source="an all-reduce of means and variances divided by the number of processes",
)
class WeighsShardsAlike(ShardedNorm):
    """Averages what parts leave as if every part had as many items."""

    def merge_states(self, states: list[State]) -> State:
        shares = [1 / len(states)] * len(states)
        mean = self.merged_mean(states, shares)
        return State(mean, self.merged_var(states, shares, mean), self.merged_size(states))


@fault(
    family="context",
    claims="meta_bn",
    kills=SAME,
    source="averaged running variances of data-parallel training, taken for those of the batch",
)
class ForgetsTheSpreadBetweenShards(ShardedNorm):
    """Averages variances within parts, without what the parts' means differ by."""

    def merged_var(self, states: list[State], shares: list[float], mean: Tensor) -> Tensor:
        parts = [share * state.var for share, state in zip(shares, states, strict=True)]
        return torch.stack(parts).sum(0)


@fault(
    family="context",
    claims="meta_bn",
    kills=SAME,
    source="synchronised batch norms that all-reduce sums and sums of squares",
    hard=True,
)
class SumsRawSquares(ShardedNorm):
    """Takes the variance of all parts as the mean square less the squared mean."""

    def merged_var(self, states: list[State], shares: list[float], mean: Tensor) -> Tensor:
        squares = [
            share * (state.var + state.mean.square())
            for share, state in zip(shares, states, strict=True)
        ]
        return (torch.stack(squares).sum(0) - mean.square()).clamp(min=0)


@fault(
    family="context",
    claims="tasknorm_i",
    kills=SAME,
    source="alpha computed from the local batch where the moments are synchronised",
)
class SizesAlphaByOneShard(ShardedTaskNorm):
    """Takes the number of context items from the largest part alone."""

    def merged_size(self, states: list[State]) -> int:
        return max(state.size for state in states)


@fault(
    family="context",
    claims="meta_bn",
    kills=SAME,
    source="state set anew by every call, in a loop over the parts of a large support set",
)
class KeepsTheLastShard(ShardedNorm):
    """Keeps what the last part left, as if it were the whole context."""

    def merge_states(self, states: list[State]) -> State:
        return states[-1]


@fault(
    family="context",
    claims="meta_bn",
    kills=SAME,
    source="a process that got no support items, and a mean over none of them",
)
class CountsShardsOfNothing(ShardedNorm):
    """Lets a part without items in, whose mean is not a number."""

    def condition_shards(self, shards: list[Tensor]) -> tuple[list[Tensor], State]:
        state = self.merge_states([self.summarize(shard) for shard in shards])
        return [self.output(shard, *self.moments_for(shard, state)) for shard in shards], state


@fault(
    family="context",
    claims="meta_bn",
    kills=SAME,
    source="moments synchronised for the targets alone, after the forward pass",
)
class NormalizesShardsAlone(ShardedNorm):
    """Normalises each part's items with that part's moments, and the targets with those of all."""

    def condition_shards(self, shards: list[Tensor]) -> tuple[list[Tensor], State]:
        _, state = super().condition_shards(shards)
        return [self.condition(shard)[0] if len(shard) else shard for shard in shards], state


@fault(
    family="context",
    claims="meta_bn",
    kills=SAME,
    source="states merged two at a time, each with half the weight, as they come in",
)
class HalvesAsItMerges(PlainNorm):
    """Merges states one after another, the newest with half the weight of the result."""

    def merge_states(self, states: list[State]) -> State:
        mean, var, size = states[0]
        for state in states[1:]:
            gap = mean - state.mean
            mean, var = (mean + state.mean) / 2, (var + state.var) / 2 + (gap / 2).square()
            size += state.size
        return State(mean, var, size)


@fault(
    family="context",
    claims="meta_bn",
    kills=REACHED,
    source="torch.distributed.all_gather, which returns tensors without a graph",
)
class CutsGradientsBetweenShards(ShardedNorm):
    """Takes the moments of all parts but the last as constants."""

    def merge_states(self, states: list[State]) -> State:
        rest = [State(s.mean.detach(), s.var.detach(), s.size) for s in states[:-1]]
        return super().merge_states([*rest, states[-1]])
