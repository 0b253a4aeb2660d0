# mypy: disable-error-code="import-not-found, import-untyped"
# (types may be checked where Triton is not installed)
"""Launching the Triton kernels: memory layouts, tiles and grids, results allocated.

Sets are (tasks, items, channels, pixels) here, tables (tasks, items, channels) in the dtype of
moments, what belongs to a channel (tasks or 1, channels or 1).
"""

from __future__ import annotations

from contextlib import nullcontext
from math import gcd
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import torch
import triton.language as tl

from tnverify.norms.kernels import triton_kernels as kernels
from tnverify.norms.moments import compute_dtype, moments_dtype

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractContextManager

    from torch import Tensor

_LANGUAGE = {torch.float32: tl.float32, torch.float64: tl.float64}
_TILE = 2048
"""Values in a tile: 16 for each thread of four warps."""
_PLANES = 16
"""Planes in a tile: each costs registers for what is known of it."""
_ENOUGH = 512
"""Programs that keep a large GPU busy: tiles grow beyond a memory sector only if as many are
left."""
_CACHED = 1 << 15
"""Values that one program may read twice, since the second time they come from a cache."""


class Plan(NamedTuple):
    """What of a blend the kernels must know: see `triton_kernels` for BASE and OWN."""

    base: Literal[0, 1, 2]
    own: int
    unbiased: bool
    eps: float

    @property
    def reads_own(self) -> bool:
        return self.base == 2 or self.own > 0


class Tile(NamedTuple):
    """How many items, channels and pixels a program works on at a time."""

    items: int
    channels: int
    pixels: int

    def grid(self, x: Tensor, splits: int = 1) -> tuple[int, int, int]:
        tasks, items, channels, _ = x.shape
        return tasks * -(-items // self.items), -(-channels // self.channels), splits

    def splits(self, x: Tensor) -> int:
        """Into how many programs the pixels of a plane fall where planes are few and large."""
        across = self.grid(x)
        return max(1, min(-(-x.shape[3] // self.pixels), _ENOUGH // (across[0] * across[1])))

    @property
    def warps(self) -> int:
        return 8 if self.items * self.channels * self.pixels > _TILE else 4


def channels_last(x: Tensor) -> bool:
    """Whether the channels of a pixel lie side by side (so they do where there is one pixel)."""
    return x.shape[3] == 1 or (x.transpose(2, 3).is_contiguous() and not x.is_contiguous())


def dense(x: Tensor) -> Tensor:
    """`x`, copied only where it is neither contiguous nor channels last."""
    return x if x.is_contiguous() or x.transpose(2, 3).is_contiguous() else x.contiguous()


def alike(values: Tensor, x: Tensor) -> Tensor:
    """`values` in the memory layout of `x`, which is dense."""
    same = values.is_contiguous() if x.is_contiguous() else values.transpose(2, 3).is_contiguous()
    return values if same and values.dtype == x.dtype else torch.empty_like(x).copy_(values)


def tile_for(x: Tensor, *, over_items: bool = False) -> Tile:
    """A tile of whole memory sectors, as large as leaves enough programs.

    `over_items`: it grows along items before channels, for kernels that sum tables over items.
    """
    tasks, items, channels, plane = x.shape
    side_by_side = 1 if channels_last(x) else plane
    sector = -(-32 // x.element_size() // side_by_side)
    pixels = min(_power(plane), _TILE)
    size = {"items": 1, "channels": min(_power(channels), _power(sector))}
    pixels = min(pixels, _TILE // size["channels"])
    limits = {"items": _power(items), "channels": _power(channels)}
    for along in ("items", "channels") if over_items else ("channels", "items"):
        while size[along] < limits[along]:
            grown = {**size, along: 2 * size[along]}
            planes = grown["items"] * grown["channels"]
            programs = tasks * -(-items // grown["items"]) * -(-channels // grown["channels"])
            if planes > _PLANES or planes * pixels > _TILE or programs < _ENOUGH:
                break
            size = grown
    return Tile(size["items"], size["channels"], pixels)


def single_tile(x: Tensor, plan: Plan) -> Tile | None:
    """The tile of a single launch, which must hold all that its moments are taken over.

    None where that is too much for one program, or where no moments are taken.
    """
    _, items, channels, plane = x.shape
    if plan.own not in (0, 1, channels) or not plan.reads_own:
        return None
    tile = tile_for(x)
    if plan.base != 2 and plan.own <= 1:
        return tile
    held = Tile(
        _power(items) if plan.base == 2 else 1,
        _power(channels) if plan.own > 1 else tile.channels if plane == 1 else 1, 1,
    )  # fmt: skip
    rows = held.items * held.channels
    if rows > 2 * _TILE or rows * plane > _CACHED:
        return None
    return held._replace(pixels=min(_power(plane), max(1, 2 * _TILE // rows)))


def moments(x: Tensor) -> tuple[Tensor, Tensor]:
    """Tables of the mean and the biased variance of each plane."""
    x = dense(x)
    mean, var = _tables(x), _tables(x)
    tile = tile_for(x)
    with _on(x):
        kernels.plane_moments[tile.grid(x)](
            x, mean, var, *x.shape[1:], **_constants(tile, x), num_warps=tile.warps
        )
    return mean, var


def normalized(
    x: Tensor,
    base_mean: Tensor | None,
    base_var: Tensor | None,
    alpha: Tensor | None,
    weight: Tensor | None,
    bias: Tensor | None,
    plan: Plan,
) -> tuple[Tensor, ...]:
    """y; tables of the instance, batch and own moments, six, of no elements where not needed."""
    x = dense(x)
    _, items, channels, _ = x.shape
    y = torch.empty_like(x)
    mean, var = (_tables(x, plan.reads_own * items) for _ in range(2))
    batch_mean, batch_var = (_tables(x, 1, channels * (plan.base == 2))[:, 0] for _ in range(2))
    groups = channels // plan.own if plan.own > 1 else 0
    own_mean, own_var = (_tables(x, items, groups) for _ in range(2))
    alone = single_tile(x, plan)
    tile = alone or tile_for(x, over_items=plan.reads_own)
    with _on(x):
        if alone is None and plan.reads_own:
            first = tile_for(x)
            kernels.plane_moments[first.grid(x)](
                x, mean, var, *x.shape[1:], **_constants(first, x), num_warps=first.warps
            )
        kernels.normalize_set[tile.grid(x, 1 if alone else tile.splits(x))](
            x, y, mean, var, batch_mean, batch_var, own_mean, own_var,
            _flat(base_mean), _flat(base_var), _flat(alpha), _flat(weight), _flat(bias),
            *x.shape[1:], *_strides(alpha),
            SINGLE=alone is not None, BASE=plan.base, OWN=plan.own, UNBIASED=plan.unbiased,
            EPS=plan.eps, **_blocks(tile, x, plan), **_constants(tile, x), num_warps=tile.warps,
        )  # fmt: skip
    return y, mean, var, batch_mean, batch_var, own_mean, own_var


def derivatives(
    x: Tensor,
    gy: Tensor,
    instance: tuple[Tensor, Tensor],
    batch: tuple[Tensor, Tensor],
    own: tuple[Tensor, Tensor],
    by_batch: Sequence[Tensor | None],
    small: Sequence[Tensor | None],
    plan: Plan,
    needed: tuple[bool, ...],
) -> tuple[Tensor | None, ...]:
    """First derivatives by x and by `small`: base mean and variance, alpha, weight and bias.

    `by_batch` are those that came for the batch moments; `needed` says which are asked for.
    What belongs to channels comes back as (tasks, channels).
    """
    base_mean, base_var, alpha, weight, _ = small
    x = dense(x)
    gy = alike(gy, x)
    tasks, items, channels, _ = x.shape
    size = tasks * items * channels
    tables = x.new_empty((8, tasks, items, channels), dtype=moments_dtype(x))
    gx = torch.empty_like(x) if needed[0] else None
    sums = [_tables(x, 1)[:, 0] if need else None for need in needed[1:]]
    over = batch if plan.base == 2 else (base_mean, base_var)
    # A kernel is given no pointer to a table without elements.
    planes = instance if plan.reads_own else (None, None)
    first, second = tile_for(x), tile_for(x, over_items=True)
    grid = second.grid(x, second.splits(x))
    if gx is None:
        grid = (tasks * -(-items // second.items), grid[1], 1)
    with _on(x):
        kernels.local_derivatives[first.grid(x)](
            x, gy, tables, *planes, *own, *map(_flat, over), _flat(alpha), _flat(weight),
            *x.shape[1:], size, *_strides(alpha),
            BASE=plan.base, OWN=plan.own, UNBIASED=plan.unbiased, EPS=plan.eps,
            **_constants(first, x), num_warps=first.warps,
        )  # fmt: skip
        kernels.gather_derivatives[grid](
            x, gy, gx, tables, planes[0], own[0], batch[0], *map(_flat, by_batch), *sums,
            *x.shape[1:], size, BASE=plan.base, OWN=plan.own,
            **_blocks(second, x, plan), **_constants(second, x), num_warps=second.warps,
        )  # fmt: skip
    return (gx, *sums)


def dots(g: Tensor, x: Tensor, centre: Tensor | None) -> tuple[Tensor, Tensor]:
    """Tables of the sum of g, and of g (x - centre), over each plane."""
    x = dense(x)
    total, tilted = _tables(x), _tables(x)
    tile = tile_for(x)
    with _on(x):
        kernels.plane_dots[tile.grid(x)](
            alike(g, x), x, _table(centre, x), total, tilted, *x.shape[1:],
            **_constants(tile, x), num_warps=tile.warps,
        )  # fmt: skip
    return total, tilted


def affine(
    g: Tensor | None,
    x: Tensor,
    scale: Tensor | None,
    centre: Tensor | None,
    slope: Tensor,
    constant: Tensor | None,
) -> Tensor:
    """g * scale + (x - centre) * slope + constant, tables for every plane; None is 0."""
    x = dense(x)
    y = torch.empty_like(x)
    tile = tile_for(x)
    with _on(x):
        kernels.plane_affine[tile.grid(x, tile.splits(x))](
            None if g is None else alike(g, x), x, y,
            *(_table(table, x) for table in (scale, centre, slope, constant)), *x.shape[1:],
            **_constants(tile, x), num_warps=tile.warps,
        )  # fmt: skip
    return y


def _constants(tile: Tile, x: Tensor) -> dict[str, Any]:
    return {
        "NB": tile.items, "CB": tile.channels, "PB": tile.pixels, "LAST": channels_last(x),
        "VEC": gcd(x.shape[2 if channels_last(x) else 3], 16),
        "WIDE": _LANGUAGE[compute_dtype(x.dtype)], "FINE": _LANGUAGE[moments_dtype(x)],
    }  # fmt: skip


def _blocks(tile: Tile, x: Tensor, plan: Plan) -> dict[str, int]:
    """How many items, and channels of a group, are summed at a time."""
    items = min(_power(x.shape[1]), max(1, _TILE // tile.channels))
    group = min(_power(max(plan.own, 1)), max(1, _TILE // (tile.items * tile.channels)))
    return {"RB": items, "JB": group}


def _tables(x: Tensor, items: int | None = None, channels: int | None = None) -> Tensor:
    shape = (
        x.shape[0], x.shape[1] if items is None else items,
        x.shape[2] if channels is None else channels,
    )  # fmt: skip
    return x.new_empty(shape, dtype=moments_dtype(x))


def _table(values: Tensor | None, x: Tensor) -> Tensor | None:
    if values is None:
        return None
    return values.to(moments_dtype(x)).expand(x.shape[:3]).contiguous()


def _flat(values: Tensor | None) -> Tensor | None:
    return None if values is None else values.contiguous()


def _strides(alpha: Tensor | None) -> tuple[int, int]:
    """How far apart alpha lies of one task and the next, and of one channel and the next."""
    return (0, 0) if alpha is None else (alpha.shape[1], int(alpha.shape[1] > 1))


def _power(size: int) -> int:
    """The smallest power of two that is not below `size`."""
    return 1 << (size - 1).bit_length()


def _on(x: Tensor) -> AbstractContextManager[object]:
    """Launches inside go to the device of `x`."""
    return torch.cuda.device(x.device) if x.is_cuda else nullcontext()
