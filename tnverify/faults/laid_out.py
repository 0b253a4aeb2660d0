"""Layers that raise or go wrong where values lie elsewhere in memory, or under vmap.

They are faults of the family `layouts`, whose module imports this one.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from tnverify.faults.fault import fault
from tnverify.faults.plain import PlainInstanceNorm, PlainNorm, State


@fault(
    family="layouts",
    claims="meta_bn",
    kills=(
        "channels_last_input_gives_the_same",
        "non_contiguous_and_expanded_input_gives_the_same",
    ),
    source="ELS-RD/kernl issue 193; `view` where `reshape` was meant, as group norms have it",
)
class ViewsItsInput(PlainNorm):
    """Raises on input that is not contiguous: it is viewed as rows."""

    def batch_dims(self, x: Tensor) -> tuple[int, ...]:
        x.view(len(x), x[:1].numel())
        return super().batch_dims(x)


@fault(
    family="layouts",
    claims="inductive",
    adapter="no_context",
    kills="channels_last_input_gives_the_same",
    source="flashinfer-ai/flashinfer PR 921: norms that want contiguous input, and say so late",
)
class RefusesChannelsLast(nn.Module):
    """A root mean square over channels that raises unless its input is contiguous."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))

    def forward(self, x: Tensor) -> Tensor:
        if not x.is_contiguous():
            raise RuntimeError("input must be contiguous")
        wide = x.float() if x.dtype.itemsize < 4 else x
        y = wide * torch.rsqrt(wide.square().mean(1, keepdim=True) + 1e-6)
        return (y * self.weight.view(1, -1, *(1,) * (x.dim() - 2))).to(x.dtype)


@fault(
    family="layouts",
    claims="meta_bn",
    kills="channels_last_input_gives_the_same",
    source="pytorch/pytorch PR 64100: a kernel for one format reads a view of it from the start",
    hard=True,
)
class OffsetOfChannelsLastIgnored(PlainNorm):
    """Channels-last input from the middle of a batch is read from the batch's first item on."""

    def summarize(self, context: Tensor) -> State:
        offset = context.storage_offset()
        if context.dim() == 4 and offset and context.stride(1) == 1 and context.shape[1] > 1:
            context = context.as_strided(context.shape, context.stride(), 0)
        return super().summarize(context)


@fault(
    family="layouts",
    claims="instance_norm",
    kills="non_contiguous_and_expanded_input_gives_the_same",
    source="a slice of a batch, whose pointer is taken from its storage",
    hard=True,
)
class SliceReadFromTheStart(PlainInstanceNorm):
    """Moments of a contiguous slice are taken at the start of its storage."""

    def moments_for(self, x: Tensor, state: State) -> tuple[Tensor, Tensor]:
        if x.is_contiguous() and x.storage_offset():
            x = x.as_strided(x.shape, x.stride(), 0)
        return super().moments_for(x, state)


@fault(
    family="layouts",
    claims="instance_norm",
    kills="non_contiguous_and_expanded_input_gives_the_same",
    source="rows of memory taken for rows of the map, where a map was transposed",
    hard=True,
)
class TurnedMapsByRows(PlainInstanceNorm):
    """Of maps that lie column by column the last column does not count."""

    def moments_for(self, x: Tensor, state: State) -> tuple[Tensor, Tensor]:
        turned = x.dim() == 4 and x.stride(2) == 1 and x.shape[2] > 1 and x.shape[3] > 1
        return super().moments_for(x[..., :-1] if turned else x, state)


class _Mean(torch.autograd.Function):
    """A mean over given dimensions with a rule for vmap that takes tasks to come first."""

    @staticmethod
    def forward(x: Tensor, dims: tuple[int, ...]) -> Tensor:
        return x.mean(dims, keepdim=True)

    @staticmethod
    def setup_context(ctx: object, inputs: object, output: object) -> None:
        pass

    @staticmethod
    def vmap(*given: Any) -> tuple[Tensor, int]:
        _, _, x, dims = given
        return x.mean(tuple(d + 1 for d in dims), keepdim=True), 0


@fault(
    family="layouts",
    claims="meta_bn",
    kills="vmap_over_tasks_agrees_with_a_loop",
    source="pytorch/pytorch's note on vmap rules: in_dims need not be zero",
    hard=True,
)
class TasksComeFirst(PlainNorm):
    """Under vmap over a dimension that is not the first, the mean is over other dimensions."""

    def summarize(self, context: Tensor) -> State:
        state = super().summarize(context)
        if context.requires_grad:
            return state
        dims = self.batch_dims(context)
        mean: Tensor = _Mean.apply(context, dims)  # type: ignore[no-untyped-call]  # torch's
        return state._replace(mean=mean)
