"""Around the smallest failing task: at which sizes of each dimension it fails."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import torch

from tnverify.engine.results import Boundary

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from tnverify.contract.task import Task
    from tnverify.engine.results import Dimension

_SIZES = (1, 2, 3, 4, 5, 6, 8, 12)
_MOST_VALUES = 400_000
"""Values in both sets of a task that is made larger, at most."""

_AXES: dict[int, tuple[Dimension, ...]] = {
    0: (),
    1: ("length",),
    2: ("height", "width"),
    3: ("depth", "height", "width"),
}


def boundary(task: Task, fails: Callable[[Task], bool | None], step: int) -> tuple[Boundary, ...]:
    """Where the task fails and passes along each of its dimensions.

    `fails` is None where a task is no evidence, as one that the layer refuses: it did not pass.
    Each dimension is swept once with the others as they are; what is added is made from the
    task's own salt.
    """
    found = []
    for name, dim in _dimensions(task).items():
        unit = step if name == "channels" else 1
        resized = {size: _resized(task, name, dim, size) for size in _sizes(task, name, dim, unit)}
        verdicts = {
            size: fails(other)
            for size, other in resized.items()
            if size <= 12 * unit or other.context.numel() + other.targets.numel() <= _MOST_VALUES
        }
        ends = (tuple(s for s, v in verdicts.items() if v is end) for end in (True, False, None))
        found.append(Boundary(name, *ends))
    return tuple(found)


def _dimensions(task: Task) -> dict[Dimension, int]:
    axes = _AXES[len(task.spatial)]
    sets: dict[Dimension, int] = {"context": 0, "targets": 0, "channels": 1}
    return sets | {axis: 2 + place for place, axis in enumerate(axes)}


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
