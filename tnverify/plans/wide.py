"""Wide plans: one dimension at a width where implementations change their ways, the others small.

Vector tails, blocks of 32, remainders of chunks, kernels chosen by size and counters of 16 bits
begin at such widths. All of them are in every corpus, whatever its seed.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from tnverify.plans.plan import Plan

if TYPE_CHECKING:
    from collections.abc import Iterator

CHANNELS = (7, 8, 9, 16, 31, 32, 33, 63, 64, 65, 96, 127, 128, 129, 256, 768, 1024, 1025)
SIDES = (1, 7, 14, 28, 32, 33, 56, 84)
ITEMS = (25, 32, 33, 64, 65, 75, 100, 128)

MANY = 1 << 16
"""Values beyond which a counter of 16 bits overflows."""

_PAIRED = ((33, 25, 7), (65, 33, 5), (127, 9, 14), (64, 128, 2), (31, 64, 3), (256, 25, 2))
"""Channels, context items and side that are wide together, in the larger profiles."""

# Apart by 1/64 and 1/32, so that those of no two channels are alike however often they go round.
_WEIGHTS = (1.0, -0.484375, 2.28125, 0.796875)
_BIASES = (0.25, -0.96875, 0.5625)
_DEAR = 1 << 14
"""Values in a plan from which on it has no past and its values are drawn the cheaper way."""
_NORMAL, _GRID = "normal", "grid"


def wide_plans(
    seed: int,
    *,
    rank: int = 2,
    step: int = 1,
    pairs: bool = False,
) -> list[Plan]:
    """Plans of which each has one wide dimension (two, in those that `pairs` adds).

    `rank` is the number of spatial dimensions. Channels are the next multiple of `step`. Values
    and their profiles alone depend on the seed. Every channel has a weight and a bias of its own.
    """
    shapes = [*_one_wide(rank, step)]
    if pairs:
        shapes += [(n, 3, c, _square(side, rank)) for c, n, side in _PAIRED]
    found: dict[Plan, None] = {}
    for number, (context, targets, channels, spatial) in enumerate(shapes):
        turn = seed + number
        count = step * -(-channels // step)
        is_dear = (context + targets) * count * math.prod(spatial) > _DEAR
        plan = Plan(
            context=context,
            targets=targets,
            channels=count,
            spatial=spatial,
            profile=_GRID if is_dear or turn % 4 == 3 else _NORMAL,
            seed=turn % 100,
            offset=(0.0, 0.0, 1.0, -3.0, 0.0)[turn % 5],
            scale=0.5 / 2 ** math.ceil(math.log2(context)),
            alpha_offset=-0.5,
            weight=_WEIGHTS,
            bias=_BIASES,
            past=0 if is_dear else turn % 2,
            distinct=True,
        )
        if not any(replace(plan, seed=p.seed) == p for p in found):
            found[plan] = None
    return list(found)


def _one_wide(rank: int, step: int) -> Iterator[tuple[int, int, int, tuple[int, ...]]]:
    """Context items, targets, channels and spatial shape of one plan after the other."""
    few = 2 * step
    for channels in CHANNELS:
        yield (3 if channels < 256 else 2, 2, channels, _square(2, rank))
    for side in SIDES if rank else ():
        yield (2, 3, few, _strip(side, rank))
        if rank > 1:
            yield (3, 2, few, _strip(side, rank)[::-1])
        if rank == 2 and 1 < side <= 56:
            yield (1, 1, few, (side, side))
    for items in ITEMS:
        yield (items, 3, few, _square(2, rank))
        yield (3, items, few, _square(2, rank))
    if rank == 0:
        yield (MANY + 1, 2, few, ())
        return
    # More values than a counter of 16 bits counts: in a channel, then in an item.
    yield (2, 1, step, _of_pixels(MANY // 2 + 1, rank))
    yield (1, 1, 5 * step, _of_pixels(MANY // (5 * step) + 1, rank))


def _square(side: int, rank: int) -> tuple[int, ...]:
    return (side,) * rank


def _strip(side: int, rank: int) -> tuple[int, ...]:
    """A shape whose first side is this long, the others short, no two alike."""
    return (side, 3 if side != 3 else 5, 2)[:rank]


def _of_pixels(pixels: int, rank: int) -> tuple[int, ...]:
    """A shape of at least so many pixels, as near to a square as its rank allows."""
    side = math.ceil(pixels ** (1 / rank))
    return (*_square(side, rank - 1), -(-pixels // side ** (rank - 1)))
