"""What the labels of a context mean to its predictions, and that those of targets mean nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import torch

from tnverify.auditing.asking import Pair, differences, same_bits
from tnverify.auditing.laws.declare import AuditLaw, audit_law
from tnverify.auditing.laws.worlds import ask_anew, expect_alike
from tnverify.auditing.worth import classes_of
from tnverify.contract.outcomes import SaysNothing, Violation

if TYPE_CHECKING:
    from torch import Tensor

    from tnverify.auditing.asking import Asker
    from tnverify.auditing.task import AuditTask
    from tnverify.contract.draw import Draw

FAMILY = "labels"
_LEARNERS = ("learner",)
_FAR = 2.0**-7
"""The share of their spread by which outputs may differ where columns move: solvers stop at a
tolerance of their own."""


@audit_law(family=FAMILY, kind="exact", asks=_LEARNERS, once=True,
           why="The score says nothing of what is learnt from the context.")  # fmt: skip
def the_labels_of_the_context_are_used(asker: Asker, task: AuditTask, draw: Draw) -> None:
    """Predictions change on some task when the labels of the context are dealt out at random.

    A learner that answers alike whatever the labels are has learnt nothing from them: what it
    scores comes from elsewhere.
    """
    if _columns(asker.answer(task)) < 2:
        raise SaysNothing("its outputs tell no class")
    asked = [each for each in asker.tasks if len(set(each.labels.tolist())) > 1]
    if not asked:
        raise SaysNothing("the context has one class")
    for each in asked:
        usual = asker.answer(each)
        if classes_of(usual, each.way) is None:
            raise SaysNothing("its outputs tell no class, and may not be about labels")
        for _ in range(3):
            labels = each.labels[torch.tensor(draw.order(len(each.labels)))]
            if torch.equal(labels, each.labels):
                continue
            if not same_bits(usual, asker.answer(each.with_context(each.context, labels))):
                return
    raise Violation("no prediction changed with the labels of the context", symptom="value",
                    expected="a change", actual="no change")  # fmt: skip


@audit_law(family=FAMILY, kind="rounded", asks=_LEARNERS, level="should")
def renaming_classes_moves_the_columns(asker: Asker, task: AuditTask, draw: Draw) -> None:
    """When classes are renamed in the context, the columns of the outputs are renamed alike.

    A head that was learnt in meta-training for each column breaks this by design.
    """
    _expect_no_draws(asker)
    usual = asker.answer(task)
    if task.way < 2 or usual.dim() != 2 or usual.shape[1] != task.way:
        raise SaysNothing("its outputs have no column a class")
    names = torch.tensor(draw.order(task.way))
    renamed = asker.answer(task.with_context(task.context, names[task.labels]))
    moved, spread = float(differences(usual, renamed[:, names]).max()), _spread(usual)
    if moved > _FAR * spread:
        raise Violation(
            f"with classes renamed, outputs move by {moved:.3g} beside the order of columns",
            effect=moved,
        )


def _expect_no_draws(asker: Asker) -> None:
    """Nothing is said of a learner that draws random numbers for its context: others for others."""
    if asker.draws_while_fitting:
        raise SaysNothing("it draws random numbers for its context")


def _columns(outputs: Tensor) -> int:
    """How many values a target has, where they may be one a class; 2 for a class by itself."""
    if not outputs.is_floating_point():
        return 2
    return outputs.shape[1] if outputs.dim() > 1 else 1


def _spread(values: Tensor) -> float:
    found = values.double()[values.double().isfinite()]
    return float(found.max() - found.min()) if found.numel() else 0.0


@audit_law(family=FAMILY, kind="exact", asks=_LEARNERS,
           why="The score is measured on answers that the learner was given.",
           remedy="Hand the labels of targets to the loss alone.")  # fmt: skip
def the_labels_of_targets_do_not_reach_predictions(
    asker: Asker, task: AuditTask, draw: Draw
) -> None:
    """Predictions stay the same when the labels of the targets that it is handed are replaced.

    They are replaced by unbalanced random ones: to exchange balanced ones may move nothing.
    """
    if not asker.driven.hands_labels:
        raise SaysNothing("it is not handed the labels of targets")
    drawn = torch.tensor([draw.index(max(1, task.way - 1)) for _ in range(task.count)])
    rows = torch.arange(task.count)
    for labels in (drawn, torch.zeros_like(drawn)):
        other = replace(task, target_labels=labels)
        expect_alike(asker, Pair(task, other, rows, rows), "replacing the labels of targets")


@audit_law(family="context", kind="exact", asks=_LEARNERS, once=True,
           why="It is no few-shot learner: it answers alike whatever it is shown.")  # fmt: skip
def the_context_is_used(asker: Asker, task: AuditTask, draw: Draw) -> None:
    """Predictions change on some task when the items of the context are replaced."""
    if not task.context.is_floating_point():
        raise SaysNothing("items are whole numbers, which are not moved")
    for each in asker.tasks:
        usual = asker.answer(each)
        noise = (2 * draw.uniform(each.context) - 1) * 2 * each.spread
        for context in (noise, each.context + noise, each.context.flip(0)):
            if not same_bits(usual, asker.answer(each.with_context(context, each.labels))):
                return
    raise Violation("no prediction changed with the items of the context", symptom="value",
                    expected="a change", actual="no change")  # fmt: skip


@audit_law(family="context", kind="rounded", asks=_LEARNERS, level="should")
def the_order_of_the_context_does_not_matter(asker: Asker, task: AuditTask, draw: Draw) -> None:
    """Predictions stay the same, up to rounding, when the context comes in another order.

    A learner that takes the context to be sorted by class predicts wrongly, and silently, where it
    is not. One that is trained item by item may mean its order.
    """
    if len(task.labels) < 2:
        raise SaysNothing("the context has one item")
    order = torch.tensor(draw.order(len(task.labels)))
    other = task.with_context(task.context[order], task.labels[order])
    _expect_no_draws(asker)
    usual = asker.answer(task)
    moved, spread = float(differences(usual, asker.answer(other)).max()), _spread(usual)
    whole = not usual.is_floating_point()
    if moved > (0 if whole else _FAR * spread):
        raise Violation(
            f"taking the context in another order, outputs move by {moved:.3g}", effect=moved
        )


@audit_law(family="context", kind="rounded", asks=_LEARNERS, level="should")
def contexts_of_any_size_give_finite_predictions(asker: Asker, task: AuditTask) -> None:
    """A context of one class with more items than others is answered with numbers.

    What is refused with an error is refused; NaN where numbers are asked for is not.
    """
    if len(task.labels) <= task.way:
        raise SaysNothing("the context has one item a class")
    first = (task.labels == 0).nonzero().flatten()
    kept = torch.ones(len(task.labels), dtype=torch.bool)
    kept[first[1:]] = False
    usual = asker.answer(task)
    answer = ask_anew(asker, task.with_context(task.context[kept], task.labels[kept]))
    if answer is None:
        raise SaysNothing("it refuses a context whose classes differ in size")
    if bool(usual.double().isfinite().all()) and not bool(answer.double().isfinite().all()):
        raise Violation("outputs are not finite where one class has one item", symptom="not_finite")


@audit_law(family="context", kind="rounded", asks=_LEARNERS, level="should")
def one_class_of_targets_is_predicted_alike(asker: Asker, task: AuditTask) -> None:
    """Targets of one class alone are predicted as they are among others, up to rounding."""
    rows = (task.target_labels == task.target_labels[0]).nonzero().flatten()
    if len(rows) == task.count:
        raise SaysNothing("all targets are of one class")
    if asker.options.held_to not in ("inductive", "bitwise"):
        raise SaysNothing("targets may read one another")
    pair = Pair(task, task.rows(rows), rows, torch.arange(len(rows)))
    expect_alike(asker, pair, "predicting the targets of one class alone")


LAWS: tuple[AuditLaw, ...] = (
    the_labels_of_the_context_are_used,
    renaming_classes_moves_the_columns,
    the_labels_of_targets_do_not_reach_predictions,
    the_context_is_used,
    the_order_of_the_context_does_not_matter,
    contexts_of_any_size_give_finite_predictions,
    one_class_of_targets_is_predicted_alike,
)
