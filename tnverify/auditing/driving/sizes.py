"""What sizes of tasks are tried: those that a subject's first layers ask for, those that its own
errors name, and usual ones."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from torch import nn

from tnverify.auditing.driving.holdings import every_module, tensors_in

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

Shape = tuple[int, ...]

USUAL: tuple[Shape, ...] = (
    (1, 28, 28), (3, 28, 28), (3, 84, 84), (3, 32, 32), (8,), (2,), (784,), (1,), (64,), (12, 8),
)  # fmt: skip
WAYS = (5, 2, 3, 10, 20)

_PRODUCT = re.compile(r"\((\d+)x(\d+) and (\d+)x(\d+)\)")
_INSTEAD = (
    re.compile(r"to have (?P<wants>\d+) channels, but got (?P<has>\d+)"),
    re.compile(r"X has (?P<has>\d+) features, but .* expecting (?P<wants>\d+)"),
    re.compile(r"should contain (?P<has>\d+) elements not (?P<wants>\d+)"),
    re.compile(r"Expected .*\[\*?,? ?(?P<wants>\d+)\].*got input of size ?\[.*, (?P<has>\d+)\]"),
    re.compile(r"normalized_shape=\[(?P<wants>\d+)\].*size ?\[.*, (?P<has>\d+)\]"),
    re.compile(r"size (?P<wants>\d+) is different from (?P<has>\d+)"),
    re.compile(r"must be equal to input_size\. Expected (?P<wants>\d+), got (?P<has>\d+)"),
    re.compile(r"expected (?:input )?.*dim(?:ension)? of (?P<wants>\d+),? but got (?P<has>\d+)"),
    re.compile(r"expecting embedding dimension of (?P<wants>\d+), but got (?P<has>\d+)"),
)
"""Errors of torch, NumPy and scikit-learn that say which size was wanted and which one came."""


def of_error(message: str, shape: Shape) -> Iterator[Shape]:
    """Shapes of an item that an error asks for, where `shape` was given."""
    found = _PRODUCT.search(message)
    if found is not None:
        _, has, wants, _ = map(int, found.groups())
        yield from _adjusted(shape, has, wants)
        yield from _adjusted(shape, wants, has)
    for pattern in _INSTEAD:
        found = pattern.search(message)
        if found is not None:
            yield from _adjusted(shape, int(found["has"]), int(found["wants"]))


def _adjusted(shape: Shape, has: int, wants: int) -> Iterator[Shape]:
    """The shape with the side that came as `has` as it is wanted; what was put beside the items,
    such as labels, stays as much as it was."""
    for place, side in enumerate(shape):
        if side == has:
            yield (*shape[:place], wants, *shape[place + 1 :])
    flat = 1
    for side in shape:
        flat *= side
    if flat == has and len(shape) > 1:
        yield (wants,)
    beside = has - shape[-1]
    if len(shape) <= 2 and beside > 0 and wants > beside:
        yield (*shape[:-1], wants - beside)


def of_layers(subject: Any) -> Iterator[Shape]:
    """Shapes of an item that the first layer of a subject asks for."""
    if hasattr(subject, "get_params"):
        yield (8,)
    for module in every_module(subject).values():
        shapes = list(_of(module))
        if shapes:
            yield from shapes
            return
    for held in tensors_in(subject).values():
        if held.dim() == 2:
            yield from ((side,) for side in held.shape)
            return


def _of(module: nn.Module) -> Iterator[Shape]:
    if isinstance(module, nn.Conv2d):
        yield from ((module.in_channels, side, side) for side in (28, 84, 32))
    elif isinstance(module, nn.Conv1d):
        yield (module.in_channels, 16)
        yield (16, module.in_channels)
    elif isinstance(module, nn.Linear):
        yield from _of_linear(module.in_features)
    elif isinstance(module, nn.RNNBase):
        yield (6, module.input_size)
        yield (module.input_size,)
    elif isinstance(module, nn.MultiheadAttention):
        yield (6, module.embed_dim)
        yield (module.embed_dim,)
    elif isinstance(module, nn.LayerNorm):
        yield tuple(module.normalized_shape)
        yield (6, *module.normalized_shape)
    elif isinstance(module, nn.BatchNorm2d | nn.InstanceNorm2d):
        yield (module.num_features, 8, 8)
    elif isinstance(module, nn.BatchNorm1d):
        yield (module.num_features,)


def _of_linear(features: int) -> Iterator[Shape]:
    yield (features,)
    for channels in (1, 3):
        side = round((features / channels) ** 0.5)
        if side > 4 and channels * side * side == features:
            yield (channels, side, side)
    yield (6, features)
