"""Layers that depend on memory layout, rank, device, dtype or on who calls them."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from tnverify.faults import laid_out, traced  # noqa: F401 - they plant more of this family
from tnverify.faults.fault import fault
from tnverify.faults.plain import PlainNorm, PlainTaskNorm, State


@fault(
    claims="meta_bn",
    kills="dtype_and_device_are_kept",
    source="`.float()` for precise statistics, and no cast back",
    adapter="explicit_state",
    canary=True,
)
class AnswersInFloat32(PlainNorm):
    """Outputs are float32 whatever the input is."""

    def output(self, x: Tensor, mean: Tensor, var: Tensor) -> Tensor:
        return super().output(x, mean, var).float()


def _in_order(x: Tensor) -> Tensor:
    """The storage of `x` read as if `x` were contiguous."""
    return x.as_strided(x.shape, torch.empty(x.shape, device="meta").stride())


@fault(
    claims="meta_bn",
    kills=(
        "channels_last_input_gives_the_same",
        "non_contiguous_and_expanded_input_gives_the_same",
    ),
    source="a kernel that takes data_ptr() and sizes, and no strides, without .contiguous()",
)
class ReadsMemoryInOrder(PlainNorm):
    """Moments are taken from memory in the order of a contiguous tensor."""

    def summarize(self, context: Tensor) -> State:
        return super().summarize(_in_order(context))


@fault(
    claims="meta_bn",
    kills="channels_last_input_gives_the_same",
    source="a second code path for channels-last, where the last dimension is meant to be channels",
    hard=True,
)
class ChannelsLastPathTakesRows(PlainNorm):
    """On channels-last input one mean per column of the map is taken instead of per channel."""

    def reduce(self, x: Tensor, dims: tuple[int, ...]) -> tuple[Tensor, Tensor]:
        if x.dim() == 4 and not x.is_contiguous() and _is_channels_last(x):
            return super().reduce(x, (0, 1, 2))
        return super().reduce(x, dims)


def _is_channels_last(x: Tensor) -> bool:
    return x.is_contiguous(memory_format=torch.channels_last)


@fault(
    claims="meta_bn",
    kills="non_contiguous_and_expanded_input_gives_the_same",
    source="storage() instead of data_ptr(): right for every tensor that starts its storage",
    hard=True,
)
class StorageOffsetIgnored(PlainNorm):
    """Views that are not contiguous are read from the start of their storage."""

    def summarize(self, context: Tensor) -> State:
        if not context.is_contiguous() and context.storage_offset():
            context = context.as_strided(context.shape, context.stride(), 0)
        return super().summarize(context)


@fault(
    claims="tasknorm_i",
    kills="non_contiguous_and_expanded_input_gives_the_same",
    source="a short cut for augmented copies: expanded items are alike, so one is enough",
    hard=True,
)
class ExpandedItemsCountOnce(PlainTaskNorm):
    """A context expanded from one item counts as one item."""

    def summarize(self, context: Tensor) -> State:
        one = len(context) > 1 and context.stride(0) == 0
        return super().summarize(context[:1] if one else context)


@fault(
    claims="meta_bn",
    kills="memory_format_is_kept",
    source="pytorch/pytorch issue 72341: torch.nn.InstanceNorm2d on channels-last input",
    hard=True,
)
class ContiguousAnswers(PlainNorm):
    """Outputs are contiguous whatever the memory format of the input."""

    def output(self, x: Tensor, mean: Tensor, var: Tensor) -> Tensor:
        return super().output(x, mean, var).contiguous()


@fault(
    claims="meta_bn",
    kills="items_and_channels_alone_are_normalised",
    source="F.layer_norm over the last dimension where there is no space to reduce over",
)
class VectorsByItem(PlainNorm):
    """Input of shape (items, channels) is normalised over its channels, item by item."""

    def moments_for(self, x: Tensor, state: State) -> tuple[Tensor, Tensor]:
        return self.reduce(x, (1,)) if x.dim() == 2 else super().moments_for(x, state)


@fault(
    claims="meta_bn",
    kills="items_and_channels_alone_are_normalised",
    source="a separate branch for vectors that calls torch.var with its default",
    hard=True,
)
class VectorsUnbiased(PlainNorm):
    """The variance of vectors, and only of vectors, divides by n - 1."""

    def reduce(self, x: Tensor, dims: tuple[int, ...]) -> tuple[Tensor, Tensor]:
        mean, var = super().reduce(x, dims)
        if x.dim() == 2 and len(x) > 1:
            var = var * (len(x) / (len(x) - 1))
        return mean, var


@fault(
    claims="meta_bn",
    kills="one_and_three_spatial_dimensions",
    source="dims (0, -2, -1), written for images and never tried on anything else",
    hard=True,
)
class LastTwoDimensions(PlainNorm):
    """Moments are over items and the last two dimensions, whatever these are."""

    def batch_dims(self, x: Tensor) -> tuple[int, ...]:
        return (0,) if x.dim() < 3 else tuple(sorted({0, x.dim() - 2, x.dim() - 1}))


@fault(
    claims="meta_bn",
    kills="one_and_three_spatial_dimensions",
    source="volumes normalised frame by frame, and the frames' variances averaged",
    hard=True,
)
class VolumesByFrame(PlainNorm):
    """The variance of volumes leaves out that frames differ in their mean."""

    def reduce(self, x: Tensor, dims: tuple[int, ...]) -> tuple[Tensor, Tensor]:
        if x.dim() == 5 and 2 in dims:
            _, frames = super().reduce(x, tuple(d for d in dims if d != 2))
            return x.mean(dims, keepdim=True), frames.mean(2, keepdim=True)
        return super().reduce(x, dims)


@fault(
    claims="meta_bn",
    kills="functional_call_agrees_with_eager",
    source="parameters in a plain list, to loop over them: inner loops then change nothing",
    hard=True,
)
class ParametersPutAside(PlainNorm):
    """Weight and bias are taken from a list that was filled when the layer was built."""

    def __init__(self, channels: int, eps: float = 1e-5) -> None:
        super().__init__(channels, eps)
        self._kept = [self.weight, self.bias]

    def affine(self, y: Tensor) -> Tensor:
        shape = (1, -1, *(1,) * (y.dim() - 2))
        weight, bias = self._kept
        return y * weight.view(shape) + bias.view(shape)


class _Mean(torch.autograd.Function):
    """A mean with a rule for vmap that takes the tasks for more items."""

    @staticmethod
    def forward(x: Tensor, dims: tuple[int, ...]) -> Tensor:
        return x.mean(dims, keepdim=True)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, tuple[int, ...]], output: Tensor) -> None:
        ctx.shape = inputs[0].shape
        ctx.count = inputs[0].numel() // max(1, output.numel())

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        back: Tensor = (grads[0] / ctx.count).expand(ctx.shape)
        return back, None

    @staticmethod
    def vmap(
        info: Any, in_dims: tuple[int, None], x: Tensor, dims: tuple[int, ...]
    ) -> tuple[Tensor, int]:
        merged = x.movedim(in_dims[0], 0).flatten(0, 1)
        mean = merged.mean(dims, keepdim=True)
        spread: Tensor = mean.expand(info.batch_size, *mean.shape[1:])
        return spread.unsqueeze(1), 0


@fault(
    claims="meta_bn",
    kills="vmap_over_tasks_agrees_with_a_loop",
    source="a batching rule written by flattening the new dimension into the batch",
    hard=True,
)
class TasksAreMoreItems(PlainNorm):
    """Under vmap the mean is taken over the items of all tasks."""

    def summarize(self, context: Tensor) -> State:
        dims = self.batch_dims(context)
        mean: Tensor = _Mean.apply(context, dims)  # type: ignore[no-untyped-call]  # torch's
        var = (context - mean).square().mean(dims, keepdim=True)
        return State(mean, var, context.shape[0])


@fault(
    claims="meta_bn",
    kills="vmap_over_tasks_agrees_with_a_loop",
    source="`if var.max() == 0:` around a short cut, which no transform can follow",
)
class BranchesOnAValue(PlainNorm):
    """A value of the context decides which branch is taken."""

    def standardize(self, x: Tensor, mean: Tensor, var: Tensor) -> Tensor:
        if bool((var == 0).all()):
            return (x - mean) / math.sqrt(self.eps)
        return super().standardize(x, mean, var)


@fault(
    claims="meta_bn",
    kills=("torch_compile_agrees_with_eager", "torch_export_agrees_with_eager"),
    source="a branch on torch.compiler.is_compiling() for what the compiler does not take",
    hard=True,
)
class AnotherPathWhenTraced(PlainNorm):
    """While it is compiled or exported the layer uses an eps that is 10,000 times larger."""

    def standardize(self, x: Tensor, mean: Tensor, var: Tensor) -> Tensor:
        eps = 1e4 * self.eps if torch.compiler.is_compiling() else self.eps
        return (x - mean) / torch.sqrt(var + eps)


@fault(
    claims="meta_bn",
    kills="cpu_and_cuda_agree",
    source="ml-explore/mlx issue 2238 (another kernel on the GPU); half precision for speed",
    hard=True,
)
class HalfOnCuda(PlainNorm):
    """On CUDA the normalised values are rounded to half precision."""

    def standardize(self, x: Tensor, mean: Tensor, var: Tensor) -> Tensor:
        y = super().standardize(x, mean, var)
        return y.half().to(y.dtype) if y.is_cuda else y
