# What a kernel is written in is Triton's language, not Python: its types are not mypy's to check
# (which may run where Triton is not installed), capitals are sizes and constants, and branches
# are mostly taken by the compiler.
# mypy: ignore-errors
# ruff: noqa: N803
"""What the Triton kernels are made of: tiles of a set, sums over planes, items and channels.

A set has (tasks, items, channels, pixels); a *plane* is the pixels of one item and channel. The
memory of one item is channels of pixels or, channels last, pixels of channels; items and tasks
follow each other without gaps. A program works on a *tile* of NB items and CB channels of one
task, over whose planes it goes PB pixels at a time. *Tables* hold one number per plane, (tasks,
items, channels), in FINE, the dtype of moments; activations are computed in WIDE.

Everything here is called by kernels alone.
"""

from __future__ import annotations

import triton
import triton.language as tl


@triton.jit
def tile(N, C, NB: tl.constexpr, CB: tl.constexpr):
    """The task, items [NB, 1] and channels [1, CB] of this program, and which of them exist."""
    blocks = tl.cdiv(N, NB)
    task = (tl.program_id(0) // blocks).to(tl.int64)
    n = ((tl.program_id(0) % blocks) * NB + tl.arange(0, NB))[:, None]
    c = (tl.program_id(1) * CB + tl.arange(0, CB))[None, :]
    return task, n, c, (n < N) & (c < C)


@triton.jit
def vectors(C, P, LAST: tl.constexpr, VEC: tl.constexpr):
    """C and P as they are, the one that lies side by side in memory known to be n times VEC.

    The compiler may then load and store VEC values at once.
    """
    if LAST:
        return C // VEC * VEC, P
    else:
        return C, P // VEC * VEC


@triton.jit
def planes(task, N, C, P, NB: tl.constexpr, CB: tl.constexpr, LAST: tl.constexpr):
    """Where a tile's first plane begins, and how far from there each one does, [NB, CB].

    The distances are short numbers: long ones for every value would fill the registers.
    """
    item = task * N + (tl.program_id(0) % tl.cdiv(N, NB)) * NB
    n, c = tl.arange(0, NB)[:, None], tl.arange(0, CB)[None, :]
    if LAST:
        return item * P * C + tl.program_id(1) * CB, n * (P * C) + c
    else:
        return (item * C + tl.program_id(1) * CB) * P, (n * C + c) * P


@triton.jit
def pixels(rows, inside, start, C, P, PB: tl.constexpr, LAST: tl.constexpr):
    """Where the pixels from `start` on of a tile's planes lie, [NB, CB, PB], and which exist."""
    p = start + tl.arange(0, PB)[None, None, :]
    return rows[:, :, None] + (p * C if LAST else p), inside[:, :, None] & (p < P)


@triton.jit
def moments_of(
    x, rows, inside, C, P,
    PB: tl.constexpr, LAST: tl.constexpr, WIDE: tl.constexpr, FINE: tl.constexpr,
):  # fmt: skip
    """Mean and biased variance of each plane of a tile, [NB, CB] each, in one pass.

    Pixels in registers are centred at their own mean, and at what its rounding left over, before
    they are squared; runs of pixels merge by their centred moments (Chan, Golub and LeVeque).
    """
    mean = tl.zeros(inside.shape, FINE)
    squares = tl.zeros(inside.shape, FINE)
    for start in range(0, P, PB):
        at, there = pixels(rows, inside, start, C, P, PB, LAST)
        values = tl.load(x + at, there, 0.0).to(WIDE)
        before = tl.cast(start, FINE)
        count = tl.cast(tl.minimum(P - start, PB), FINE)
        centre = tl.sum(values, 2) / count.to(WIDE)
        centred = tl.where(there, values - centre[:, :, None], 0.0)
        rest = tl.sum(centred, 2) / count.to(WIDE)
        centred = tl.where(there, centred - rest[:, :, None], 0.0)
        step = centre.to(FINE) + rest.to(FINE) - mean
        share = count / (before + count)
        mean += step * share
        squares += tl.sum(centred * centred, 2).to(FINE) + step * step * share * before
    return mean, squares / tl.cast(P, FINE)


@triton.jit
def put_affine(
    x, y, rows, inside, centre, slope, constant, C, P,
    PB: tl.constexpr, LAST: tl.constexpr, WIDE: tl.constexpr,
):  # fmt: skip
    """y = (x - centre) * slope + constant, pixels shared out among the programs of a tile.

    `centre` [NB or 1, CB] is good to more than WIDE; what rounding takes off it is given back
    in the constant.
    """
    near = centre.to(WIDE)
    level = (constant + (near.to(centre.dtype) - centre) * slope).to(WIDE)
    steep = slope.to(WIDE)
    for start in range(tl.program_id(2) * PB, P, tl.num_programs(2) * PB):
        at, there = pixels(rows, inside, start, C, P, PB, LAST)
        values = tl.load(x + at, there, 0.0).to(WIDE)
        values = (values - near[:, :, None]) * steep[:, :, None] + level[:, :, None]
        tl.store(y + at, values, there)


@triton.jit
def sum_over_items(table, c, N, C, RB: tl.constexpr, FINE: tl.constexpr):
    """The sum of a task's table over its items, RB at a time, [1, CB]."""
    total = tl.zeros((RB, c.shape[1]), FINE)
    for start in range(0, N, RB):
        n = (start + tl.arange(0, RB))[:, None]
        total += tl.load(table + n * C + c, (n < N) & (c < C), 0.0)
    return tl.sum(total, 0, keep_dims=True)


@triton.jit
def moments_over_items(mean, var, c, N, C, RB: tl.constexpr, FINE: tl.constexpr):
    """Batch moments [1, CB] from a task's tables of instance moments (eqs. (3), (4))."""
    centre = sum_over_items(mean, c, N, C, RB, FINE) / tl.cast(N, FINE)
    total = tl.zeros((RB, c.shape[1]), FINE)
    for start in range(0, N, RB):
        n = (start + tl.arange(0, RB))[:, None]
        at, there = n * C + c, (n < N) & (c < C)
        apart = tl.load(mean + at, there, 0.0) - centre
        total += tl.where(there, tl.load(var + at, there, 0.0) + apart * apart, 0.0)
    return centre, tl.sum(total, 0, keep_dims=True) / tl.cast(N, FINE)


@triton.jit
def sum_over_group(
    table, n, c, inside, C, GROUP: tl.constexpr, JB: tl.constexpr, FINE: tl.constexpr
):
    """The sum of a task's table over each channel's group of GROUP, JB at a time, [NB, CB]."""
    total = tl.zeros((inside.shape[0], inside.shape[1], JB), FINE)
    for start in range(0, GROUP, JB):
        j = (start + tl.arange(0, JB))[None, None, :]
        at = (n * C + c // GROUP * GROUP)[:, :, None] + j
        total += tl.load(table + at, inside[:, :, None] & (j < GROUP), 0.0)
    return tl.sum(total, 2)


@triton.jit
def moments_over_group(
    mean, var, n, c, inside, C, GROUP: tl.constexpr, JB: tl.constexpr, FINE: tl.constexpr
):
    """Layer or group moments [NB, CB] from a task's tables of instance ones (eqs. (6), (7))."""
    size = tl.full((), GROUP, FINE)
    centre = sum_over_group(mean, n, c, inside, C, GROUP, JB, FINE) / size
    total = tl.zeros((inside.shape[0], inside.shape[1], JB), FINE)
    for start in range(0, GROUP, JB):
        j = (start + tl.arange(0, JB))[None, None, :]
        at = (n * C + c // GROUP * GROUP)[:, :, None] + j
        there = inside[:, :, None] & (j < GROUP)
        apart = tl.load(mean + at, there, 0.0) - centre[:, :, None]
        total += tl.where(there, tl.load(var + at, there, 0.0) + apart * apart, 0.0)
    return centre, tl.sum(total, 2) / size


@triton.jit
def put_sum(table, out, task, c, N, C, RB: tl.constexpr, FINE: tl.constexpr):
    """A table's sum over a task's items, to `out` (tasks, channels) where somebody asks for it."""
    if out is not None:
        tl.store(out + task * C + c, sum_over_items(table, c, N, C, RB, FINE), c < C)


@triton.jit
def per_channel(values, task, c, C, FINE: tl.constexpr):
    """Values per channel [1, CB] of a tensor (tasks, channels)."""
    return tl.load(values + task * C + c, c < C, 0.0).to(FINE)


@triton.jit
def bessel(count, UNBIASED: tl.constexpr, FINE: tl.constexpr):
    """What a biased variance over `count` values is multiplied by in the layer's convention."""
    count = tl.cast(count, FINE)
    if UNBIASED:
        return count / tl.maximum(count - 1.0, 1.0)
    else:
        return count / count


@triton.jit
def pooled(alpha, base_mean, base_var, own_mean, own_var):
    """alpha of the base moments blended with 1 - alpha of an item's own (eqs. (10), (11))."""
    mean = alpha * base_mean + (1.0 - alpha) * own_mean
    from_base, from_own = base_mean - mean, own_mean - mean
    var = alpha * (base_var + from_base * from_base)
    return mean, var + (1.0 - alpha) * (own_var + from_own * from_own)
