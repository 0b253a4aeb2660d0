"""How far the rounding of alpha reaches into the deviation that values are divided by.

Where alpha saturates, 1 - alpha cancels; and where then the moments that it weighs have much the
larger variance, the pooled variance errs by that share. Outputs show little of it if they are
small, but derivatives are divided by the same deviation.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from .agreement import tensor

if TYPE_CHECKING:
    from torch import Tensor

    from tnverify.contract import Prober, Task

_SATURATED = 64.0
"""sigmoid(64) is one in every dtype."""


def deviation_errors(norm: Prober, task: Task, unit: float) -> tuple[Tensor, Tensor]:
    """The largest relative error of the deviations of the context's items and of the targets', each
    (items, channels, 1, ...), that alpha's own rounding in a dtype of this unit causes.

    With the pooled variance v(a) = a v(1) + (1 - a) v(0) + a (1 - a) d^2 of eq. (11) it is
    |dv/da| da / 2 (v + eps), where alpha errs by da = u (4 a + 2 a (1 - a) |logit|) as in the
    bound of outputs. Zero where nothing is blended. Raises NotClaimed without a formula.
    """
    here = norm.expected(task)
    if not norm.claims.scheme.blends:
        zeros = torch.zeros((), dtype=torch.float64, device=task.device)
        return zeros, zeros
    given = task.parameters
    logit = abs(given.scale) * len(task.context) + abs(given.offset)
    ends = [
        norm.expected(task.with_parameters(scale=0.0, offset=offset))
        for offset in (_SATURATED, -_SATURATED, 0.0)
    ]
    found = []
    for name in ("context", "targets"):
        part = getattr(here, name)
        alpha, var = tensor(part.alpha, task.context), tensor(part.var, task.context)
        one, zero, half = (tensor(getattr(end, name).var, task.context) for end in ends)
        between = 4 * half - 2 * (one + zero)
        slope = (one - zero + (1 - 2 * alpha) * between).abs()
        error = unit * (4 * alpha + 2 * alpha * (1 - alpha) * logit)
        found.append(slope * error / (2 * (var + norm.eps)))
    return found[0], found[1]
