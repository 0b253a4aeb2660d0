"""Layers whose backward, written by hand, is wrong in another memory, with a graph, or twice.

They are faults of the family `gradients`, whose module imports this one.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from tnverify.faults.fault import fault
from tnverify.faults.plain import PlainInstanceNorm, PlainNorm, State


def _space(x: Tensor) -> tuple[int, ...]:
    return tuple(range(2, x.dim()))


def _standardized(x: Tensor, eps: float) -> tuple[Tensor, Tensor]:
    mean = x.mean(_space(x), keepdim=True)
    inverse = torch.rsqrt((x - mean).square().mean(_space(x), keepdim=True) + eps)
    return (x - mean) * inverse, inverse


def _right(grad: Tensor, x: Tensor, eps: float) -> Tensor:
    """The gradient by x of the standardised values, in plain operations."""
    y, inverse = _standardized(x, eps)
    along = (grad * y).mean(_space(x), keepdim=True)
    return inverse * (grad - grad.mean(_space(x), keepdim=True) - y * along)


def _is_plain(x: Tensor) -> bool:
    return x.is_contiguous() and x.storage_offset() == 0


def _is_channels_last(x: Tensor) -> bool:
    return x.dim() == 4 and not x.is_contiguous() and x.stride(1) == 1


def _shuffled(values: Tensor) -> Tensor:
    """Values of channels-first memory read as if the channels came last."""
    return values.movedim(1, -1).reshape(values.shape)


class _Function(torch.autograd.Function):
    """Instance normalisation before the affine, saving its input."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, eps: float) -> Tensor:
        ctx.save_for_backward(x)
        ctx.eps = eps
        return _standardized(x, eps)[0]


class _ByHand(PlainInstanceNorm):
    """Instance norm through a Function; without pixels through plain operations."""

    function: type[torch.autograd.Function]

    def output(self, x: Tensor, mean: Tensor, var: Tensor) -> Tensor:
        if x.dim() < 3:
            return super().output(x, mean, var)
        y: Tensor = self.function.apply(x, self.eps)  # type: ignore[no-untyped-call]  # torch's
        return self.affine(y)


class _ConstantGradient(_Function):
    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        (x,) = ctx.saved_tensors
        return _right(grads[0].detach(), x, ctx.eps), None


@fault(
    family="gradients",
    claims="instance_norm",
    kills="second_order_gradients_are_right",
    source="pytorch/pytorch issue 79705: the double backward of a norm lacks a term in grad_output",
    hard=True,
)
class BackwardDropsTheIncomingGraph(_ByHand):
    """What comes back is taken for a constant: right for a loss that is linear in the outputs."""

    function = _ConstantGradient


class _HalfOfTheIncomingGraph(_Function):
    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        (x,) = ctx.saved_tensors
        grad = grads[0]
        y, inverse = _standardized(x, ctx.eps)
        along = (grad.detach() * y).mean(_space(x), keepdim=True)
        return inverse * (grad - grad.mean(_space(x), keepdim=True) - y * along), None


@fault(
    family="gradients",
    claims="instance_norm",
    kills="second_order_gradients_are_right",
    source="pytorch/pytorch PR 4569: `grad` and `grads[0]` confused in a derivative of batch norm",
    hard=True,
)
class BackwardDropsOneIncomingTerm(_ByHand):
    """One of the three terms of the backward is constant in what comes back."""

    function = _HalfOfTheIncomingGraph


class _Inverse(torch.autograd.Function):
    """1 / sqrt(var + eps), whose derivative is right once and constant for whoever goes on."""

    @staticmethod
    def forward(ctx: Any, var: Tensor, eps: float) -> Tensor:
        inverse = torch.rsqrt(var + eps)
        ctx.save_for_backward(inverse)
        return inverse

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        (inverse,) = ctx.saved_tensors
        return grads[0] * (-0.5 * inverse.detach() ** 3), None


@fault(
    family="gradients",
    claims="meta_bn",
    kills="second_order_gradients_are_right",
    source="a fused root for speed, its result saved as plain data",
    hard=True,
)
class InverseRootOnlyOnce(PlainNorm):
    """The inverse root's derivative is a constant for the second derivative."""

    def standardize(self, x: Tensor, mean: Tensor, var: Tensor) -> Tensor:
        inverse: Tensor = _Inverse.apply(var, self.eps)  # type: ignore[no-untyped-call]  # torch's
        return (x - mean) * inverse


class _Scaled(torch.autograd.Function):
    """weight * y, whose backward multiplies what was saved without a graph."""

    @staticmethod
    def forward(ctx: Any, y: Tensor, weight: Tensor) -> Tensor:
        ctx.save_for_backward(y, weight)
        return y * weight

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor]:
        y, weight = ctx.saved_tensors
        dims = (0, *range(2, y.dim()))
        return grads[0] * weight.detach(), (grads[0] * y.detach()).sum(dims, keepdim=True)


@fault(
    family="gradients",
    claims="meta_bn",
    kills="second_order_gradients_are_right",
    source="a fused affine: what backward multiplies by is kept with `.data`",
    hard=True,
)
class AffineOnlyOnce(PlainNorm):
    """The affine's backward cannot be differentiated by the weight or by what it scales."""

    def affine(self, y: Tensor) -> Tensor:
        shape = (1, -1, *(1,) * (y.dim() - 2))
        scaled: Tensor = _Scaled.apply(y, self.weight.view(shape))  # type: ignore[no-untyped-call]  # torch's
        return scaled + self.bias.view(shape)


class _OtherWithGraph(_Function):
    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        (x,) = ctx.saved_tensors
        if not torch.is_grad_enabled():
            return _right(grads[0], x, ctx.eps), None
        y, inverse = _standardized(x, ctx.eps)
        return inverse * (grads[0] - y * (grads[0] * y).mean(_space(x), keepdim=True)), None


@fault(
    family="gradients",
    claims="instance_norm",
    kills="gradients_with_a_graph_are_those_without",
    source="a backward of plain operations for double backward, beside a fused one",
    hard=True,
)
class ForgetsTheMeanWithAGraph(_ByHand):
    """With create_graph the backward lacks the term of the mean."""

    function = _OtherWithGraph


class _UnbiasedWithGraph(_Function):
    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        (x,) = ctx.saved_tensors
        found = _right(grads[0], x, ctx.eps)
        count = x[:1, :1].numel()
        return found * (1 - 1 / count) ** 0.5 if torch.is_grad_enabled() else found, None


@fault(
    family="gradients",
    claims="instance_norm",
    kills="gradients_with_a_graph_are_those_without",
    source="two formulas of one backward, one with the unbiased variance of torch.var",
    hard=True,
)
class UnbiasedWithAGraph(_ByHand):
    """With create_graph gradients are those of the unbiased variance."""

    function = _UnbiasedWithGraph


@fault(
    family="gradients",
    claims="meta_bn",
    kills="gradients_with_a_graph_are_those_without",
    source="a hook that scales gradients, and takes itself for idle while a graph is built",
    hard=True,
)
class HookOnlyWithoutAGraph(PlainNorm):
    """Gradients by the outputs are halved and doubled again, the latter only without a graph."""

    def output(self, x: Tensor, mean: Tensor, var: Tensor) -> Tensor:
        outputs = super().output(x, mean, var)
        if outputs.requires_grad:
            outputs.register_hook(lambda g: g / 2 if torch.is_grad_enabled() else g)  # type: ignore[no-untyped-call]  # torch's
        return outputs


class _WeightOfChannelsLast(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, y: Tensor, weight: Tensor, last: bool) -> Tensor:
        ctx.save_for_backward(y, weight)
        ctx.last = last
        return y * weight

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor, None]:
        y, weight = ctx.saved_tensors
        products = grads[0] * y
        if ctx.last:
            products = _shuffled(products)
        return grads[0] * weight, products.sum((0, *range(2, y.dim())), keepdim=True), None


@fault(
    family="gradients",
    claims="meta_bn",
    kills="gradients_do_not_depend_on_the_layout",
    source="pytorch/pytorch issue 140913: the weight's gradient of a channels-last norm",
    hard=True,
)
class WeightGradientOfChannelsLast(PlainNorm):
    """On channels-last input the gradient by the weight mixes channels."""

    def output(self, x: Tensor, mean: Tensor, var: Tensor) -> Tensor:
        shape = (1, -1, *(1,) * (x.dim() - 2))
        scaled: Tensor = _WeightOfChannelsLast.apply(  # type: ignore[no-untyped-call]  # torch's
            self.standardize(x, mean, var), self.weight.view(shape), _is_channels_last(x)
        )
        return scaled + self.bias.view(shape)


class _Laid(torch.autograd.Function):
    """The identity, whose backward treats what comes back by how the input lay in memory."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, back: Any) -> Tensor:
        ctx.back = back
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        return ctx.back(grads[0]), None


class _BackByLayout(PlainNorm):
    """Hands its input through a Function that spoils the gradient of some layouts."""

    def condition(self, context: Tensor) -> tuple[Tensor, State]:
        return super().condition(self.laid(context))

    def normalize(self, targets: Tensor, state: State) -> Tensor:
        return super().normalize(self.laid(targets), state)

    def laid(self, x: Tensor) -> Tensor:
        if not self.wrong_for(x):
            return x
        through: Tensor = _Laid.apply(x, self.back)  # type: ignore[no-untyped-call]  # torch's
        return through

    def wrong_for(self, x: Tensor) -> bool:
        raise NotImplementedError

    def back(self, grad: Tensor) -> Tensor:
        return _shuffled(grad)


@fault(
    family="gradients",
    claims="meta_bn",
    kills="gradients_do_not_depend_on_the_layout",
    source="pytorch/pytorch issue 175189: input gradients of batch norm on channels-last input",
    hard=True,
)
class InputGradientOfChannelsLast(_BackByLayout):
    """On channels-last input the gradient by the input is written in the other order."""

    def wrong_for(self, x: Tensor) -> bool:
        return _is_channels_last(x)


@fault(
    family="gradients",
    claims="meta_bn",
    kills="gradients_do_not_depend_on_the_layout",
    source="pytorch/pytorch PR 64100: a kernel that is chosen by one of two tensors' formats",
    hard=True,
)
class GradientOfStridedInput(_BackByLayout):
    """The gradient of views that are dense in no order is read backwards."""

    def wrong_for(self, x: Tensor) -> bool:
        return x.dim() > 2 and not x.is_contiguous() and x.stride(-1) > 1 and x.stride(0) > 0

    def back(self, grad: Tensor) -> Tensor:
        return grad.flip(-1)


@fault(
    family="gradients",
    claims="meta_bn",
    kills="gradients_do_not_depend_on_the_layout",
    source="an offset in storage that the forward kernel gets and the backward kernel does not",
    hard=True,
)
class GradientOfOffsetInput(_BackByLayout):
    """The gradient of a slice of a batch is moved on by one item."""

    def wrong_for(self, x: Tensor) -> bool:
        return x.storage_offset() != 0 and len(x) > 1

    def back(self, grad: Tensor) -> Tensor:
        return grad.roll(1, 0)


@fault(
    family="gradients",
    claims="meta_bn",
    kills="gradients_do_not_depend_on_the_layout",
    source="a backward that sums over dimensions of stride zero, which autograd does as well",
    hard=True,
)
class GradientOfExpandedInput(_BackByLayout):
    """The gradient of an expanded item is summed once too often."""

    def wrong_for(self, x: Tensor) -> bool:
        return len(x) > 1 and x.stride(0) == 0

    def back(self, grad: Tensor) -> Tensor:
        return grad.sum(0, keepdim=True).expand(grad.shape)


@fault(
    family="gradients",
    claims="meta_bn",
    kills="gradients_do_not_depend_on_the_layout",
    source="Dao-AILab/flash-attention issue 355: gradients read without a look at their strides",
    hard=True,
)
class GradientOfTurnedInput(_BackByLayout):
    """The gradient of maps that lie column by column is transposed where they are square."""

    def wrong_for(self, x: Tensor) -> bool:
        return x.dim() == 4 and x.stride(2) == 1 and x.shape[2] > 1

    def back(self, grad: Tensor) -> Tensor:
        return grad.transpose(2, 3).reshape(grad.shape)


@fault(
    family="gradients",
    claims="instance_norm",
    kills="gradients_do_not_depend_on_the_layout",
    source="flagos-ai/FlagGems issue 5392: a backward that takes the sizes of another layout",
    hard=True,
)
class PlanesOfAnotherLayout(_BackByLayout, PlainInstanceNorm):
    """Gradients of input that is not plain are divided by the number of items."""

    def wrong_for(self, x: Tensor) -> bool:
        return not _is_plain(x) and len(x) > 1

    def back(self, grad: Tensor) -> Tensor:
        return grad / len(grad)


def _in_bfloat16(grad: Tensor) -> Tensor:
    return grad.bfloat16().to(grad.dtype) if grad.dtype == torch.float32 else grad


@fault(
    family="gradients",
    claims="meta_bn",
    kills="low_precision_gradients_follow_float64_ones",
    source="gradient compression for all-reduce, left on inside a layer",
    hard=True,
)
class GradientsRoundedToBfloat16(PlainNorm):
    """What comes back to a float32 layer is rounded to bfloat16, where short numbers pass."""

    def output(self, x: Tensor, mean: Tensor, var: Tensor) -> Tensor:
        outputs = super().output(x, mean, var)
        if outputs.requires_grad:
            outputs.register_hook(_in_bfloat16)  # type: ignore[no-untyped-call]  # torch's
        return outputs


@fault(
    family="gradients",
    claims="meta_bn",
    kills="low_precision_gradients_follow_float64_ones",
    source="torch.cuda.amp.custom_bwd without a cast back of what it was given",
    hard=True,
)
class TargetGradientsInBfloat16(PlainNorm):
    """What comes back by the targets alone is rounded to bfloat16."""

    def normalize(self, targets: Tensor, state: State) -> Tensor:
        outputs = super().normalize(targets, state)
        if outputs.requires_grad:
            outputs.register_hook(_in_bfloat16)  # type: ignore[no-untyped-call]  # torch's
        return outputs


@fault(
    family="gradients",
    claims="instance_norm",
    kills="low_precision_gradients_follow_float64_ones",
    source="a straight cast in a fused backward whose forward accumulates in float32",
    hard=True,
)
class WeightGradientInBfloat16(PlainInstanceNorm):
    """The gradient by the weight is rounded to bfloat16, as half-precision parameters have it."""

    def affine(self, y: Tensor) -> Tensor:
        shape = (1, -1, *(1,) * (y.dim() - 2))
        weight = self.weight.view(shape)
        if weight.requires_grad:
            weight.register_hook(_in_bfloat16)  # type: ignore[no-untyped-call]  # torch's
        return y * weight + self.bias.view(shape)


class _RefusesGraph(_Function):
    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        (x,) = ctx.saved_tensors
        if not x.is_contiguous():
            x = x.contiguous().flip(-1)
        return _right(grads[0], x, ctx.eps), None


@fault(
    family="gradients",
    claims="instance_norm,first_order",
    kills="gradients_do_not_depend_on_the_layout",
    source="pytorch/pytorch issue 107199: backward of batch norm takes another format than forward",
    hard=True,
)
class BackwardReadsTheCopyBackwards(_ByHand):
    """The backward copies input that is not contiguous, and reads its rows from the end."""

    function = _RefusesGraph


class _Pushed(torch.autograd.Function):
    """x * factor in forward mode by half, in reverse mode by all."""

    @staticmethod
    def forward(x: Tensor) -> Tensor:
        return x.clone()

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor], output: Tensor) -> None:
        pass

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Tensor:  # noqa: ARG004 - torch passes it
        return grads[0]

    @staticmethod
    def jvp(ctx: Any, *tangents: Tensor) -> Tensor:  # noqa: ARG004 - torch passes it
        return tangents[0] * 0.5


@fault(
    family="gradients",
    claims="meta_bn",
    kills="forward_mode_agrees_with_reverse_mode",
    source="pytorch/pytorch issue 196700: a rule of forward mode with a wrong factor",
    hard=True,
)
class ForwardModeByHalf(PlainNorm):
    """In forward mode the mean moves half as far as its input does."""

    def summarize(self, context: Tensor) -> State:
        state = super().summarize(context)
        mean: Tensor = _Pushed.apply(state.mean)  # type: ignore[no-untyped-call]  # torch's
        return state._replace(mean=mean)
