"""Layers whose gradient hangs on what else needs one, or on how the incoming one lies in memory.

They are faults of the family `gradients`, whose module imports this one.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from tnverify.faults.fault import fault
from tnverify.faults.plain import PlainInstanceNorm, PlainNorm, State

FAMILY = "gradients"


class _Shrunk(torch.autograd.Function):
    """The identity, whose gradient is a thousandth too small."""

    @staticmethod
    def forward(_ctx: Any, x: Tensor) -> Tensor:
        return x.clone()

    @staticmethod
    def backward(_ctx: Any, *grads: Tensor) -> Tensor:
        return grads[0] * (1 - 1e-3)


def _shrunk(outputs: Tensor) -> Tensor:
    return _Shrunk.apply(outputs)  # type: ignore[no-untyped-call, no-any-return]  # torch types it not


@fault(
    family=FAMILY,
    claims="instance_norm",
    kills="gradients_do_not_depend_on_what_else_needs_one",
    source="a backward that leaves out a factor with the gradient that nobody asked for",
    hard=True,
)
class FrozenWeightShrinksGradients(PlainInstanceNorm):
    """Gives its input another gradient where the weight is frozen."""

    def affine(self, y: Tensor) -> Tensor:
        outputs = super().affine(y)
        frozen = outputs.requires_grad and not self.weight.requires_grad
        return _shrunk(outputs) if frozen else outputs


@fault(
    family=FAMILY,
    claims="meta_bn",
    kills="gradients_do_not_depend_on_what_else_needs_one",
    source="ctx.needs_input_grad read at the wrong place",
    hard=True,
)
class GradientsByTheContextAlone(PlainNorm):
    """Shrinks the context's gradient where the targets need none."""

    def normalize(self, targets: Tensor, state: State) -> Tensor:
        outputs = super().normalize(targets, state)
        alone = outputs.requires_grad and state.mean.requires_grad and not targets.requires_grad
        return _shrunk(outputs) if alone else outputs


@fault(
    family=FAMILY,
    claims="meta_bn",
    kills="gradients_do_not_depend_on_what_else_needs_one",
    source="a weight's gradient that is computed along with the input's, or not",
    hard=True,
)
class ParametersAloneTrainSlower(PlainNorm):
    """Shrinks the gradient by weight and bias where no input needs one."""

    def affine(self, y: Tensor) -> Tensor:
        outputs = super().affine(y)
        alone = outputs.requires_grad and not y.requires_grad
        return _shrunk(outputs) if alone else outputs


class _ReadsDense(torch.autograd.Function):
    """The identity, whose backward reads what it is handed as if it were contiguous."""

    @staticmethod
    def forward(_ctx: Any, x: Tensor) -> Tensor:
        return x.clone()

    @staticmethod
    def backward(_ctx: Any, *grads: Tensor) -> Tensor:
        (grad,) = grads
        dense = torch.empty(grad.shape).stride()
        offset = grad.storage_offset()
        fits = grad.untyped_storage().nbytes() >= (offset + grad.numel()) * grad.element_size()
        return grad.as_strided(grad.shape, dense, offset) if fits else grad


@fault(
    family=FAMILY,
    claims="instance_norm",
    kills="gradients_do_not_depend_on_how_they_arrive",
    source="a kernel's backward that takes data_ptr of the incoming gradient for dense",
    hard=True,
)
class ReadsGradientsAsDense(PlainInstanceNorm):
    """Reads the incoming gradient in the order of contiguous memory."""

    def output(self, x: Tensor, mean: Tensor, var: Tensor) -> Tensor:
        return _ReadsDense.apply(super().output(x, mean, var))  # type: ignore[no-untyped-call, no-any-return]  # torch types it not


class _CountsExpandedOnce(torch.autograd.Function):
    """The identity, whose backward hands an expanded gradient on to the first item alone."""

    @staticmethod
    def forward(_ctx: Any, x: Tensor) -> Tensor:
        return x.clone()

    @staticmethod
    def backward(_ctx: Any, *grads: Tensor) -> Tensor:
        (grad,) = grads
        if grad.stride(0) == 0 and len(grad) > 1:
            return torch.cat([grad[:1], torch.zeros_like(grad[1:])])
        return grad


@fault(
    family=FAMILY,
    claims="meta_bn",
    kills="gradients_do_not_depend_on_how_they_arrive",
    source="an expanded dimension taken for one that broadcast",
    hard=True,
)
class ExpandedGradientsCountOnce(PlainNorm):
    """Takes a gradient that is expanded over the items for one of the first item."""

    def output(self, x: Tensor, mean: Tensor, var: Tensor) -> Tensor:
        return _CountsExpandedOnce.apply(super().output(x, mean, var))  # type: ignore[no-untyped-call, no-any-return]  # as above


@fault(
    family=FAMILY,
    claims="meta_bn",
    kills="a_used_layer_has_the_gradients_of_a_new_one",
    source="moments of the first task learnt through, later ones refreshed under no_grad",
    hard=True,
)
class LearnsThroughItsFirstTaskAlone(PlainNorm):
    """Cuts the mean from the graph from the second task on."""

    tasks = 0

    def summarize(self, context: Tensor) -> State:
        state = super().summarize(context)
        self.tasks += 1
        return state if self.tasks == 1 else state._replace(mean=state.mean.detach())


@fault(
    family=FAMILY,
    claims="instance_norm",
    kills="a_used_layer_has_the_gradients_of_a_new_one",
    source="a weight that is folded at the first prediction, and then read in training too",
    hard=True,
)
class PredictionCutsTheWeight(PlainInstanceNorm):
    """Has no gradient by its weight once it has answered without gradients."""

    predicted = False

    def affine(self, y: Tensor) -> Tensor:
        self.predicted = self.predicted or not torch.is_grad_enabled()
        if not self.predicted:
            return super().affine(y)
        shape = (1, -1, *(1,) * (y.dim() - 2))
        return y * self.weight.detach().view(shape) + self.bias.view(shape)
