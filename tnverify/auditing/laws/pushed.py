"""Other targets that are sought, where drawing them at random may miss what they reach."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import torch

from tnverify.auditing.laws.declare import INDUCTIVE, AuditLaw, audit_law
from tnverify.auditing.laws.worlds import expect_alike, replaced, some
from tnverify.contract.outcomes import SaysNothing, SubjectRaised

if TYPE_CHECKING:
    from torch import Tensor

    from tnverify.auditing.asking import Asker
    from tnverify.auditing.task import AuditTask
    from tnverify.contract.draw import Draw

_STEPS = (0.5, 2.0, 8.0)
"""How far other targets are moved, in spreads of the data, one step after another."""


@audit_law(
    family="other_targets",
    kind="exact",
    claims=INDUCTIVE,
    once=True,
    why="A rule that takes confident predictions for labels reads other targets, but few of them.",
    remedy="Let no prediction of a target change what the next one is compared with.",
)
def confident_targets_leave_others_alone(asker: Asker, task: AuditTask, draw: Draw) -> None:
    """A prediction stays the same when other targets are moved to where they are predicted surely.

    They climb their own outputs by the gradient, in growing steps: what is read beyond a threshold
    of confidence alone shows nowhere else. Where there is no gradient the law says nothing.
    """
    changed = some(task, draw)
    targets = task.targets
    for step in _STEPS:
        direction = _uphill(asker, replace(task, targets=targets), changed)
        targets = targets.clone()
        targets[changed] += (step * task.spread * direction).to(targets)
        expect_alike(asker, replaced(task, changed, targets[changed]), "making other targets surer")


def _uphill(asker: Asker, task: AuditTask, changed: Tensor) -> Tensor:
    """(changed, *shape), for each target to change the direction in which its largest output grows
    beyond its others, of the size of one spread a value at most."""
    given = task.in_dtype(asker.driven.dtype)
    targets = given.targets.clone().requires_grad_()
    try:
        with torch.enable_grad():
            outputs = asker.session().fit(task).raw(replace(given, targets=targets))
            if not outputs.requires_grad or not outputs.is_floating_point():
                raise SaysNothing("its predictions have no gradient by their targets")
            rows = outputs[changed].flatten(1)
            (slope,) = torch.autograd.grad((rows.max(1).values - rows.mean(1)).sum(), targets)
    except (SubjectRaised, RuntimeError):
        raise SaysNothing("its predictions have no gradient by their targets") from None
    slope = slope[changed].detach().nan_to_num()
    largest = slope.flatten(1).abs().max(1).values.clamp_min(torch.finfo(slope.dtype).tiny)
    return slope / largest.reshape(-1, *[1] * (slope.dim() - 1))


LAWS: tuple[AuditLaw, ...] = (confident_targets_leave_others_alone,)
