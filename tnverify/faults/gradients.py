"""Layers whose outputs are right and whose gradients, of first or second order, are not."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from tnverify.faults import arriving, backwards  # noqa: F401 - they plant more of this family
from tnverify.faults.fault import fault
from tnverify.faults.plain import PlainInstanceNorm, PlainNorm, PlainTaskNorm, State


@fault(
    claims="meta_bn",
    kills=("first_order_gradients_are_right", "the_target_loss_reaches_the_context"),
    source="`.detach()` on stored moments, to be able to copy the layer; `.data` does the same",
    adapter="explicit_state",
    canary=True,
)
class DetachedContextMoments(PlainNorm):
    """The context's moments are cut from the graph before they are used."""

    def summarize(self, context: Tensor) -> State:
        state = super().summarize(context)
        return State(state.mean.detach(), state.var.detach(), state.size)


@fault(
    claims="meta_bn",
    kills=("first_order_gradients_are_right", "the_target_loss_reaches_the_context"),
    source="running buffers are written under no_grad, and the targets read them",
)
class TargetsReadBuffers(PlainNorm):
    """The context is normalised with live moments, the targets with a detached copy."""

    def condition(self, context: Tensor) -> tuple[Tensor, State]:
        outputs, state = super().condition(context)
        return outputs, State(state.mean.detach(), state.var.detach(), state.size)


@fault(
    claims="meta_bn",
    kills=("the_target_loss_reaches_the_context", "first_order_gradients_are_right"),
    source="`if len(context) > 1:` around the moments, with a constant for the other case",
    hard=True,
)
class SingleItemDetached(PlainNorm):
    """The moments of a context of one item are cut from the graph."""

    def summarize(self, context: Tensor) -> State:
        state = super().summarize(context)
        if len(context) > 1:
            return state
        return State(state.mean.detach(), state.var.detach(), state.size)


@fault(
    claims="meta_bn",
    kills="first_order_gradients_are_right",
    source="torch.no_grad() around statistics of large activations, to save memory",
    hard=True,
)
class LargeMapsWithoutGraph(PlainNorm):
    """From 200 values per channel on the variance is taken without a graph."""

    def reduce(self, x: Tensor, dims: tuple[int, ...]) -> tuple[Tensor, Tensor]:
        mean, var = super().reduce(x, dims)
        return mean, var.detach() if x.numel() // x.shape[1] >= 200 else var


@fault(
    claims="meta_bn",
    kills="first_order_gradients_are_right",
    source="stop_gradient on the scale, as batch renormalisation has it on r and d",
)
class DetachedVariance(PlainNorm):
    """The gradient passes through the mean and not through the variance."""

    def summarize(self, context: Tensor) -> State:
        state = super().summarize(context)
        return State(state.mean, state.var.detach(), state.size)


@fault(
    claims="tasknorm_i",
    kills="first_order_gradients_are_right",
    source="the item's own moments taken from x.detach(), as statistics are elsewhere",
)
class OwnMomentsDetached(PlainTaskNorm):
    """Only the item's own moments are cut from the graph: the context still is reached."""

    def moments_for(self, x: Tensor, state: State) -> tuple[Tensor, Tensor]:
        own_mean, own_var = self.reduce(x.detach(), self.own_dims(x))
        return self.pool(self.alpha(state.size), state.mean, state.var, own_mean, own_var)


@fault(
    claims="meta_bn",
    kills="first_order_gradients_are_right",
    source="a hook that clips gradients inside the layer 'for stability'",
    hard=True,
)
class ClippedGradient(PlainNorm):
    """The gradient by the outputs is clipped to [-1/2, 1/2] on its way back."""

    def output(self, x: Tensor, mean: Tensor, var: Tensor) -> Tensor:
        outputs = super().output(x, mean, var)
        if outputs.requires_grad:
            clip = torch.nn.Hardtanh(-0.5, 0.5)
            outputs.register_hook(clip)  # type: ignore[no-untyped-call]  # torch's
        return outputs


@fault(
    claims="meta_bn",
    kills="first_order_gradients_are_right",
    source="a fused backward that averages the weight's gradient over items, as losses are",
)
class AveragedWeightGradient(PlainNorm):
    """The gradient by the weight is divided by the number of items."""

    def affine(self, y: Tensor) -> Tensor:
        shape = (1, -1, *(1,) * (y.dim() - 2))
        learned = self.weight - self.weight.detach()
        weight = self.weight.detach() + learned / max(1, y.shape[0])
        return y * weight.view(shape) + self.bias.view(shape)


@fault(
    claims="instance_norm",
    kills="gradients_stay_finite_on_constant_input",
    source="keras-team/keras issue 2960; FluxML/Flux.jl issue 2096; pytorch/pytorch issue 4320",
    hard=True,
)
class RootBeforeEps(PlainInstanceNorm):
    """sqrt(var) is taken and squared again before eps is added: its slope at zero is infinite."""

    def standardize(self, x: Tensor, mean: Tensor, var: Tensor) -> Tensor:
        return super().standardize(x, mean, torch.sqrt(var).square())


def _back(gradient: Tensor, y: Tensor, inverse: Tensor, dims: tuple[int, ...]) -> Tensor:
    """The gradient by x of (x - mean) * inverse, inverse being 1 / sqrt(var + eps)."""
    along = (gradient * y).mean(dims, keepdim=True)
    return inverse * (gradient - gradient.mean(dims, keepdim=True) - y * along)


class _Instance(torch.autograd.Function):
    """Instance normalisation before the affine, with a backward by hand."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, eps: float) -> Tensor:
        dims = tuple(range(2, x.dim()))
        mean = x.mean(dims, keepdim=True)
        inverse = torch.rsqrt((x - mean).square().mean(dims, keepdim=True) + eps)
        ctx.save_for_backward(x, mean, inverse)
        return (x - mean) * inverse


class _ForgetsTheMean(_Instance):
    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        x, mean, inverse = ctx.saved_tensors
        y = (x - mean) * inverse
        along = (grads[0] * y).mean(tuple(range(2, x.dim())), keepdim=True)
        return inverse * (grads[0] - y * along), None


class _Intermediates(_Instance):
    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        # mean and inverse are neither inputs nor outputs: the double backward takes them for
        # constants.
        x, mean, inverse = ctx.saved_tensors
        return _back(grads[0], (x - mean) * inverse, inverse, tuple(range(2, x.dim()))), None


class _DetachedBackward(_Instance):
    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        saved, _, _ = ctx.saved_tensors
        x = saved.detach()
        dims = tuple(range(2, x.dim()))
        mean = x.mean(dims, keepdim=True)
        inverse = torch.rsqrt((x - mean).square().mean(dims, keepdim=True) + 1e-5)
        return _back(grads[0], (x - mean) * inverse, inverse, dims), None


class _Once(_Instance):
    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        x, mean, inverse = ctx.saved_tensors
        return _back(grads[0], (x - mean) * inverse, inverse, tuple(range(2, x.dim()))), None


class _SavedInHalf(torch.autograd.Function):
    """Keeps the normalised values for backward in bfloat16, where the input is float32."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, eps: float) -> Tensor:
        dims = tuple(range(2, x.dim()))
        mean = x.mean(dims, keepdim=True)
        inverse = torch.rsqrt((x - mean).square().mean(dims, keepdim=True) + eps)
        y = (x - mean) * inverse
        ctx.save_for_backward(y.bfloat16() if x.dtype == torch.float32 else y, inverse)
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        y, inverse = ctx.saved_tensors
        return _back(grads[0], y.to(grads[0].dtype), inverse, tuple(range(2, y.dim()))), None


class _ByFunction(PlainInstanceNorm):
    """Instance norm through one of the Functions above; without pixels through plain ops."""

    function: type[torch.autograd.Function]

    def output(self, x: Tensor, mean: Tensor, var: Tensor) -> Tensor:
        if x.dim() < 3:
            return super().output(x, mean, var)
        y: Tensor = self.function.apply(x, self.eps)  # type: ignore[no-untyped-call]  # torch's
        return self.affine(y)


@fault(
    claims="instance_norm",
    kills="first_order_gradients_are_right",
    source="the first backward that one derives by hand, with the mean taken for a constant",
)
class BackwardForgetsTheMean(_ByFunction):
    """A hand-written backward without the term of the mean."""

    function = _ForgetsTheMean


@fault(
    claims="instance_norm",
    kills="second_order_gradients_are_right",
    source="pytorch/pytorch issues 175754, 186256: saved moments taken for constants",
    hard=True,
)
class MomentsSavedAsIntermediates(_ByFunction):
    """The Function saves moments that it computed itself: gradcheck passes, gradgradcheck fails."""

    function = _Intermediates


@fault(
    claims="instance_norm",
    kills="second_order_gradients_are_right",
    source="`.data` or `.detach()` on saved tensors, to free a graph that 'nobody needs'",
    hard=True,
)
class BackwardFromDetachedInput(_ByFunction):
    """The backward is right, and constant in the input for whoever differentiates it."""

    function = _DetachedBackward


@fault(
    claims="instance_norm",
    kills="second_order_gradients_are_right",
    source="pytorch/pytorch issue 4422; once_differentiable, as fused kernels have it",
    hard=True,
)
class BackwardOnlyOnce(_ByFunction):
    """The backward refuses to be differentiated, and the layer does not declare first_order."""

    function = _Once


@fault(
    claims="instance_norm,first_order",
    kills="low_precision_gradients_follow_float64_ones",
    source="activation compression: what backward needs is stored in half precision",
    hard=True,
)
class ActivationsSavedInHalf(_ByFunction):
    """Normalised values are kept in bfloat16 for the backward of float32 input."""

    function = _SavedInHalf
