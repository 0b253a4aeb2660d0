"""How many targets there are, and in what batches and what order they come, does not matter."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from tnverify.auditing.asking import Pair
from tnverify.auditing.driving.outputs import NotRows
from tnverify.auditing.laws.declare import INDUCTIVE, AuditLaw, audit_law
from tnverify.auditing.laws.worlds import expect_alike, noise
from tnverify.auditing.settling import Undecided
from tnverify.contract.outcomes import SaysNothing, SubjectRaised, Violation

if TYPE_CHECKING:
    from torch import Tensor

    from tnverify.auditing.asking import Asker
    from tnverify.auditing.task import AuditTask
    from tnverify.contract.draw import Draw

FAMILY = "number_of_targets"
_WHY = "A score changes with the batch size of the evaluation, and nobody reports that."
_REMEDY = "Take no mean, maximum, sorting or padding over the targets of a batch."


@audit_law(family=FAMILY, kind="rounded", claims=INDUCTIVE, why=_WHY, remedy=_REMEDY)
def dropping_targets_does_not_matter(asker: Asker, task: AuditTask, draw: Draw) -> None:
    """A prediction stays the same, up to rounding, when other targets are left away."""
    kept = ~_several(task, draw)
    rows = kept.nonzero().flatten()
    pair = Pair(task, task.rows(rows), rows, torch.arange(len(rows)))
    expect_alike(asker, pair, f"leaving {task.count - len(rows)} other targets away")


@audit_law(family=FAMILY, kind="rounded", claims=INDUCTIVE, why=_WHY, remedy=_REMEDY)
def adding_targets_does_not_matter(asker: Asker, task: AuditTask, draw: Draw) -> None:
    """A prediction stays the same, up to rounding, when more targets are appended."""
    more = 1 + draw.index(2 * task.count)
    values = draw.uniform(task.targets.double()[:1].expand(more, *task.shape)).float()
    labels = torch.arange(more) % max(1, task.way)
    rows = torch.arange(task.count)
    pair = Pair(task, task.with_more(2 * task.spread * values, labels), rows, rows)
    expect_alike(asker, pair, f"appending {more} targets")


@audit_law(family=FAMILY, kind="rounded", claims=INDUCTIVE, why=_WHY, remedy=_REMEDY)
def a_target_alone_is_predicted_alike(asker: Asker, task: AuditTask, draw: Draw) -> None:
    """A batch of one target is nothing special: its prediction stays the same, up to rounding.

    An axis of length one is squeezed away, a variance over one item is zero, and a branch for one
    item is written and never tried.
    """
    if task.count < 2:
        raise SaysNothing("there is one target only")
    places = (draw.index(task.count), 0) if task.number == 0 else (draw.index(task.count),)
    for place in dict.fromkeys(places):
        alone = task.rows([place])
        pair = Pair(task, alone, torch.tensor([place]), torch.tensor([0]))
        try:
            expect_alike(asker, pair, "predicting a target alone")
        except NotRows as error:
            raise Violation(
                f"{error}, where {task.count} targets have a row each", symptom="form"
            ) from None
        except SubjectRaised as error:
            _expect_fixed_number(asker, task, error)


def _expect_fixed_number(asker: Asker, task: AuditTask, error: SubjectRaised) -> None:
    """Fail the law unless the subject refuses other numbers of targets too."""
    try:
        asker.answer(task.rows(range(task.count - 1)))
    except (SubjectRaised, NotRows):
        raise SaysNothing(f"it takes {task.count} targets alone") from None
    raise Violation(f"one target alone is refused: {error}", symptom="raised") from None


@audit_law(family=FAMILY, kind="rounded", claims=INDUCTIVE, why=_WHY, remedy=_REMEDY)
def any_batching_predicts_alike(asker: Asker, task: AuditTask, draw: Draw) -> None:
    """Targets in batches, the last one not full, are predicted as all at once, up to rounding.

    One learner is shown the context and predicts one batch after another, as an evaluation does.
    """
    size = 2 + draw.index(max(1, min(4, task.count - 2)))
    if task.count <= size:
        raise SaysNothing("there are too few targets for two batches")
    start = size * draw.index(task.count // size)
    last = task.count - (task.count % size or size)
    for first in dict.fromkeys((start, last)):
        places = list(range(first, min(task.count, first + size)))
        pair = Pair(task, task.rows(places), torch.tensor(places), torch.arange(len(places)))
        rest = f", the last one of {len(places)}" if len(places) < size else ""
        expect_alike(asker, pair, f"predicting in batches of {size}{rest}")


@audit_law(family=FAMILY, kind="rounded", claims=INDUCTIVE, why=_WHY, remedy=_REMEDY)
def the_order_of_targets_does_not_matter(asker: Asker, task: AuditTask, draw: Draw) -> None:
    """Predictions move with their targets, up to rounding, when these come in another order."""
    if task.count < 2:
        raise SaysNothing("there is one target only")
    if asker.draws_while_predicting:
        raise Undecided("it draws random numbers while it predicts, by a target's place")
    order = torch.tensor(draw.order(task.count))
    pair = Pair(task, task.rows(order), order, torch.arange(task.count))
    expect_alike(asker, pair, "taking the targets in another order")


@audit_law(family="online", kind="rounded", claims=("online",), why=_WHY)
def an_item_does_not_read_those_after_it(asker: Asker, task: AuditTask, draw: Draw) -> None:
    """A prediction stays the same when targets after it are replaced, and when they are dropped.

    What is claimed to be online may learn from every item that it has predicted, and from none
    that is still to come.
    """
    if task.count < 2:
        raise SaysNothing("one target has none after it")
    first = 1 + draw.index(task.count - 1)
    later = torch.arange(task.count) >= first
    rows = torch.arange(first)
    values = noise(task, later, draw)
    expect_alike(
        asker, Pair(task, task.with_rows(later, values), rows, rows), "replacing later targets"
    )
    expect_alike(asker, Pair(task, task.rows(rows), rows, rows), "dropping later targets")


def _several(task: AuditTask, draw: Draw) -> Tensor:
    if task.count < 2:
        raise SaysNothing("one target has no others")
    return draw.subset(task.count)


@audit_law(family="online", kind="exact", claims=("online",), once=True)
def reset_forgets_what_was_predicted(asker: Asker, task: AuditTask) -> None:
    """After `reset()` the same targets are predicted as they were at first.

    It says nothing of a subject that has no such method.
    """
    session = asker.session()
    reset = getattr(session.subject, "reset", None)
    if not callable(reset):
        raise SaysNothing("it has no method reset")
    first = session.answer(task)
    reset()
    again = session.answer(task)
    from tnverify.auditing.asking import differences, same_bits

    if not same_bits(first, again):
        moved = float(differences(first, again).max())
        raise Violation(f"after reset() outputs moved by {moved:.3g}", symptom="state")


LAWS: tuple[AuditLaw, ...] = (
    dropping_targets_does_not_matter,
    adding_targets_does_not_matter,
    a_target_alone_is_predicted_alike,
    any_batching_predicts_alike,
    the_order_of_targets_does_not_matter,
    an_item_does_not_read_those_after_it,
    reset_forgets_what_was_predicted,
)
