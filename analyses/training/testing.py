"""Accuracy task by task: validation, and the cells of the test."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from tnverify.analyses.learners import accuracy, predicted

if TYPE_CHECKING:
    from collections.abc import Callable

    from tnverify.analyses.learners import Learner
    from tnverify.analyses.tasks import ImageTask, TaskSource

    from .settings import Cell

Rows = dict[str, list[Any]]
"""Columns of `tasks/`."""

COLUMNS = ("configuration", "target_batching", "task", "accuracy", "way", "shot", "context")


@torch.no_grad()
def validated(learner: Learner, tasks: TaskSource, count: int, device: torch.device) -> float:
    """Mean accuracy, percent, on the first `count` tasks; the learner is in eval mode."""
    found = []
    for number in range(count):
        task = tasks[number].to(device)
        predict = learner.adapted(task.context, task.context_labels, task.way)
        found.append(accuracy(predict(task.targets), task.target_labels))
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
    for number in range(cell.tasks):
        task = tasks[number]
        accuracies = _accuracies(learner, cell, task, device)
        for batching, found in zip(cell.batchings, accuracies, strict=True):
            context = len(task.context_labels)
            row = (cell.name, batching, number, found, task.way, context / task.way, context)
            for column, value in zip(COLUMNS, row, strict=True):
                rows[column].append(value)
        tell(number + 1)
    return rows


def _accuracies(learner: Learner, cell: Cell, task: ImageTask, device: torch.device) -> list[float]:
    """Percent, for each batching of the cell."""
    task = task.to(device)
    predict = learner.adapted(task.context, task.context_labels, task.way)
    return [
        accuracy(predicted(predict, task.targets, task.target_labels, batching), task.target_labels)
        for batching in cell.batchings
    ]
