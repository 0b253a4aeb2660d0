"""Small tasks repeated until they are large: what a tile is, and what may differ by rounding."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch

from tnverify.contract import Draw, Run
from tnverify.tolerances import expect_close, not_claimed, says_nothing, unit

from .agreement import computed_in, expect_alike
from .derived import weights_for

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from tnverify.contract import Claims, Prober, Task

_CYCLE = (1.0, -0.5, 2.25, 12.0, 0.75)
_SHIFTS = (0.25, -1.0, 0.5, 11.0, -2.5)


@dataclass(frozen=True, slots=True)
class Tile:
    """Which channels, context items and targets of a task stand where, by their numbers.

    None leaves a dimension as it is. `times` is how often a value counts in the largest sum where
    it counted once: rounding may move outputs that much further.
    """

    channels: Sequence[int] | None = None
    context: Sequence[int] | None = None
    targets: Sequence[int] | None = None
    pixels: tuple[int, ...] = ()
    """How often maps are repeated along each of their sides."""
    times: int = 1

    def of(self, values: Tensor, items: Sequence[int] | None) -> Tensor:
        """A set of the small task, or its outputs, repeated."""
        if self.channels is not None:
            values = values[:, torch.as_tensor(self.channels)]
        if items is not None:
            values = values[torch.as_tensor(items)]
        return values.repeat(1, 1, *self.pixels) if self.pixels else values

    def of_run(self, run: Run) -> Run:
        return Run(self.of(run.context, self.context), self.of(run.targets, self.targets))

    def of_task(self, task: Task) -> Task:
        """The large task. Alpha stays: its scale is divided as the context grew."""
        parameters = task.parameters
        if self.channels is not None:
            weight, bias = (
                None if values is None else tuple(values[c] for c in self.channels)
                for values in (parameters.weight, parameters.bias)
            )
            parameters = replace(parameters, weight=weight, bias=bias)
        if self.context is not None:
            grown = len(self.context) / len(task.context)
            parameters = replace(parameters, scale=parameters.scale / grown)
        return replace(
            task,
            context=self.of(task.context, self.context),
            targets=self.of(task.targets, self.targets),
            past=tuple((self.of(c, None), self.of(t, None)) for c, t in task.past),
            parameters=parameters,
        )


def small(
    task: Task, *, context: int, targets: int, channels: int, spatial: tuple[int, ...]
) -> Task:
    """A task of these sizes with plain values, and a weight and bias of its own for each channel.

    Values are multiples of 1/8 between -4 and 4, so that rounding is small however large the
    task becomes. It has no past, whose moments would not repeat.
    """
    draw = Draw("the values of a tile", task.salt)

    def filled(items: int) -> Tensor:
        return draw.noise(task.context.new_empty((items, channels, *spatial)))

    turns = range(channels)
    parameters = replace(
        task.parameters,
        weight=tuple(_CYCLE[c % 5] + c // 5 / 4 for c in turns),
        bias=tuple(_SHIFTS[c % 5] + c // 5 / 4 for c in turns),
        scale=0.25,
        offset=-0.5,
    )
    return replace(
        task,
        context=filled(context),
        targets=filled(targets),
        parameters=parameters,
        past=(),
    )


def turned(count: int, times: int) -> list[int]:
    """The numbers below `count`, `times` over, every time in another turn."""
    return [(place + turn) % count for turn in range(times) for place in range(count)]


def expect_repeated(norm: Prober, task: Task, tiles: Sequence[Tile], what: str) -> None:
    """Outputs of every large task are those of the small one, repeated alike."""
    run, bound = norm.run(task), norm.bound(task)
    for tile in tiles:
        large = tile.of_task(task)
        # What rounding may do to either side; sums of the larger grew by no more than `times`.
        allowed = Run(*((1 + tile.times) * b for b in tile.of_run(bound)))
        shape = tuple(large.context.shape), tuple(large.targets.shape)
        expect_alike(
            norm.run(large),
            tile.of_run(run),
            allowed,
            f"of {what} (context {shape[0]}, targets {shape[1]}) against those of the small task",
        )


def expect_repeated_gradients(norm: Prober, task: Task, tiles: Sequence[Tile]) -> None:
    """Gradients of a loss on every large task are those of the same loss on the small one.

    A loss that weights the outputs repeats with them, and each copy of a value gets the gradient
    of the value. Where the context alone is repeated, its share of the loss is as many times as
    large: the targets' share is made so too, so that all of it grows alike.
    """
    draw = Draw("the weights of a loss on tiles", task.salt)
    ways = weights_for(draw, task.context), weights_for(draw, task.targets)
    once = _gradients(norm, task, *ways)
    room = _room(norm, task, ways)
    for tile in tiles:
        large = tile.of_task(task)
        grown = tile.times if tile.context is not None else 1
        found = _gradients(
            norm, large, tile.of(ways[0], tile.context), tile.of(ways[1], tile.targets) * grown
        )
        per_channel = 1 if tile.channels is not None else tile.times
        shape = tuple(large.context.shape)
        for name, came in found.items():
            wanted = once[name]
            if name in ("context", "targets"):
                wanted = tile.of(wanted, getattr(tile, name))
                factor, terms = (grown if name == "targets" else 1), grown
            else:
                wanted = wanted if tile.channels is None else wanted[torch.as_tensor(tile.channels)]
                factor = per_channel
                terms = per_channel * once["context"][:, 0].numel() * 2
            expect_close(
                came,
                wanted * factor,
                room * tile.times * terms,
                f"gradients by {name} of a repeated task (context {shape})",
                symptom="gradient",
            )


def _gradients(norm: Prober, task: Task, context: Tensor, targets: Tensor) -> dict[str, Tensor]:
    """Gradients of the weighted outputs by both sets, and by each channel's weight and bias."""
    probe = norm.fresh(task)
    leaves = {
        "context": task.context.clone().requires_grad_(True),
        "targets": task.targets.clone().requires_grad_(True),
    }
    for handle in ("weight", "bias"):
        if norm.has(handle) and probe.parameter(handle).requires_grad:
            leaves[handle] = probe.parameter(handle)
    outputs, state = probe.condition(leaves["context"])
    loss = (outputs * context).sum() + (probe.normalize(leaves["targets"], state) * targets).sum()
    found = probe.grad(loss, list(leaves.values()))
    by_name = dict(zip(leaves, found, strict=True))
    for handle in ("weight", "bias"):
        if handle in by_name:
            by_name[handle] = _by_channel(by_name[handle], task.channels)
    return by_name


def _by_channel(gradient: Tensor, channels: int) -> Tensor:
    """The gradient of a weight that may be spread over space, summed for each channel."""
    if gradient.numel() == channels:
        return gradient.reshape(channels)
    return gradient.flatten(1).sum(1)


def _room(norm: Prober, task: Task, ways: tuple[Tensor, Tensor]) -> float:
    """How far rounding may take a gradient on the small task.

    A gradient is v w / deviation less means of it and of its product with y: at most four terms
    of four factors, none of which errs by more than u (8 + n) (1 + |y| + kappa); and one over the
    deviation is at most kappa, for the values reach one.
    """
    answer = norm.expected(task)
    largest = max(abs(w) for w in task.parameters.weight or (1.0,))
    largest = max(largest, 1.0) * max(float(way.abs().max()) for way in ways)
    errs = 0.0
    for side in answer:
        spread = 1 + float(abs(side.normalized).max()) + float(side.kappa.max())
        errs = max(errs, (8 + side.count) * spread**3)
    computed = computed_in(norm, task)
    return 16 * unit(computed) * errs * largest


def spatial_of(task: Task, sides: tuple[int, int]) -> tuple[int, ...]:
    """Maps of these sides, of the rank that the task has: (P,), (H, W) or (H, W, 2)."""
    rank = len(task.spatial)
    return (*sides, 2)[:rank] if rank != 1 else (sides[0] * sides[1],)


def repeats(task: Task, times: tuple[int, int]) -> tuple[int, ...]:
    """How often maps of the task's rank are repeated along their sides."""
    rank = len(task.spatial)
    return (*times, 1)[:rank] if rank != 1 else (times[0] * times[1],)


def unless_counts_matter(claims: Claims) -> str | None:
    """Why a law about repeated values is not claimed: moments would change with their number."""
    if not claims.has_formula:
        return "inductive claims no formula, so counts may enter as the layer likes"
    if claims.variance == "unbiased":
        return "an unbiased variance changes with the number of values"
    return None


def expect_free_maps(norm: Prober) -> None:
    """Not claimed where the layer takes maps of one shape alone."""
    if norm.limits.spatial is not None or norm.limits.min_side > 1:
        not_claimed(f"the layer takes {norm.limits.in_words}")


def wide_enough(norm: Prober, channels: int) -> int:
    """So many channels, or the fewest that the layer takes."""
    step = int(norm.step)
    return max(channels, step * -(-norm.limits.min_channels // step))


def taken(norm: Prober, counts: Sequence[int]) -> list[int]:
    """Those of the counts of items that the layer takes; says nothing where there is none."""
    kept = [count for count in counts if norm.limits.take(items=count)]
    return kept or says_nothing("the layer takes none of these counts of items")
