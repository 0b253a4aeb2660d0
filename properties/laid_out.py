"""The same values in other places of memory; each way is differentiable, as gradients are asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from .agreement import CHANNELS_LAST

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

_ELSEWHERE = 1e3
"""What lies beside the values in memory, and may not be read."""


def channels_last(values: Tensor) -> Tensor:
    """Channels innermost in memory; as they are where there is no such format."""
    form = CHANNELS_LAST.get(values.dim())
    return values if form is None else values.contiguous(memory_format=form)


def strided(values: Tensor) -> Tensor:
    """Inside a larger buffer: an offset in storage, and strides of no layout."""
    turned = values.transpose(0, 1)
    longer = torch.cat([torch.full_like(turned[:1], _ELSEWHERE), turned])
    both = torch.stack([torch.full_like(longer, _ELSEWHERE), longer], -1)
    return both[1:, ..., 1].transpose(0, 1)


def amid_a_batch(values: Tensor) -> Tensor:
    """The middle of a larger batch."""
    beside = values.new_full((1, *values.shape[1:]), _ELSEWHERE)
    return torch.cat([beside, values, beside])[1:-1]


def amid_channels_last(values: Tensor) -> Tensor:
    """The middle of a larger batch that has its channels innermost."""
    beside = values.new_full((1, *values.shape[1:]), _ELSEWHERE)
    return channels_last(torch.cat([beside, values, beside]))[1:-1]


def turned(values: Tensor) -> Tensor:
    """The first and the last dimension of space the other way round in memory."""
    if values.dim() < 4:
        return strided(values)
    return values.transpose(2, -1).contiguous().transpose(2, -1)


def expanded(values: Tensor) -> Tensor:
    """The first item over and over, in one place of memory."""
    return values[:1].expand(values.shape)


_PLAIN: tuple[tuple[str, Callable[[Tensor], Tensor]], ...] = (
    ("input that is a strided view", strided),
    ("input from the middle of a batch", amid_a_batch),
    ("input whose dimensions of space are turned", turned),
)
_CHANNELS_LAST: tuple[tuple[str, Callable[[Tensor], Tensor]], ...] = (
    ("channels-last input", channels_last),
    ("channels-last input from the middle of a batch", amid_channels_last),
)


def layout_of(number: int, *, near_zero: bool = False) -> tuple[str, Callable[[Tensor], Tensor]]:
    """One of the layouts, by any number, and how messages name it.

    Channels-last ones are among them for values near zero alone: how precise kernels for them are
    elsewhere is a law of its own.
    """
    layouts = (*_CHANNELS_LAST, *_PLAIN) if near_zero else _PLAIN
    return layouts[number % len(layouts)]


def centred(values: Tensor) -> Tensor:
    """Each plane of values moved to a mean of zero, so that neither the order of summation nor a
    variance taken as a difference matters."""
    wide = values.double()
    return (wide - wide.mean(tuple(range(2, values.dim())), keepdim=True)).to(values.dtype)
