"""Sizes: a small task repeated until it is large gives the small one's outputs, repeated.

What begins at a width (the tail of a vector, the second block of 32, the last piece of a chunk,
a kernel that is chosen by size, a counter of 16 bits, a cache that is keyed by shape) shows on no
small task. These laws need no formula's answer on large ones: the layer's own on a small one is
enough, and the laws of the other families have spoken about that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from tnverify.catalogue import law
from tnverify.contract import Run
from tnverify.tolerances import not_claimed

from .agreement import expect_alike, twice
from .tiles import (
    Tile,
    expect_free_maps,
    expect_repeated,
    expect_repeated_gradients,
    repeats,
    small,
    spatial_of,
    taken,
    turned,
    unless_counts_matter,
    wide_enough,
)
from .transductivity import unless_transductive

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor

    from tnverify.contract import Claims, Prober, Task

FAMILY = "sizes"
_WIDTHS = (7, 33, 64, 67, 140, 1025)
_MANY = (1 << 16) + 1
_MOST = 1 << 19
_BASES = (5, 3)
_ITEMS = {5: (5, 20), 3: (11, 43)}
"""How often contexts of so many items are repeated: to 25 and 100, and to 33 and 129."""
_TARGETS = {5: (13, 15), 3: (11, 43)}
"""How often targets of so many items are repeated: to 65 and 75, and to 33 and 129."""


def _unless_mixed_with_counts(claims: Claims) -> str | None:
    """Channels that are normalised together are counted together."""
    if claims.scheme.constant_moments:
        return "each channel has moments of its own, which do not repeat"
    mixes = claims.scheme.mixes_channels and claims.has_formula
    return unless_counts_matter(claims) if mixes else None


@law(
    family=FAMILY,
    kind="rounded",
    max_tasks=3,
    claimed=_unless_mixed_with_counts,
    source="eqs. (3) to (9): moments are of a channel, or of all channels of an item",
)
def repeated_channels_give_repeated_outputs(norm: Prober, task: Task) -> None:
    """Channels repeated with their weights, to 7, 33, 64, 67, 140 and 1,025, give repeated outputs.

    A violation means that something begins at a number of channels: a tail that the vector width
    leaves over, channels beyond the first block, a kernel for wide layers. A layer without a
    formula is asked where it keeps channels apart and treats them alike.
    """
    if norm.limits.channels is not None:
        not_claimed(f"the layer takes {norm.limits.channels} channels alone")
    step = norm.step
    times = 3 if step == 1 and norm.claims.scheme.name != "group_norm" else 2
    few = wide_enough(norm, step * times)
    base = small(task, context=2, targets=2, channels=few, spatial=_little(task))
    if not norm.claims.has_formula:
        _expect_exchangeable(norm, base)
    tiles = [tile for tile in (_channels(norm, base, width) for width in _WIDTHS) if tile]
    if not tiles:
        not_claimed("groups of more channels have no room for whole groups of few")
    expect_repeated(norm, base, tiles, "repeated channels")


def _little(task: Task) -> tuple[int, ...]:
    return (3, 2, 2)[: len(task.spatial)]


def _channels(norm: Prober, base: Task, width: int) -> Tile | None:
    """A tile of about so many channels; None where it would be none."""
    claims, few, step = norm.claims, base.channels, norm.step
    if claims.scheme.mixes_channels and claims.has_formula:
        times = max(2, -(-width // few))
        by_groups = claims.scheme.name == "group_norm"
        order = _by_groups(norm, base, times) if by_groups else turned(few, times)
        return None if order is None else Tile(channels=order, times=times)
    count = step * -(-width // step)
    if count <= few:
        return None
    tile = Tile(channels=turned(few, -(-count // few))[:count])
    if not claims.has_formula and not _keeps_apart(norm, tile.of_task(base)):
        not_claimed(f"the layer mixes channels where there are {count}")
    return tile


def _by_groups(norm: Prober, base: Task, times: int) -> list[int] | None:
    """An order of repeated channels in which every group has whole copies of one small group.

    None where groups of so many channels have no room for whole copies.
    """
    few = base.channels
    wide = Tile(channels=turned(few, times)).of_task(base)
    groups, more = (int(norm.fresh(each).parameter("groups")) for each in (base, wide))
    each, size = few // groups, few * times // more
    if size % each:
        return None
    order: list[int] = []
    for group in range(more):
        first = group % groups * each
        order += list(range(first, first + each)) * (size // each)
    return order


def _expect_exchangeable(norm: Prober, task: Task) -> None:
    """Not claimed unless channels are kept apart, and permuted with their weights like others."""
    if not _keeps_apart(norm, task):
        not_claimed("the layer does not keep channels apart")
    order = [*range(1, task.channels), 0]
    tile = Tile(channels=order)
    came, wanted = norm.run(tile.of_task(task)), tile.of_run(norm.run(task))
    allowed = twice(tile.of_run(norm.bound(task)))
    if any(bool(((a - b).abs() > t).any()) for a, b, t in zip(came, wanted, allowed, strict=True)):
        not_claimed("channels of the layer differ beyond their weights")


def _keeps_apart(norm: Prober, task: Task) -> bool:
    """Whether other values in the last channel leave the outputs of the others as they were."""

    def other(values: Tensor) -> Tensor:
        changed = values.clone()
        changed[:, -1] = values[:, -1] * -0.5 + 1
        return changed

    changed = norm.run(task.with_sets(other(task.context), other(task.targets)))
    pairs = zip(norm.run(task), changed, strict=True)
    return all(torch.equal(a[:, :-1], b[:, :-1]) for a, b in pairs)


def _unless_items_matter(claims: Claims) -> str | None:
    if claims.scheme.name == "reptile_norm":
        return "in reptile_norm an item weighs the less the more context items there are"
    return unless_counts_matter(claims)


@law(
    family=FAMILY,
    kind="rounded",
    max_tasks=3,
    claimed=_unless_items_matter,
    source="section 4.1, eqs. (3), (4): a context's moments; section 4.2: alpha by its size",
)
def repeated_context_items_change_nothing(norm: Prober, task: Task) -> None:
    """A context repeated to 25, 33, 100 and 129 items gives the same outputs, repeated.

    Alpha's scale is divided as the context grows, so alpha stays. A violation means that items
    are taken in pieces and the last piece is dropped or weighs too much, or that a way of its
    own is taken for large contexts or for one count of items.
    """
    for few in taken(norm, _BASES):
        base = small(task, context=few, targets=2, channels=task.channels, spatial=_little(task))
        if norm.claims.scheme.blends:
            norm.expected(base)  # not claimed where nothing is known of alpha
        times = [t for t in _ITEMS[few] if norm.limits.take(items=few * t)]
        tiles = [Tile(context=turned(few, t), times=t) for t in times]
        expect_repeated(norm, base, tiles, "a repeated context")


def _unless_targets_are_counted(claims: Claims) -> str | None:
    if unless_transductive(claims) is None:
        return None
    return unless_counts_matter(claims)


@law(
    family=FAMILY,
    kind="rounded",
    max_tasks=3,
    claimed=_unless_targets_are_counted,
    source="section 2.3, eq. (5): a prediction is of one target, however many there are",
)
def repeated_targets_give_repeated_outputs(norm: Prober, task: Task) -> None:
    """Targets repeated to 33, 65, 75 and 129 items give repeated outputs.

    A violation means that large target sets are cut in pieces of which one is treated
    differently, that a buffer is too small, or that they take a way of their own.
    """
    for few in taken(norm, _BASES):
        base = small(task, context=few, targets=few, channels=task.channels, spatial=_little(task))
        times = [t for t in _TARGETS[few] if norm.limits.take(items=few * t)]
        # The sums of a layer that reads the other targets, as it claims, grow with them.
        alone = unless_transductive(norm.claims) is None
        tiles = [Tile(targets=turned(few, t), times=1 if alone else t) for t in times]
        expect_repeated(norm, base, tiles, "repeated targets")


@law(
    family=FAMILY,
    kind="rounded",
    max_tasks=3,
    claimed=unless_counts_matter,
    source="eqs. (3) to (9): moments over positions, however many there are",
)
def repeated_maps_give_repeated_outputs(norm: Prober, task: Task) -> None:
    """Maps repeated to 35 by 35, 85 by 84 and strips of 5 by 84 give repeated outputs.

    A violation means that large maps are summed in blocks of which the last is left out, or take
    another way. Sums that lose digits on large maps show too.
    """
    if not task.spatial:
        not_claimed("the layer takes no maps")
    expect_free_maps(norm)
    for sides, times in (((5, 7), ((7, 5), (17, 12))), ((5, 7), ((1, 12),))):
        items = min(taken(norm, (1, 2, 4, 8)))
        spatial = spatial_of(task, sides)
        channels = wide_enough(norm, min(task.channels, int(2 * norm.step)))
        base = small(task, context=items, targets=items, channels=channels, spatial=spatial)
        tiles = [Tile(pixels=repeats(task, t), times=t[0] * t[1]) for t in times]
        expect_repeated(norm, base, tiles, "repeated maps")


@law(
    family=FAMILY,
    kind="rounded",
    max_tasks=1,
    claimed=unless_counts_matter,
    source="eqs. (3) to (9): moments over values, however many there are",
)
def more_than_65536_values_are_counted(norm: Prober, task: Task) -> None:
    """More than 65,536 values in a channel, and in an item, give repeated outputs.

    A violation means that something counts in 16 bits, or that a grid of threads has an end:
    activations of real networks have such sizes.
    """
    expect_free_maps(norm)
    items = min(taken(norm, (2, 3, 4, 8)))
    if not task.spatial:
        base = small(
            task,
            context=items,
            targets=items,
            channels=wide_enough(norm, int(norm.step)),
            spatial=(),
        )
        times = -(-_MANY // items)
        tile = Tile(context=turned(items, times), times=times)
        if _unless_items_matter(norm.claims) is not None:
            not_claimed("a context of vectors grows by its items alone")
        expect_repeated(norm, base, [tile], "so many vectors")
        return
    spatial = spatial_of(task, (5, 7))
    each = torch.Size(spatial).numel()
    alone = min(taken(norm, (1, 2, 4, 8)))
    # Of a channel the values of all items count, of an item those of all channels.
    few, more = (wide_enough(norm, int(count * norm.step)) for count in (1, 4))
    sizes = ((items, few, items), (alone, more, more))
    spoke = False
    for count, channels, alike in sizes:
        times = -(-_MANY // (each * alike))
        along = int(times**0.5) + 1
        across = -(-times // along)
        if count * channels * each * along * across > _MOST:
            continue  # of a great width: fewer pixels are enough, and come next
        spoke = True
        tile = Tile(pixels=repeats(task, (along, across)), times=along * across)
        base = small(task, context=count, targets=count, channels=channels, spatial=spatial)
        expect_repeated(norm, base, [tile], f"maps with over {_MANY - 1:,} values")
    if not spoke:
        not_claimed("so many values of so many channels would take too long")


@law(
    family=FAMILY,
    kind="rounded",
    max_tasks=3,
    claimed=lambda claims: (
        None if claims.has_formula else "inductive claims no formula, so places may matter"
    ),
    source="eqs. (3) to (9): moments over positions, whatever the shape of the map",
)
def maps_of_width_one_are_like_any_other(norm: Prober, task: Task) -> None:
    """Maps folded to a single column, or a single row, give the outputs of the maps, folded.

    Both small maps and long strips are folded. A violation means that a side of one is taken for
    another axis, is squeezed away, or makes strides that a kernel misreads.
    """
    rank = len(task.spatial)
    if rank < 2:
        not_claimed("the layer takes no maps with two sides")
    expect_free_maps(norm)
    items = min(taken(norm, (2, 3, 4, 8)))
    for sides in ((3, 2), (25, 42)):
        spatial = (*sides, 2)[:rank]
        channels = wide_enough(norm, min(task.channels, int(3 * norm.step)))
        base = small(task, context=items, targets=items, channels=channels, spatial=spatial)
        run, bound = norm.run(base), norm.bound(base)
        pixels = torch.Size(spatial).numel()
        for fold in ((pixels, *(1,) * (rank - 1)), (*(1,) * (rank - 1), pixels)):

            def folded(values: Tensor, shape: tuple[int, ...] = fold) -> Tensor:
                return values.reshape(*values.shape[:2], *shape)

            flat = base.with_sets(folded(base.context), folded(base.targets))
            expect_alike(
                norm.run(flat),
                Run(*map(folded, run)),
                twice(Run(*map(folded, bound))),
                f"of maps {spatial} folded to {fold}",
            )


def _unless_gradients_are_cut(claims: Claims) -> str | None:
    return unless_counts_matter(claims) or _unless_items_matter(claims)


@law(
    family=FAMILY,
    kind="rounded",
    lanes=("float64",),
    max_tasks=2,
    claimed=_unless_gradients_are_cut,
    source="eq. (2): a repeated loss has repeated gradients",
)
def repeated_tasks_have_repeated_gradients(norm: Prober, task: Task) -> None:
    """Gradients by inputs, weight and bias repeat with channels, context items and maps.

    Forward may be right and backward wrong: gradients of weights are summed over rows in blocks
    of which the last is lost, or channels beyond a block get none. Training then goes astray on
    large batches alone.
    """
    few = 3 if norm.step == 1 and norm.claims.scheme.name != "group_norm" else 2
    channels = wide_enough(norm, int(norm.step * few))
    spatial = spatial_of(task, (5, 3))
    items = min(taken(norm, (3, 4, 8)))
    if norm.limits.channels is not None:
        channels = norm.limits.channels
    base = small(task, context=items, targets=items, channels=channels, spatial=spatial)
    expect_repeated_gradients(norm, base, list(_in_all_ways(norm, base)))


def _in_all_ways(norm: Prober, base: Task) -> Iterator[Tile]:
    """Tiles of channels, of context items and of maps, where the layer takes them."""
    items = len(base.context)
    if norm.limits.channels is None and not norm.claims.scheme.constant_moments:
        for width in (67, 1025):
            tile = _channels(norm, base, width)
            if tile is not None:
                yield tile
    for times in (11, 43):
        if norm.limits.take(items=items * times):
            yield Tile(context=turned(items, times), times=times)
    if base.spatial and norm.limits.spatial is None and norm.limits.min_side < 4:
        along = repeats(base, (7, 5))
        yield Tile(pixels=along, times=35)


LAWS = (
    repeated_channels_give_repeated_outputs,
    repeated_context_items_change_nothing,
    repeated_targets_give_repeated_outputs,
    repeated_maps_give_repeated_outputs,
    more_than_65536_values_are_counted,
    maps_of_width_one_are_like_any_other,
    repeated_tasks_have_repeated_gradients,
)
