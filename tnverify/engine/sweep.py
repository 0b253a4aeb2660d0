"""Around the smallest failing task: where each dimension starts and stops to fail."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from tnverify.contract.task import Task

_SIZES = (1, 2, 3, 4, 5, 6, 8, 12)
_UNITS = (2, 3, 4, 8, 16, 32, 64)
_MOST_VALUES = 400_000
"""Values in both sets of a task that is made larger, at most."""

_WORDS = {
    "context": ("context item", "context items"),
    "targets": ("target", "targets"),
    "channels": ("channel", "channels"),
    "height": ("row", "rows"),
    "width": ("column", "columns"),
    "depth": ("slice", "slices"),
    "length": ("pixel", "pixels"),
}
_AXES: dict[int, tuple[str, ...]] = {
    0: (),
    1: ("length",),
    2: ("height", "width"),
    3: ("depth", "height", "width"),
}


def boundary(task: Task, fails: Callable[[Task], bool | None], step: int) -> dict[str, str]:
    """Dimension -> a sentence such as `fails for 4 or more context items, passes for 1 to 3`.

    `fails` is None where a task is no evidence, as one that the layer refuses: it did not pass.
    Each dimension is swept once with the others as they are; what is added is made from the
    task's own salt.
    """
    found = {}
    for name, dim in _dimensions(task).items():
        unit = step if name == "channels" else 1
        resized = {size: _resized(task, name, dim, size) for size in _sizes(task, name, dim, unit)}
        verdicts = {
            size: fails(other)
            for size, other in resized.items()
            if size <= 12 * unit or other.context.numel() + other.targets.numel() <= _MOST_VALUES
        }
        found[name] = _sentence(verdicts, *_WORDS[name])
    return found


def _dimensions(task: Task) -> dict[str, int]:
    axes = _AXES[len(task.spatial)]
    return {"context": 0, "targets": 0, "channels": 1} | {a: 2 + i for i, a in enumerate(axes)}


def _sizes(task: Task, name: str, dim: int, unit: int) -> list[int]:
    """Small sizes; where the task's own is larger, also those around it and around its double."""
    own = (task.targets if name == "targets" else task.context).shape[dim] // unit
    around = (own // 2, own - 1, own, own + 1, own + own // 2, 2 * own) if own > _SIZES[-1] else ()
    return sorted({size * unit for size in (*_SIZES, *around)})


def _resized(task: Task, name: str, dim: int, size: int) -> Task:
    if name == "context":
        return task.with_sets(context=_grown(task, task.context, dim, size))
    if name == "targets":
        return task.with_sets(targets=_grown(task, task.targets, dim, size))
    parameters = task.parameters
    if name == "channels":
        parameters = replace(
            parameters,
            weight=_cycled(parameters.weight, size),
            bias=_cycled(parameters.bias, size),
        )
    return replace(
        task,
        context=_grown(task, task.context, dim, size),
        targets=_grown(task, task.targets, dim, size),
        past=tuple((_grown(task, c, dim, size), _grown(task, t, dim, size)) for c, t in task.past),
        parameters=parameters,
    )


def _grown(task: Task, x: Tensor, dim: int, size: int) -> Tensor:
    if size <= x.shape[dim]:  # pragma: no mutate: where it is equal nothing would be added
        return x.narrow(dim, 0, size).contiguous()
    shape = list(x.shape)
    shape[dim] = size - x.shape[dim]
    key = 97 + dim  # pragma: no mutate: any key that is no law's
    return torch.cat([x, task.noise(x.new_empty(shape), key)], dim)


def _cycled(values: tuple[float, ...] | None, size: int) -> tuple[float, ...] | None:
    return None if not values else tuple(values[i % len(values)] for i in range(size))


def _sentence(verdicts: dict[int, bool | None], one: str, many: str) -> str:
    sizes = sorted(verdicts)
    failing = [s for s in sizes if verdicts[s]]
    passing = [s for s in sizes if verdicts[s] is False]
    open_ = [s for s in sizes if verdicts[s] is None]
    if len(failing) == len(sizes) or len(passing) == len(sizes):
        word = "fails" if failing else "passes"
        return f"{word} for {sizes[0]} to {sizes[-1]} {many}"

    for unit in _UNITS:
        multiples = [size for size in sizes if size % unit == 0 and size not in open_]
        if len(multiples) > 1 and len(failing) > 2:
            if passing == multiples:
                return f"fails unless the number of {many} is a multiple of {unit}"
            if failing == multiples and len(passing) > 2:
                return f"fails where the number of {many} is a multiple of {unit}"

    def span(chosen: list[int]) -> str:
        whole = [s for s in sizes if chosen[0] <= s <= chosen[-1]]
        if whole != chosen:
            return ", ".join(map(str, chosen)) + f" {many}"
        if len(chosen) == 1 and chosen[-1] != sizes[-1]:
            return f"{chosen[0]} {one if chosen[0] == 1 else many}"
        if chosen[-1] == sizes[-1]:
            return f"{chosen[0]} or more {many}"
        return f"{chosen[0]} to {chosen[-1]} {many}"

    said = (("fails", failing), ("passes", passing), ("cannot be decided", open_))
    first, *others = [f"{word} for {span(chosen)}" for word, chosen in said if chosen]
    return ", ".join((first, *(other.removesuffix(f" {many}") for other in others)))
