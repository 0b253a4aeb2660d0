"""Small tasks repeated until they are large: what a tile is, and what may differ by rounding."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch

from tnverify.contract import Run
from tnverify.tolerances import not_claimed, says_nothing

from .agreement import expect_alike
from .derived import noise

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
        """The large task. Its alpha is the small one's: the scale is divided as the context grew."""
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

    def filled(items: int, key: int) -> Tensor:
        return noise(task, task.context.new_empty((items, channels, *spatial)), key)

    turns = range(channels)
    parameters = replace(
        task.parameters,
        weight=tuple(_CYCLE[c % 5] + c // 5 / 4 for c in turns),
        bias=tuple(_SHIFTS[c % 5] + c // 5 / 4 for c in turns),
        scale=0.25,
        offset=-0.5,
    )
    return replace(
        task, context=filled(context, 61), targets=filled(targets, 62), parameters=parameters, past=()
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


def taken(norm: Prober, counts: Sequence[int]) -> list[int]:
    """Those of the counts of items that the layer takes; says nothing where there is none."""
    kept = [count for count in counts if norm.limits.take(items=count)]
    return kept or says_nothing("the layer takes none of these counts of items")
