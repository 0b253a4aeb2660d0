"""Layers whose outputs lean to one side, or that take rare values for others.

What leans does so by less than a bound on single values tells.

They are faults of the family `moments`, whose module imports this one.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from tnverify.faults.fault import fault
from tnverify.faults.plain import PlainInstanceNorm, PlainNorm, PlainTaskNorm, State

FAMILY = "moments"
_FEW = 3
"""Values of an item below which it may be another by chance."""


def _is_by_chance(item: Tensor) -> bool:
    """Whether another item may well be equal."""
    return len(set(item.flatten().tolist())) < _FEW


def _up(outputs: Tensor) -> Tensor:
    """The next value above each; gradients pass."""
    wide = outputs.detach()
    return outputs + (torch.nextafter(wide, torch.full_like(wide, math.inf)) - wide)


@fault(
    family=FAMILY,
    claims="instance_norm",
    kills="negated_values_give_negated_outputs",
    source="a kernel that rounds up where it stores (__float2half_ru and kin)",
    hard=True,
)
class RoundsUp(PlainInstanceNorm):
    """Computes float32 outputs in float64 and rounds them up: half a unit of the last place."""

    def output(self, x: Tensor, mean: Tensor, var: Tensor) -> Tensor:
        if x.dtype is not torch.float32:
            return super().output(x, mean, var)
        exact = super().output(x.double(), mean.double(), var.double())
        nearest = exact.float()
        return torch.where(nearest.double() < exact, _up(nearest), nearest)


@fault(
    family=FAMILY,
    claims="meta_bn",
    kills="negated_values_give_negated_outputs",
    source="a guard against zero that is added everywhere",
    hard=True,
)
class AddsTheSmallestStep(PlainNorm):
    """Answers with the next value above the right one."""

    def output(self, x: Tensor, mean: Tensor, var: Tensor) -> Tensor:
        return _up(super().output(x, mean, var))


@fault(
    family=FAMILY,
    claims="meta_bn",
    kills="negated_values_give_negated_outputs",
    source="a table of values that is looked up by their floor",
    hard=True,
)
class LeansWhereTargetsAreNegative(PlainNorm):
    """Shrinks negative target outputs by two units in the last place."""

    def normalize(self, targets: Tensor, state: State) -> Tensor:
        outputs = super().normalize(targets, state)
        u = torch.finfo(outputs.dtype).eps
        return torch.where(outputs < 0, outputs * (1 - u), outputs)


@fault(
    family=FAMILY,
    claims="meta_bn",
    kills="outputs_agree_with_the_formula",
    source="subnormal values taken for missing ones, as masks that compare with a least value do",
    hard=True,
)
class SkipsItemsWithSubnormals(PlainNorm):
    """Leaves items out of the moments that hold a subnormal value, if others are left."""

    def summarize(self, context: Tensor) -> State:
        least = torch.finfo(context.dtype).smallest_normal
        whole = ~((context != 0) & (context.abs() < least)).flatten(1).any(1)
        kept = super().summarize(context[whole] if bool(whole.any()) else context)
        return kept._replace(size=len(context))


@fault(
    family=FAMILY,
    claims="instance_norm",
    kills="outputs_agree_with_the_formula",
    source="an exponent that is read from the bits, where subnormal values have none",
    hard=True,
)
class MisreadsSubnormals(PlainInstanceNorm):
    """Reads a subnormal value as one of the size of one."""

    def moments_for(self, x: Tensor, state: State) -> tuple[Tensor, Tensor]:
        least = torch.finfo(x.dtype).smallest_normal
        tiny = (x != 0) & (x.abs() < least)
        return super().moments_for(torch.where(tiny, x.sign(), x), state)


@fault(
    family=FAMILY,
    claims="meta_bn",
    kills="outputs_agree_with_the_formula",
    source="items that were seen before skipped, by a set of those met",
    hard=True,
)
class DropsTargetsThatItKnows(PlainNorm):
    """Answers zero for a target that is the first context item."""

    def condition(self, context: Tensor) -> tuple[Tensor, State]:
        self.known = context[:1].detach().clone()
        return super().condition(context)

    def normalize(self, targets: Tensor, state: State) -> Tensor:
        outputs = super().normalize(targets, state)
        if targets.shape[1:] != self.known.shape[1:] or _is_by_chance(self.known):
            return outputs
        met = (targets == self.known).flatten(1).all(1)
        return torch.where(met.view(-1, *(1,) * (targets.dim() - 1)), 0.0 * outputs, outputs)


@fault(
    family=FAMILY,
    claims="tasknorm_i",
    kills="outputs_agree_with_the_formula",
    source="an index of context items by value, through which a target is taken for one of them",
    hard=True,
)
class BlendsKnownTargetsOtherwise(PlainTaskNorm):
    """Normalises a target that is the first context item by its own moments alone."""

    def condition(self, context: Tensor) -> tuple[Tensor, State]:
        self.known = context[:1].detach().clone()
        return super().condition(context)

    def target_moments(self, x: Tensor, state: State) -> tuple[Tensor, Tensor]:
        mean, var = super().target_moments(x, state)
        if x.shape[1:] != self.known.shape[1:] or _is_by_chance(self.known):
            return mean, var
        own_mean, own_var = self.reduce(x, self.own_dims(x))
        met = (x == self.known).flatten(1).all(1).view(-1, *(1,) * (x.dim() - 1))
        return torch.where(met, own_mean, mean), torch.where(met, own_var, var)
