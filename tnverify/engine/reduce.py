"""From a small failing task to one that reads well: items, channels and pixels are dropped,
then single values are made simple."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from torch import Tensor

    from tnverify.contract.task import Task

EVALUATIONS = 300
"""Evaluations that reduction may spend on one law."""

_MOST_VALUES = 64
"""Tasks with more values than this keep their values: they are shown by their plan."""


def reduce_task(task: Task, fails: Callable[[Task], bool], step: int) -> Task:
    """The simplest failing task that was found. `task` fails; so does what is returned.

    Channels are dropped in multiples of `step`.
    """
    left = EVALUATIONS
    best = task
    progress = True
    while progress:
        progress = False
        for simpler in _simpler(best, step):
            if left <= 0:
                break
            left -= 1
            if fails(simpler):
                best, progress = simpler, True
                break
    return best


def _simpler(task: Task, step: int) -> Iterator[Task]:
    yield from _with_less(task, step)
    yield from _with_plainer_parameters(task)
    if task.salt:
        yield replace(task, salt=0)
    if task.context.numel() + task.targets.numel() <= _MOST_VALUES:
        yield from _with_simpler_values(task)


def _with_less(task: Task, step: int) -> Iterator[Task]:
    for kept in _without_one(len(task.context), 1):
        yield task.with_sets(context=task.context[kept])
    for kept in _without_one(len(task.targets), 1):
        yield task.with_sets(targets=task.targets[kept])
    for kept in _without_one(task.channels, step):
        yield replace(
            _sliced(task, 1, kept),
            parameters=replace(
                task.parameters,
                weight=_picked(task.parameters.weight, kept),
                bias=_picked(task.parameters.bias, kept),
            ),
        )
    for axis, size in enumerate(task.spatial):
        for kept in _without_one(size, 1):
            yield _sliced(task, 2 + axis, kept)
    if task.past:
        yield replace(task, past=task.past[1:])


def _without_one(size: int, step: int) -> list[list[int]]:
    """Positions that remain when the last, or the first, `step` of them are dropped."""
    if size <= step:
        return []
    return [list(range(size - step)), list(range(step, size))]


def _sliced(task: Task, dim: int, kept: list[int]) -> Task:
    def pick(x: Tensor) -> Tensor:
        return x.index_select(dim, torch.tensor(kept, device=x.device)).contiguous()

    return replace(
        task,
        context=pick(task.context),
        targets=pick(task.targets),
        past=tuple((pick(c), pick(t)) for c, t in task.past),
    )


def _picked(values: tuple[float, ...] | None, kept: list[int]) -> tuple[float, ...] | None:
    return None if values is None else tuple(values[i] for i in kept)


def _with_plainer_parameters(task: Task) -> Iterator[Task]:
    parameters = task.parameters
    if parameters.weight is not None and set(parameters.weight) != {1.0}:
        yield task.with_parameters(weight=(1.0,) * len(parameters.weight))
    if parameters.bias is not None and set(parameters.bias) != {0.0}:
        yield task.with_parameters(bias=(0.0,) * len(parameters.bias))
    if parameters.spread:
        yield task.with_parameters(spread=0.0)
    for name in ("scale", "offset"):
        value = getattr(parameters, name)
        for plain in (0.0, 1.0, float(round(value))):
            if _is_simpler(plain, value):
                yield task.with_parameters(**{name: plain})


def _with_simpler_values(task: Task) -> Iterator[Task]:
    for name in ("context", "targets"):
        values: Tensor = getattr(task, name)
        for whole in (torch.zeros_like(values), values.round()):
            if not torch.equal(whole, values):
                yield task.with_sets(**{name: whole})
        flat = values.flatten().tolist()
        for position, value in enumerate(flat):
            for plain in (0.0, 1.0, -1.0, float(round(value)), value / 2):
                if _is_simpler(plain, value):
                    changed = values.clone()
                    changed.view(-1)[position] = plain
                    yield task.with_sets(**{name: changed})


def _is_simpler(plain: float, value: float) -> bool:
    def cost(x: float) -> tuple[bool, float, float]:
        return (not float(x).is_integer(), abs(x), -x)

    # Halving is worth it only for large numbers: 0.125 reads no better than 0.25.
    large = abs(value) > 2  # pragma: no mutate: half of two is whole
    return cost(plain) < cost(value) and (large or plain.is_integer())
