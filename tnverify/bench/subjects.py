"""What the layer benchmark times: a step of each subject, as a function of an activation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import nn

from tnverify.bench.published import Published
from tnverify.norms import MetaBN, TaskNormI, TaskNormL
from tnverify.norms.blend import Blend
from tnverify.norms.kernels import plain

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor


class Shape(NamedTuple):
    """An activation (items, channels, height, width) and the group that it is reported in."""

    group: str
    size: tuple[int, int, int, int]

    @property
    def text(self) -> str:
        return "x".join(map(str, self.size))


# conv4 on 84 by 84 images and ResNet-18, contexts of 25 and 50; and what is small.
LARGE = tuple(
    Shape("large", size)
    for size in (
        (25, 64, 84, 84),
        (25, 64, 42, 42),
        (25, 64, 21, 21),
        (25, 128, 21, 21),
        (25, 256, 11, 11),
        (50, 64, 42, 42),
        (50, 128, 21, 21),
        (50, 256, 11, 11),
        (50, 512, 6, 6),
    )
)
SMALL = tuple(
    Shape("small", size)
    for size in ((5, 64, 5, 5), (5, 64, 10, 10), (25, 64, 5, 5), (5, 512, 2, 2), (25, 64, 1, 1))
)
CHANNELS_LAST = tuple(
    Shape("channels_last", size)
    for size in ((25, 64, 42, 42), (25, 128, 21, 21), (50, 256, 11, 11))
)
SHAPES = (*LARGE, *SMALL, *CHANNELS_LAST)


class Subject(NamedTuple):
    """A step: `call(x)` is the output; `parameters` are what a backward also reaches."""

    call: Callable[[Tensor], Tensor]
    parameters: list[Tensor]


def _condition(layer: Any) -> Callable[[Tensor], Tensor]:
    return lambda x: layer.condition(x)[0]


def _own(kind: type[nn.Module]) -> Callable[[int, torch.device, torch.dtype, Shape], Subject]:
    def make(channels: int, device: torch.device, _dtype: torch.dtype, _shape: Shape) -> Subject:
        layer = kind(channels, device=device).train()
        return Subject(_condition(layer), list(layer.parameters()))

    return make


def _target(kind: type[nn.Module]) -> Callable[[int, torch.device, torch.dtype, Shape], Subject]:
    """The target pass by the moments of a context of five items, gradients to them included."""

    def make(channels: int, device: torch.device, dtype: torch.dtype, shape: Shape) -> Subject:
        layer: Any = kind(channels, device=device)
        context = torch.randn(5, *shape.size[1:], device=device, dtype=dtype)
        with torch.no_grad():
            state = layer.condition(context)[1]
        leaves = [moment.requires_grad_() for moment in state.moments[:2]]
        return Subject(lambda x: layer.normalize(x, state), [*layer.parameters(), *leaves])

    return make


def _plain(layer_kind: type[nn.Module]) -> Callable[..., Subject]:
    """The readable formulation in plain operations, by autograd."""

    def make(channels: int, device: torch.device, _dtype: torch.dtype, _shape: Shape) -> Subject:
        layer: Any = layer_kind(channels, device=device)
        groups = {TaskNormI: channels, TaskNormL: 1, MetaBN: None}[layer_kind]

        def call(x: Tensor) -> Tensor:
            alpha = None if groups is None else layer.share(x, x.shape[0])
            blend = Blend("batch", groups, alpha, unbiased=False)
            return plain.normalize(x, blend, layer.weight, layer.bias, layer.eps)[0]

        return Subject(call, list(layer.parameters()))

    return make


def _compiled(kind: type[nn.Module]) -> Callable[..., Subject]:
    def make(channels: int, device: torch.device, dtype: torch.dtype, shape: Shape) -> Subject:
        inner = _own(kind)(channels, device, dtype, shape)
        # All that is compiled shares code, of which only so many shapes are compiled before the
        # compiler gives up and runs it eagerly.
        torch.compiler.reset()
        return Subject(torch.compile(inner.call, dynamic=False), inner.parameters)

    return make


def _module(build: Callable[[int], nn.Module]) -> Callable[..., Subject]:
    def make(channels: int, device: torch.device, _dtype: torch.dtype, _shape: Shape) -> Subject:
        layer = build(channels).to(device=device).train()
        return Subject(layer, list(layer.parameters()))

    return make


def _published(channels: int, device: torch.device, dtype: torch.dtype, _shape: Shape) -> Subject:
    layer = Published(channels).to(device=device, dtype=dtype)
    return Subject(_condition(layer), list(layer.parameters()))


SUBJECTS: dict[str, Callable[..., Subject]] = {
    "tasknorm_i": _own(TaskNormI),
    "tasknorm_i_target": _target(TaskNormI),
    "tasknorm_l": _own(TaskNormL),
    "tasknorm_l_target": _target(TaskNormL),
    "meta_bn": _own(MetaBN),
    "meta_bn_target": _target(MetaBN),
    "tasknorm_i_plain": _plain(TaskNormI),
    "tasknorm_l_plain": _plain(TaskNormL),
    "meta_bn_plain": _plain(MetaBN),
    "tasknorm_i_compiled": _compiled(TaskNormI),
    "tasknorm_l_compiled": _compiled(TaskNormL),
    "meta_bn_compiled": _compiled(MetaBN),
}
"""Ours, each also in plain operations and compiled."""

REFERENCES: dict[str, Callable[..., Subject]] = {
    "batch_norm": _module(nn.BatchNorm2d),
    "published": _published,
    "group_norm": _module(lambda channels: nn.GroupNorm(min(32, channels), channels)),
}
"""What ours are set against."""
