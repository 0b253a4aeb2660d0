"""How far a leak goes: from how few targets on, where it enters and what it is worth."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch

from tnverify.auditing.asking import Asker, Pair
from tnverify.auditing.driving.outputs import NotRows
from tnverify.auditing.driving.recognise import task_of
from tnverify.auditing.settling import Undecided, settle
from tnverify.auditing.where import entry
from tnverify.auditing.worth import worth
from tnverify.contract.outcomes import SubjectRaised, Violation

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tnverify.contract.measured import Entry, Worth

_MOST_TRIED = 9
"""Targets with which the fewest that leak are sought at most."""


@dataclass(frozen=True, slots=True)
class Extent:
    """How far a leak goes."""

    from_targets: int | None = None
    enters: Entry | None = None
    worth: Worth | None = None


def extent_of(asker: Asker, leaks: Sequence[tuple[Pair, float]]) -> Extent:
    """From how few targets on the largest leak shows, where it enters and what it is worth."""
    pairs = sorted(leaks, key=lambda each: (not each[0].equal_shapes, -each[1]))
    pair = pairs[0][0]
    found = None
    with suppress(SubjectRaised, NotRows):
        found = entry(asker, pair)
    extent = Extent(_fewest(asker, pair), found)
    if asker.driven.kind != "learner":
        return extent
    more = max(8, len(asker.tasks))
    tasks = asker.tasks
    if tasks[0].number == 0 and len(tasks) < more and asker.options.budget.name != "quick":
        tasks = (*tasks, *(task_of(asker.driven, asker.options, n)
                           for n in range(len(tasks), more)))  # fmt: skip
    return replace(extent, worth=worth(asker, tasks))


def _fewest(asker: Asker, pair: Pair) -> int | None:
    """The fewest targets of which one reads another; None where it is not found."""
    if not pair.equal_shapes or pair.task.targets.shape != pair.other.targets.shape:
        return None
    differ = (pair.task.targets != pair.other.targets).flatten(1).any(1)
    kept, changed = pair.rows, differ.nonzero().flatten()
    order = torch.cat([kept[:1], changed, kept[1:]])
    only = torch.tensor([0])
    for count in range(2, min(_MOST_TRIED, len(order)) + 1):
        places = order[:count]
        small = Pair(pair.task.rows(places), pair.other.rows(places), only, only)
        try:
            if settle(asker, small).found == "reads":
                return count
        except (SubjectRaised, NotRows, Violation, Undecided):
            return None
    return None
