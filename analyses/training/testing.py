"""Accuracy task by task: validation, and the cells of the test."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.func import vmap

from tnverify.analyses.learners import accuracy, predicted
from tnverify.analyses.tasks import stacked

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from torch import Tensor

    from tnverify.analyses.learners import Learner
    from tnverify.analyses.tasks import Company, ImageTask, TaskSource

    from .settings import Cell

Rows = dict[str, list[Any]]
"""Columns of `tasks/`."""

COLUMNS = ("configuration", "target_batching", "task", "accuracy", "way", "shot", "context")

TOGETHER = 8
"""So many tasks go through a learner in one launch where they are of one shape."""


@torch.no_grad()
def validated(learner: Learner, tasks: TaskSource, count: int, device: torch.device) -> float:
    """Mean accuracy, percent, on the first `count` tasks; the learner is in eval mode."""
    found = [
        of_task[0]
        for some in _in_groups(tasks, count)
        for of_task in accuracies(learner, some, ("all",), device)
    ]
    return float(np.mean(found))


@torch.no_grad()
def tested(
    learner: Learner,
    cell: Cell,
    tasks: TaskSource,
    device: torch.device,
    tell: Callable[[int], None],
) -> Rows:
    """A row for each task of a cell and way of batching its targets; the learner is in eval mode.

    The learner adapts to each task's context once. `tell` is called with the tasks done.
    """
    rows: Rows = {column: [] for column in COLUMNS}
    for some in _in_groups(tasks, cell.tasks):
        found = accuracies(learner, some, cell.batchings, device)
        for task, of_task in zip(some, found, strict=True):
            context = len(task.context_labels)
            for batching, percent in zip(cell.batchings, of_task, strict=True):
                row = (cell.name, batching, task.number, percent, task.way, context / task.way)
                for column, value in zip(COLUMNS, (*row, context), strict=True):
                    rows[column].append(value)
        tell(some[-1].number + 1)
    return rows


def accuracies(
    learner: Learner,
    tasks: Sequence[ImageTask],
    batchings: Sequence[Company],
    device: torch.device,
) -> list[list[float]]:
    """Percent, for each task and each way of batching its targets."""
    tasks = [task.to(device) for task in tasks]
    first, *others = tasks
    labels, target_labels = first.context_labels, first.target_labels

    def logits(context: Tensor, targets: Tensor) -> list[Tensor]:
        predict = learner.adapted(context, labels, first.way)
        return [predicted(predict, targets, target_labels, batching) for batching in batchings]

    if others and all(_alike(first, other) for other in others):
        stack = stacked(tasks)
        of_batchings = vmap(logits)(stack.context, stack.targets)
        of_tasks = list(zip(*of_batchings, strict=True))
        return [[accuracy(each, target_labels) for each in of_task] for of_task in of_tasks]
    if others:
        return [accuracies(learner, [task], batchings, device)[0] for task in tasks]
    return [[accuracy(each, target_labels) for each in logits(first.context, first.targets)]]


def _alike(one: ImageTask, other: ImageTask) -> bool:
    """Whether two tasks have the same labels, and so the same shapes."""
    return torch.equal(one.context_labels, other.context_labels) and torch.equal(
        one.target_labels, other.target_labels
    )


def _in_groups(tasks: TaskSource, count: int) -> Iterator[list[ImageTask]]:
    """The first `count` tasks, a few at a time."""
    for start in range(0, count, TOGETHER):
        yield tasks.tasks(range(start, min(start + TOGETHER, count)))
