"""Sweeps on the CPU: the few operations that touch every element of an activation.

A plane is one channel of one item; what a sweep takes per plane broadcasts to (items, channels),
and what it gives has that shape. Going to memory is what costs. So a large set is swept by
torch's own norms, plane by plane, where they can be made to do it, and block by block where not:
a block stays in the core's cache from one operation to the next. Sweeps know of no gradient:
`primitives` makes them differentiable. Half precision is computed in float32.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch

from tnverify.norms.moments import cast, compute_dtype

if TYPE_CHECKING:
    from torch import Tensor

BLOCK = 2**17
"""Elements in a block: half a megabyte of float32, so three of them fit a common L2 cache."""


class Centred(NamedTuple):
    """Moments of planes, (items, channels) each, in the dtype that the sweep computed in.

    The mean is `centre` + `rest`: its value in that dtype, and what that rounded off (None: not
    known).
    """

    centre: Tensor
    rest: Tensor | None
    var: Tensor


class Layout(NamedTuple):
    """An activation as (items, channels, pixels), or (items, pixels, channels) if channels-last.

    `over` is the dimension of the pixels, counted from the end.
    """

    values: Tensor
    over: int

    def small(self, part: Tensor) -> Tensor:
        """A tensor that broadcasts to (items, channels), so that it does over the pixels."""
        return cast(part, self.values.dtype).unsqueeze(self.over)

    def blocks(self, *parts: Tensor) -> list[tuple[Tensor, ...]]:
        """The values and further parts, which broadcast with them, block by block.

        Where blocks begin and end, and their order, change nothing but the time that it takes.
        """
        values = self.values
        if values.numel() <= BLOCK:  # pragma: no mutate: as said
            return [(values, *parts)]
        items, *others = values.shape
        whole = [values, *(part.expand(items, *part.shape[1:]) for part in parts)]
        if self.over == -1:  # pragma: no mutate: as said
            # Planes are rows in memory, so a block need not end where an item does.
            channels = others[0]
            whole = [p.expand(-1, channels, -1).reshape(-1, p.shape[-1]) for p in whole]
        step = max(1, BLOCK // whole[0][:1].numel())  # pragma: no mutate: as said
        split = (torch.split(part, step) for part in whole)
        return list(zip(*split, strict=True))  # pragma: no mutate: all have as many rows

    def blocks_from_the_end(self, *parts: Tensor) -> list[tuple[Tensor, ...]]:
        """After a sweep forwards: what that one saw last is still in the cache."""
        return self.blocks(*parts)[::-1]  # pragma: no mutate: as said of blocks


def moments(x: Tensor) -> Centred:
    """Mean and biased variance of each plane, from values centred at their mean."""
    layout = laid_out(x)
    values, over = layout
    pixels = values.shape[over]
    if pixels == 1:
        centre = values.squeeze(over).clone()
        return Centred(centre, torch.zeros_like(centre), torch.zeros_like(centre))
    if values.numel() <= BLOCK:  # pragma: no mutate: blocks give the same
        centre = values.mean(over, keepdim=True)
        centred = values - centre
        rest = centred.mean(over)
        var = centred.square_().mean(over).addcmul_(rest, rest, value=-1)
        return Centred(centre.squeeze(over), rest, var)
    centre, rest, var = (values.new_empty(x.shape[:2]) for _ in range(3))
    parts = (part.unsqueeze(over) for part in (centre, rest, var))
    room = None
    for block, mean, left, spread in layout.blocks(*parts):
        room = torch.empty_like(block) if room is None else room
        centred = room[: len(block)]
        torch.sum(block, over, keepdim=True, out=mean).mul_(1 / pixels)
        torch.sub(block, mean, out=centred)
        torch.sum(centred, over, keepdim=True, out=left)
        _sum_of_squares(centred, over, out=spread)
    rest.mul_(1 / pixels)
    return Centred(centre, rest, var.mul_(1 / pixels).addcmul_(rest, rest, value=-1))


def quick_moments(x: Tensor) -> Centred:
    """As `moments`, but for the rest, in one sweep over a set that `fuses`.

    Group norm takes them on its way, with a channel for a group; what it puts out is dropped.
    """
    rows = _rows(laid_out(x))
    _, planes, pixels = rows.shape
    tiny = 1e-37  # keeps what a constant plane gives finite, in float32 too; lost in any other
    _, mean, inverse = torch.native_group_norm(rows, None, None, 1, planes, pixels, planes, tiny)
    var = inverse.square_().reciprocal_()
    return Centred(mean.view(x.shape[:2]), None, var.view(x.shape[:2]))


def affine(x: Tensor, slope: Tensor, constant: Tensor, centre: Tensor | None = None) -> Tensor:
    """(x - centre) * slope + constant for each plane; centre 0 where it is left out."""
    layout = laid_out(x)
    if centre is None and _fuses(layout):
        return _like(layout, _multiply_add(layout, slope, constant), x)
    small = [layout.small(part) for part in (slope, constant)]
    if layout.values.numel() <= BLOCK:  # pragma: no mutate: blocks give the same
        values = layout.values if centre is None else layout.values - layout.small(centre)
        return _like(layout, (values * small[0]).add_(small[1]), x)
    out = torch.empty_like(layout.values)
    if centre is None:
        for block, a, b, to in layout.blocks_from_the_end(*small, out):
            torch.mul(block, a, out=to).add_(b)
    else:
        parts = (*small, layout.small(centre), out)
        for block, a, b, c, to in layout.blocks_from_the_end(*parts):
            torch.sub(block, c, out=to).mul_(a).add_(b)
    return _like(layout, out, x)


def dots(g: Tensor, x: Tensor, centre: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """The sums of g and of g * (x - centre) over each plane; centre 0 where it is left out."""
    layout, by = laid_out(x), laid_out(g, like=x).values
    values, over = layout
    if _fuses(layout):
        return _sum_and_dot(by, layout, centre)
    if values.numel() <= BLOCK:  # pragma: no mutate: blocks give the same
        if centre is None:
            return by.sum(over), (values * by).sum(over)
        return by.sum(over), (values - layout.small(centre)).mul_(by).sum(over)
    total, dot = (values.new_empty(x.shape[:2]) for _ in range(2))
    parts = [by, total.unsqueeze(over), dot.unsqueeze(over)]
    parts += [] if centre is None else [layout.small(centre)]
    room = None
    for block, by_block, t, d, *c in layout.blocks(*parts):
        room = torch.empty_like(block) if room is None else room
        product = room[: len(block)]
        # `out` saves memory alone.
        centred = torch.sub(block, *c, out=product) if c else block  # pragma: no mutate
        torch.mul(centred, by_block, out=product)
        torch.sum(by_block, over, keepdim=True, out=t)
        torch.sum(product, over, keepdim=True, out=d)
    return total, dot


def fuses(x: Tensor) -> bool:
    """Whether a set is large and laid out so that torch's own norms can sweep it in one go."""
    return x.dtype.itemsize >= 4 and _fuses(laid_out(x))


def combine(
    g: Tensor,
    x: Tensor,
    slope_g: Tensor,
    slope_x: Tensor,
    constant: Tensor,
    centre: Tensor | None = None,
) -> Tensor:
    """g * slope_g + (x - centre) * slope_x + constant for each plane; centre 0 if left out."""
    layout, by = laid_out(x), laid_out(g, like=x).values
    if centre is None and _fuses(layout):
        line = _multiply_add(layout, slope_x, constant)
        return _like(layout, line.addcmul_(by, layout.small(slope_g)), x)
    out = torch.empty_like(layout.values)
    small = [layout.small(part) for part in (slope_g, slope_x, constant)]
    if centre is None:
        for block, by_block, a, k, b, to in layout.blocks_from_the_end(by, *small, out):
            torch.mul(by_block, a, out=to).addcmul_(block, k).add_(b)
    else:
        parts = (by, *small, layout.small(centre), out)
        for block, by_block, a, k, b, c, to in layout.blocks_from_the_end(*parts):
            torch.sub(block, c, out=to).mul_(k).addcmul_(by_block, a).add_(b)
    return _like(layout, out, x)


def laid_out(x: Tensor, like: Tensor | None = None) -> Layout:
    """x in the layout of memory that it (or `like`) has, in the dtype to compute in.

    A view where memory allows it, otherwise a copy.
    """
    x = cast(x, compute_dtype(x.dtype))
    if channels_last(x if like is None else like):
        return Layout(x.permute(0, *range(2, x.dim()), 1).reshape(len(x), -1, x.shape[1]), -2)
    return Layout(x.reshape(*x.shape[:2], x.shape[2:].numel()), -1)


def channels_last(x: Tensor) -> bool:
    """Whether the channels of a pixel, and not the pixels of a channel, lie together."""
    if x.dim() < 4 or x.is_contiguous():
        return False
    return x.permute(0, *range(2, x.dim()), 1).is_contiguous()


def _like(layout: Layout, values: Tensor, x: Tensor) -> Tensor:
    """Values as laid out, back in the shape, dtype and memory format of x."""
    values = cast(values, x.dtype)
    if layout.over == -1:
        return values.view(x.shape)
    shape = (len(x), *x.shape[2:], x.shape[1])
    return values.view(shape).permute(0, -1, *range(1, x.dim() - 1))


def _sum_of_squares(centred: Tensor, over: int, out: Tensor) -> None:
    if over == -1:  # pragma: no mutate: both sum the same, one sooner
        torch.linalg.vector_norm(centred, 2, over, keepdim=True, out=out).square_()
    else:
        torch.sum(centred.mul_(centred), over, keepdim=True, out=out)


def _fuses(layout: Layout) -> bool:
    """Whether torch's batch norm, with a plane for a channel, is the cheapest fused sweep."""
    return layout.over == -1 and layout.values.numel() > BLOCK and layout.values.shape[-1] >= 16


def _multiply_add(layout: Layout, slope: Tensor, constant: Tensor) -> Tensor:
    """values * slope + constant in one sweep: batch norm with mean 0 and variance 1."""
    slope, constant = _each(layout, slope, constant)
    zeros, ones = torch.zeros_like(slope), torch.ones_like(slope)
    rows = _rows(layout)
    momentum = 0.0  # pragma: no mutate: moments that are given do not move
    out = torch.native_batch_norm(rows, slope, constant, zeros, ones, False, momentum, 0.0)[0]
    return out.view_as(layout.values)


def _sum_and_dot(by: Tensor, layout: Layout, centre: Tensor | None) -> tuple[Tensor, Tensor]:
    """The sums of `by` and of by * (values - centre): batch norm's derivatives by its affine."""
    rows = _rows(layout)
    (mean,) = _each(layout, rows.new_zeros(1) if centre is None else centre)
    eps = 0.0  # pragma: no mutate: the deviation is given, none is taken
    wanted = [False, True, True]  # pragma: no mutate: the first, by the values, is not looked at
    _, dot, total = torch.ops.aten.native_batch_norm_backward(
        by.view_as(rows),
        rows,
        None,
        None,
        None,
        mean,
        torch.ones_like(mean),
        True,
        eps,
        wanted,
    )
    planes = layout.values.shape[:2]
    return total.view(planes), dot.view(planes)


def _rows(layout: Layout) -> Tensor:
    """Values (items, channels, pixels) as one item with a channel for each plane."""
    return layout.values.view(1, -1, layout.values.shape[-1])


def _each(layout: Layout, *parts: Tensor) -> list[Tensor]:
    """Tensors that broadcast to (items, channels) as one number for each plane."""
    planes = layout.values.shape[:2]
    return [cast(part, layout.values.dtype).expand(planes).reshape(-1) for part in parts]
