"""What a leak is worth: accuracy with the targets together, by class and one at a time."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch

from tnverify.auditing.driving.outputs import NotRows
from tnverify.contract.measured import Worth
from tnverify.contract.outcomes import SubjectRaised

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from tnverify.auditing.asking import Asker
    from tnverify.auditing.task import AuditTask

_T95 = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262)
"""Student's t at 97.5 % for 1 to 9 degrees of freedom; 2 beyond."""


def worth(asker: Asker, tasks: Sequence[AuditTask]) -> Worth | None:
    """Return the accuracies over the tasks, paired; None where outputs tell no class.

    The same learner that was shown a context predicts one batch after another, as an evaluation
    does.
    """
    found = []
    for task in tasks:
        try:
            one = _accuracies(asker, task)
        except (SubjectRaised, NotRows):
            continue
        if one is None:
            return None
        found.append(one)
    if not found:
        return None
    together, by_class, alone = (sum(column) / len(found) for column in zip(*found, strict=True))
    lost = [each[0] - each[2] for each in found]
    mean = sum(lost) / len(lost)
    half = _half_width(lost, mean)
    return Worth(together, by_class, alone, mean, mean - half, mean + half, len(found))


def _half_width(values: Sequence[float], mean: float) -> float:
    count = len(values)
    if count < 2:
        return 100.0  # one task says nothing of others
    spread = math.sqrt(sum((value - mean) ** 2 for value in values) / (count - 1))
    t = _T95[count - 2] if count - 2 < len(_T95) else 2.0
    return t * spread / math.sqrt(count)


def _accuracies(asker: Asker, task: AuditTask) -> tuple[float, float, float] | None:
    labels = task.target_labels
    batches = {
        "together": [torch.arange(task.count)],
        "by_class": [(labels == c).nonzero().flatten() for c in sorted(set(labels.tolist()))],
        "alone": [torch.tensor([place]) for place in range(task.count)],
    }
    found = []
    for parts in batches.values():
        session = asker.session().fit(task)
        right = 0
        for places in parts:
            guessed = classes_of(session.predict(task.rows(places)), task.way)
            if guessed is None:
                return None
            right += int((guessed == labels[places]).sum())
        found.append(100.0 * right / task.count)
    return found[0], found[1], found[2]


def classes_of(outputs: Tensor, way: int) -> Tensor | None:
    """The class that each row predicts; None where outputs tell none."""
    if outputs.dim() == 1 and not outputs.is_floating_point():
        return outputs
    if outputs.dim() == 2 and outputs.shape[1] == way and way > 1:
        return outputs.argmax(1)
    return None
