"""The few lines that several sound layers share: parameters, refusal, and storage in half."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import torch
from torch import nn

if TYPE_CHECKING:
    from torch import Tensor

T = TypeVar("T")

CONTIGUOUS = {
    "memory_format_is_kept": "its outputs are contiguous whatever the input is, as it says",
}
"""What a layer shows whose outputs come out of a reshape, a stack or a loop."""


class Scaled(nn.Module):
    """A weight and a bias for each channel, and eps."""

    def __init__(self, channels: int, eps: float = 1e-5) -> None:
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def affine(self, y: Tensor) -> Tensor:
        """`weight * y + bias`, channel by channel."""
        return along(self.weight, y) * y + along(self.bias, y)


class Blended(Scaled):
    """The same with scale and offset of alpha (paper, section 4.2)."""

    def __init__(self, channels: int, eps: float = 1e-5) -> None:
        super().__init__(channels, eps)
        self.scale = nn.Parameter(torch.zeros(()))
        self.offset = nn.Parameter(torch.zeros(()))

    def alpha(self, items: int) -> Tensor:
        return torch.sigmoid(self.scale * items + self.offset)


def along(values: Tensor, x: Tensor) -> Tensor:
    """One value a channel, shaped to go with `x`: (1, channels, 1, ...)."""
    return values.reshape(1, -1, *[1] * (x.dim() - 2))


def space(x: Tensor) -> tuple[int, ...]:
    return tuple(range(2, x.dim()))


def wide(x: Tensor) -> Tensor:
    """Half precision as float32, in which it is normalised; other dtypes as they are."""
    return x.float() if x.dtype in (torch.float16, torch.bfloat16) else x


def required(state: T | None) -> T:
    """The task state; raises RuntimeError where there is none."""
    if state is None:
        raise RuntimeError("there is no context yet: call condition(context) first")
    return state
