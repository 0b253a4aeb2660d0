# As in triton_tiles: Triton's language, not Python; nested ifs keep constants apart from values.
# mypy: ignore-errors
# ruff: noqa: N803, N806, C901, SIM102
"""The Triton kernels: one or two launches to normalise a set, two for its first derivatives.

Flags are constants of a compiled kernel: BASE is whether the base moments are absent (0), given
(1) or those of the very set (2); OWN is how many channels share an item's own moments (0: there
are none; 1: instance moments; all: layer moments). A pointer that the flags make useless is None.
"""

from __future__ import annotations

import triton
import triton.language as tl

from tnverify.norms.kernels.triton_tiles import (
    bessel,
    moments_of,
    moments_over_group,
    moments_over_items,
    per_channel,
    pixels,
    planes,
    pooled,
    put_affine,
    put_sum,
    sum_over_group,
    sum_over_items,
    tile,
    vectors,
)


@triton.jit
def plane_moments(
    x, mean, var, N, C, P,
    NB: tl.constexpr, CB: tl.constexpr, PB: tl.constexpr, LAST: tl.constexpr, VEC: tl.constexpr,
    WIDE: tl.constexpr, FINE: tl.constexpr,
):  # fmt: skip
    """Tables of instance moments (eqs. (8), (9))."""
    C, P = vectors(C, P, LAST, VEC)
    task, n, c, inside = tile(N, C, NB, CB)
    origin, rows = planes(task, N, C, P, NB, CB, LAST)
    plane_mean, plane_var = moments_of(x + origin, rows, inside, C, P, PB, LAST, WIDE, FINE)
    at = task * N * C + (n * C + c)
    tl.store(mean + at, plane_mean, inside)
    tl.store(var + at, plane_var, inside)


@triton.jit
def normalize_set(
    x, y, mean, var, batch_mean, batch_var, own_mean, own_var,
    base_mean, base_var, alpha, weight, bias,
    N, C, P, alpha_t, alpha_c,
    SINGLE: tl.constexpr, BASE: tl.constexpr, OWN: tl.constexpr, UNBIASED: tl.constexpr,
    EPS: tl.constexpr, NB: tl.constexpr, CB: tl.constexpr, PB: tl.constexpr, RB: tl.constexpr,
    JB: tl.constexpr, LAST: tl.constexpr, VEC: tl.constexpr,
    WIDE: tl.constexpr, FINE: tl.constexpr,
):  # fmt: skip
    """y and the moments behind it.

    SINGLE: the tile holds all that its moments are taken over, so the tables `mean` and `var`
    are written here; else an earlier launch wrote them.
    """
    C, P = vectors(C, P, LAST, VEC)
    task, n, c, inside = tile(N, C, NB, CB)
    origin, rows = planes(task, N, C, P, NB, CB, LAST)
    x += origin
    mean += task * N * C
    var += task * N * C
    at = n * C + c
    if SINGLE:
        item_mean, item_var = moments_of(x, rows, inside, C, P, PB, LAST, WIDE, FINE)
        tl.store(mean + at, item_mean, inside)
        tl.store(var + at, item_var, inside)
    if BASE == 1:
        over_mean = per_channel(base_mean, task, c, C, FINE)
        over_var = per_channel(base_var, task, c, C, FINE)
    if BASE == 2:
        if SINGLE:
            items = tl.cast(N, FINE)
            over_mean = tl.sum(tl.where(inside, item_mean, 0.0), 0, keep_dims=True) / items
            apart = item_mean - over_mean
            over_var = tl.where(inside, item_var + apart * apart, 0.0)
            over_var = tl.sum(over_var, 0, keep_dims=True) / items
        else:
            over_mean, over_var = moments_over_items(mean, var, c, N, C, RB, FINE)
        if (tl.program_id(2) == 0) & (tl.program_id(0) % tl.cdiv(N, NB) == 0):
            tl.store(batch_mean + task * C + c, over_mean, c < C)
            tl.store(batch_var + task * C + c, over_var, c < C)
        over_var = over_var * bessel(tl.cast(N, FINE) * tl.cast(P, FINE), UNBIASED, FINE)
    if OWN == 1:
        if not SINGLE:
            item_mean = tl.load(mean + at, inside, 0.0)
            item_var = tl.load(var + at, inside, 0.0)
    if OWN > 1:
        if SINGLE:
            size = tl.full((), OWN, FINE)
            centre = tl.sum(tl.where(inside, item_mean, 0.0), 1, keep_dims=True) / size
            apart = item_mean - centre
            item_var = tl.where(inside, item_var + apart * apart, 0.0)
            item_var = tl.broadcast_to(tl.sum(item_var, 1, keep_dims=True) / size, (NB, CB))
            item_mean = tl.broadcast_to(centre, (NB, CB))
        else:
            item_mean, item_var = moments_over_group(mean, var, n, c, inside, C, OWN, JB, FINE)
        if tl.program_id(2) == 0:
            group = task * N * (C // OWN) + (n * (C // OWN) + c // OWN)
            tl.store(own_mean + group, item_mean, inside & (c % OWN == 0))
            tl.store(own_var + group, item_var, inside & (c % OWN == 0))
    if OWN > 0:
        item_var = item_var * bessel(tl.cast(P, FINE) * OWN, UNBIASED, FINE)
    if BASE == 0:
        used_mean, used_var = item_mean, item_var
    elif OWN == 0:
        used_mean, used_var = over_mean, over_var
    else:
        share = tl.load(alpha + task * alpha_t + c * alpha_c, c < C, 0.0).to(FINE)
        used_mean, used_var = pooled(share, over_mean, over_var, item_mean, item_var)
    slope = 1.0 / tl.sqrt(used_var + tl.full((), EPS, FINE))
    constant = tl.zeros_like(slope)
    if weight is not None:
        slope = slope * per_channel(weight, task, c, C, FINE)
    if bias is not None:
        constant = constant + per_channel(bias, task, c, C, FINE)
    put_affine(x, y + origin, rows, inside, used_mean, slope, constant, C, P, PB, LAST, WIDE)


@triton.jit
def local_derivatives(
    x, gy, tables, mean, var, own_mean, own_var, base_mean, base_var, alpha, weight,
    N, C, P, size, alpha_t, alpha_c,
    BASE: tl.constexpr, OWN: tl.constexpr, UNBIASED: tl.constexpr,
    EPS: tl.constexpr, NB: tl.constexpr, CB: tl.constexpr, PB: tl.constexpr,
    LAST: tl.constexpr, VEC: tl.constexpr, WIDE: tl.constexpr, FINE: tl.constexpr,
):  # fmt: skip
    """What one plane alone adds to the derivative by each thing behind its outputs.

    Tables, `size` numbers each, in this order: the slope; derivatives by the base mean and
    variance, by the own mean and variance, by alpha, weight and bias. Base moments are those
    given or, for BASE 2, the set's batch moments.
    """
    C, P = vectors(C, P, LAST, VEC)
    task, n, c, inside = tile(N, C, NB, CB)
    at = task * N * C + (n * C + c)
    if BASE > 0:
        over_mean = per_channel(base_mean, task, c, C, FINE)
        over_scale = bessel(tl.cast(N, FINE) * tl.cast(P, FINE), UNBIASED and BASE == 2, FINE)
        over_var = per_channel(base_var, task, c, C, FINE) * over_scale
    if OWN > 0:
        item_scale = bessel(tl.cast(P, FINE) * OWN, UNBIASED, FINE)
        if OWN == 1:
            item_mean = tl.load(mean + at, inside, 0.0)
            item_var = tl.load(var + at, inside, 0.0) * item_scale
        else:
            group = task * N * (C // OWN) + (n * (C // OWN) + c // OWN)
            item_mean = tl.load(own_mean + group, inside, 0.0)
            item_var = tl.load(own_var + group, inside, 0.0) * item_scale
    if BASE == 0:
        used_mean, used_var = item_mean, item_var
    elif OWN == 0:
        used_mean = tl.broadcast_to(over_mean, (NB, CB))
        used_var = tl.broadcast_to(over_var, (NB, CB))
    else:
        share = tl.load(alpha + task * alpha_t + c * alpha_c, c < C, 0.0).to(FINE)
        used_mean, used_var = pooled(share, over_mean, over_var, item_mean, item_var)
    root = 1.0 / tl.sqrt(used_var + tl.full((), EPS, FINE))
    steep = root
    if weight is not None:
        steep = steep * per_channel(weight, task, c, C, FINE)

    near = used_mean.to(WIDE)
    total = tl.zeros((NB, CB), FINE)
    tilted = tl.zeros((NB, CB), FINE)
    origin, rows = planes(task, N, C, P, NB, CB, LAST)
    x += origin
    gy += origin
    for start in range(0, P, PB):
        where, there = pixels(rows, inside, start, C, P, PB, LAST)
        grad = tl.load(gy + where, there, 0.0).to(WIDE)
        values = tl.load(x + where, there, 0.0).to(WIDE)
        total += tl.sum(grad, 2).to(FINE)
        tilted += tl.sum(grad * (values - near[:, :, None]), 2).to(FINE)
    tilted += (near.to(FINE) - used_mean) * total

    by_mean = -steep * total
    by_var = -0.5 * steep * root * root * tilted
    tl.store(tables + at, steep, inside)
    if BASE > 0 and OWN > 0:
        gap = over_mean - item_mean
        lean = 2.0 * share * (1.0 - share) * gap * by_var
        spread = over_var - item_var + (1.0 - 2.0 * share) * gap * gap
        tl.store(tables + size + at, share * by_mean + lean, inside)
        tl.store(tables + 2 * size + at, share * by_var * over_scale, inside)
        tl.store(tables + 3 * size + at, (1.0 - share) * by_mean - lean, inside)
        tl.store(tables + 4 * size + at, (1.0 - share) * by_var * item_scale, inside)
        tl.store(tables + 5 * size + at, gap * by_mean + spread * by_var, inside)
    elif BASE > 0:
        tl.store(tables + size + at, by_mean, inside)
        tl.store(tables + 2 * size + at, by_var * over_scale, inside)
    else:
        tl.store(tables + 3 * size + at, by_mean, inside)
        tl.store(tables + 4 * size + at, by_var * item_scale, inside)
    if weight is not None:
        tl.store(tables + 6 * size + at, tilted * root, inside)
    tl.store(tables + 7 * size + at, total, inside)


@triton.jit
def gather_derivatives(
    x, gy, gx, tables, mean, own_mean, batch_mean, from_mean, from_var,
    by_base_mean, by_base_var, by_alpha, by_weight, by_bias,
    N, C, P, size,
    BASE: tl.constexpr, OWN: tl.constexpr, NB: tl.constexpr, CB: tl.constexpr,
    PB: tl.constexpr, RB: tl.constexpr, JB: tl.constexpr, LAST: tl.constexpr, VEC: tl.constexpr,
    WIDE: tl.constexpr, FINE: tl.constexpr,
):  # fmt: skip
    """The derivatives, from what each plane adds to them.

    `from_mean` and `from_var` (tasks, channels) are those by the batch moments that came from
    elsewhere, such as the targets; None where nothing came.
    """
    C, P = vectors(C, P, LAST, VEC)
    task, n, c, inside = tile(N, C, NB, CB)
    tables += task * N * C
    if (tl.program_id(2) == 0) & (tl.program_id(0) % tl.cdiv(N, NB) == 0):
        put_sum(tables + size, by_base_mean, task, c, N, C, RB, FINE)
        put_sum(tables + 2 * size, by_base_var, task, c, N, C, RB, FINE)
        put_sum(tables + 5 * size, by_alpha, task, c, N, C, RB, FINE)
        put_sum(tables + 6 * size, by_weight, task, c, N, C, RB, FINE)
        put_sum(tables + 7 * size, by_bias, task, c, N, C, RB, FINE)
    if gx is not None:
        at = n * C + c
        steep = tl.load(tables + at, inside, 0.0)
        centre = tl.zeros((NB, CB), FINE)
        by_mean = tl.zeros((NB, CB), FINE)
        by_var = tl.zeros((NB, CB), FINE)
        if mean is not None:
            centre = tl.load(mean + task * N * C + at, inside, 0.0)
        if BASE == 2:
            items = tl.cast(N, FINE)
            of_mean = sum_over_items(tables + size, c, N, C, RB, FINE)
            of_var = sum_over_items(tables + 2 * size, c, N, C, RB, FINE)
            if from_mean is not None:
                of_mean += per_channel(from_mean, task, c, C, FINE)
            if from_var is not None:
                of_var += per_channel(from_var, task, c, C, FINE)
            apart = centre - per_channel(batch_mean, task, c, C, FINE)
            by_mean += (of_mean + 2.0 * apart * of_var) / items
            by_var += of_var / items
        if OWN == 1:
            by_mean += tl.load(tables + 3 * size + at, inside, 0.0)
            by_var += tl.load(tables + 4 * size + at, inside, 0.0)
        if OWN > 1:
            of_mean = sum_over_group(tables + 3 * size, n, c, inside, C, OWN, JB, FINE)
            of_var = sum_over_group(tables + 4 * size, n, c, inside, C, OWN, JB, FINE)
            group = task * N * (C // OWN) + (n * (C // OWN) + c // OWN)
            apart = centre - tl.load(own_mean + group, inside, 0.0)
            by_mean += (of_mean + 2.0 * apart * of_var) / OWN
            by_var += of_var / OWN
        tilt = 2.0 * by_var / tl.cast(P, FINE)
        # As in put_affine: centred at the mean as WIDE has it, the rest in the constant.
        near = centre.to(WIDE)
        level = (by_mean / tl.cast(P, FINE) + (near.to(FINE) - centre) * tilt).to(WIDE)
        tilt, steep = tilt.to(WIDE), steep.to(WIDE)
        origin, rows = planes(task, N, C, P, NB, CB, LAST)
        for start in range(tl.program_id(2) * PB, P, tl.num_programs(2) * PB):
            where, there = pixels(rows, inside, start, C, P, PB, LAST)
            grad = tl.load(gy + origin + where, there, 0.0).to(WIDE)
            grad = grad * steep[:, :, None] + level[:, :, None]
            if mean is not None:
                values = tl.load(x + origin + where, there, 0.0).to(WIDE)
                grad += (values - near[:, :, None]) * tilt[:, :, None]
            tl.store(gx + origin + where, grad, there)


@triton.jit
def plane_dots(
    g, x, centre, total, tilted, N, C, P,
    NB: tl.constexpr, CB: tl.constexpr, PB: tl.constexpr, LAST: tl.constexpr, VEC: tl.constexpr,
    WIDE: tl.constexpr, FINE: tl.constexpr,
):  # fmt: skip
    """Tables of the sum of g and of g (x - centre) over each plane; centre None is 0."""
    C, P = vectors(C, P, LAST, VEC)
    task, n, c, inside = tile(N, C, NB, CB)
    at = task * N * C + (n * C + c)
    exact = tl.zeros((NB, CB), FINE)
    if centre is not None:
        exact = tl.load(centre + at, inside, 0.0)
    near = exact.to(WIDE)
    sums = tl.zeros((NB, CB), FINE)
    dots = tl.zeros((NB, CB), FINE)
    origin, rows = planes(task, N, C, P, NB, CB, LAST)
    for start in range(0, P, PB):
        where, there = pixels(rows, inside, start, C, P, PB, LAST)
        weights = tl.load(g + origin + where, there, 0.0).to(WIDE)
        values = tl.load(x + origin + where, there, 0.0).to(WIDE) - near[:, :, None]
        sums += tl.sum(weights, 2).to(FINE)
        dots += tl.sum(weights * values, 2).to(FINE)
    tl.store(total + at, sums, inside)
    tl.store(tilted + at, dots + (near.to(FINE) - exact) * sums, inside)


@triton.jit
def plane_affine(
    g, x, y, scale, centre, slope, constant, N, C, P,
    NB: tl.constexpr, CB: tl.constexpr, PB: tl.constexpr, LAST: tl.constexpr, VEC: tl.constexpr,
    WIDE: tl.constexpr, FINE: tl.constexpr,
):  # fmt: skip
    """y = g * scale + (x - centre) * slope + constant, tables per plane; what is None is 0."""
    C, P = vectors(C, P, LAST, VEC)
    task, n, c, inside = tile(N, C, NB, CB)
    at = task * N * C + (n * C + c)
    exact = tl.zeros((NB, CB), FINE)
    level = tl.zeros((NB, CB), FINE)
    if centre is not None:
        exact = tl.load(centre + at, inside, 0.0)
    if constant is not None:
        level = tl.load(constant + at, inside, 0.0)
    steep = tl.load(slope + at, inside, 0.0)
    near = exact.to(WIDE)
    level = (level + (near.to(FINE) - exact) * steep).to(WIDE)
    steep = steep.to(WIDE)
    if g is not None:
        by = tl.load(scale + at, inside, 0.0).to(WIDE)
    origin, rows = planes(task, N, C, P, NB, CB, LAST)
    for start in range(tl.program_id(2) * PB, P, tl.num_programs(2) * PB):
        where, there = pixels(rows, inside, start, C, P, PB, LAST)
        values = tl.load(x + origin + where, there, 0.0).to(WIDE)
        values = (values - near[:, :, None]) * steep[:, :, None] + level[:, :, None]
        if g is not None:
            values += tl.load(g + origin + where, there, 0.0).to(WIDE) * by[:, :, None]
        tl.store(y + origin + where, values, there)
