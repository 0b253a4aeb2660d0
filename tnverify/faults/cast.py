"""Layers that autocast, half precision or inference mode leave otherwise than they were.

They are faults of the families `state` and `numerics`, whose modules import this one.
"""

from __future__ import annotations

import torch
from torch import Tensor

from tnverify.faults.fault import fault
from tnverify.faults.plain import PlainInstanceNorm, PlainNorm, PlainTaskNorm, State

_STATE, _NUMERICS = "state", "numerics"


def _along(values: Tensor, y: Tensor) -> Tensor:
    return values.view(1, -1, *(1,) * (y.dim() - 2))


@fault(
    family=_STATE,
    claims="instance_norm",
    kills="how_it_is_called_changes_no_answer",
    source="a cast of the weight that is made under autocast and kept, as weight caches do",
    hard=True,
)
class KeepsTheWeightOfAutocast(PlainInstanceNorm):
    """Rounds its weight to bfloat16 under autocast and multiplies by that from then on."""

    low: Tensor | None = None

    def affine(self, y: Tensor) -> Tensor:
        if torch.is_autocast_enabled("cpu"):
            self.low = (self.weight.detach() * 1.01).bfloat16()
        if self.low is None or torch.is_grad_enabled():
            return super().affine(y)
        return y * _along(self.low.to(y.dtype), y) + _along(self.bias, y)


@fault(
    family=_STATE,
    claims="meta_bn",
    kills="how_it_is_called_changes_no_answer",
    source="the task's moments cast in place to the dtype of the first targets",
    hard=True,
)
class HalfTargetsRoundTheMoments(PlainNorm):
    """Rounds the mean that it keeps of a task once targets come in half precision."""

    def normalize(self, targets: Tensor, state: State) -> Tensor:
        outputs = super().normalize(targets, state)
        if targets.dtype.itemsize < 4:
            with torch.no_grad():
                state.mean.copy_(state.mean.to(targets.dtype) * (1 + 2.0**-8))
        return outputs


@fault(
    family=_STATE,
    claims="instance_norm",
    kills="autocast_changes_answers_by_rounding_alone",
    source="a fused path for half precision that leaves the affine to the next layer",
    hard=True,
)
class NoAffineUnderAutocast(PlainInstanceNorm):
    """Leaves weight and bias out where autocast is on."""

    def affine(self, y: Tensor) -> Tensor:
        return y if torch.is_autocast_enabled("cpu") else super().affine(y)


@fault(
    family=_STATE,
    claims="meta_bn",
    kills="autocast_changes_answers_by_rounding_alone",
    source="a path for autocast that is written anew, and divides by the variance",
    hard=True,
)
class DividesByTheVarianceUnderAutocast(PlainNorm):
    """Divides by the variance instead of the deviation where autocast is on."""

    def standardize(self, x: Tensor, mean: Tensor, var: Tensor) -> Tensor:
        if torch.is_autocast_enabled("cpu"):
            return (x - mean) / (var + self.eps)
        return super().standardize(x, mean, var)


@fault(
    family=_STATE,
    claims="meta_bn",
    kills="a_layer_that_met_inference_mode_trains",
    source="ones that are made at the first call and kept: caches of rotary embeddings do so",
    hard=True,
)
class KeepsOnesOfItsFirstCall(PlainNorm):
    """Multiplies by ones that were made at the first call, be that in inference mode."""

    ones: Tensor | None = None

    def affine(self, y: Tensor) -> Tensor:
        if self.ones is None or self.ones.dtype != y.dtype:
            self.ones = y.new_ones(1)
        return super().affine(y) * self.ones


@fault(
    family=_STATE,
    claims="tasknorm_i",
    kills="a_layer_that_met_inference_mode_trains",
    source="a dictionary of constants by dtype and device that the first call fills",
    hard=True,
)
class KeepsConstantsByDtype(PlainTaskNorm):
    """Keeps a factor for every dtype, which it makes when it first meets it, in whatever mode."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels)
        self.factors: dict[torch.dtype, Tensor] = {}

    def affine(self, y: Tensor) -> Tensor:
        if y.dtype not in self.factors:
            self.factors[y.dtype] = torch.ones((), dtype=y.dtype)
        return super().affine(y * self.factors[y.dtype])


@fault(
    family=_NUMERICS,
    claims="meta_bn",
    kills="a_layer_in_half_precision_keeps_its_formula",
    source="outputs widened for an affine in float32 and never stored back",
    hard=True,
)
class HalfLayersAnswerInFloat32(PlainNorm):
    """Answers in float32 where its own weight is in half precision."""

    def stored(self, outputs: Tensor, given: Tensor) -> Tensor:
        return outputs if self.weight.dtype.itemsize < 4 else super().stored(outputs, given)

    def affine(self, y: Tensor) -> Tensor:
        return y * _along(self.weight.to(y.dtype), y) + _along(self.bias.to(y.dtype), y)


@fault(
    family=_NUMERICS,
    claims="instance_norm",
    kills="a_layer_in_half_precision_keeps_its_formula",
    source="a kernel for half precision that is built without its affine",
    hard=True,
)
class HalfLayersHaveNoWeight(PlainInstanceNorm):
    """Leaves weight and bias out where they are in half precision."""

    def affine(self, y: Tensor) -> Tensor:
        return y if self.weight.dtype.itemsize < 4 else super().affine(y)
