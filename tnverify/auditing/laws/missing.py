"""What is missing in a target is made up for without the other targets."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from tnverify.auditing.laws.declare import INDUCTIVE, AuditLaw, audit_law
from tnverify.auditing.laws.worlds import expect_alike, noise, replaced, some
from tnverify.contract.outcomes import SaysNothing, SubjectRaised

if TYPE_CHECKING:
    from tnverify.auditing.asking import Asker
    from tnverify.auditing.task import AuditTask
    from tnverify.contract.draw import Draw

FAMILY = "other_targets"


@audit_law(family=FAMILY, kind="exact", claims=INDUCTIVE,
           why="A row with a gap is answered by the rows that happen to stand beside it.",
           remedy="Take what fills a gap from the context: fit the imputer there.")  # fmt: skip
def a_missing_value_is_not_filled_from_other_targets(
    asker: Asker, task: AuditTask, draw: Draw
) -> None:
    """A prediction stays the same when other targets are replaced, also where a value is missing.

    It says nothing of a subject that takes no missing values: one that refuses NaN, or answers
    with it.
    """
    changed = some(task, draw)
    targets = task.targets.clone()
    for row in (~changed).nonzero().flatten().tolist():
        flat = targets[row].reshape(-1)
        flat[draw.index(len(flat))] = torch.nan
        targets[row] = flat.reshape(task.shape)
    holed = task.with_rows(torch.ones(task.count, dtype=torch.bool), targets)
    try:
        usual = asker.answer(holed)
    except SubjectRaised as error:
        raise SaysNothing(f"it refuses missing values: {error}") from None
    if not bool(usual[~changed].double().isfinite().all()):
        raise SaysNothing("it answers a missing value with numbers that are not finite")
    expect_alike(
        asker,
        replaced(holed, changed, noise(task, changed, draw)),
        "replacing other targets, where a value is missing",
    )


LAWS: tuple[AuditLaw, ...] = (a_missing_value_is_not_filled_from_other_targets,)
