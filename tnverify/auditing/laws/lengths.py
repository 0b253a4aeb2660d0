"""Items of several lengths: neither padding nor the longest companion matters."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch

from tnverify.auditing.asking import Asker, Pair
from tnverify.auditing.driving.lengths import forms_with_lengths, is_padded
from tnverify.auditing.driving.outputs import NotRows
from tnverify.auditing.laws.declare import INDUCTIVE, AuditLaw, audit_law
from tnverify.auditing.laws.worlds import expect_alike
from tnverify.auditing.settling import Undecided
from tnverify.contract.outcomes import SaysNothing, SubjectRaised

if TYPE_CHECKING:
    from torch import Tensor

    from tnverify.auditing.task import AuditTask
    from tnverify.contract.draw import Draw

FAMILY = "lengths"
_ASKS = ("predictor",)
_WHY = "An item's answer depends on the longest item of its batch: results change with batching."
_REMEDY = (
    "Take means, norms and attention over an item's own steps alone, and set padding to zero before"
    " every layer that looks at neighbouring steps."
)


@audit_law(family=FAMILY, kind="rounded", asks=_ASKS, claims=INDUCTIVE, why=_WHY, remedy=_REMEDY)
def the_longest_companion_does_not_matter(asker: Asker, task: AuditTask, draw: Draw) -> None:
    """An item is answered beside longer and shorter ones as it is by itself, up to rounding.

    By itself it needs no padding. It says nothing of a subject that takes neither a list of items
    of several lengths nor a mask or lengths beside a padded batch.
    """
    for several in _every_form(asker, task):
        least, most = int(several.lengths.min()), task.shape[0]
        for kept in (least + draw.index(max(1, most - least)), most - 1):
            alone = several.of([kept])
            for others in ([most, least], [kept + 1, kept], [least, least]):
                beside = several.of([kept, *others])
                several.expect_alike(
                    Pair(alone, beside, torch.tensor([0]), torch.tensor([0])),
                    f"an item of {kept} steps beside others of {others[0]} and {others[1]}",
                )


@audit_law(family=FAMILY, kind="exact", asks=_ASKS, claims=INDUCTIVE, why=_WHY, remedy=_REMEDY)
def what_stands_in_the_padding_does_not_matter(asker: Asker, task: AuditTask, draw: Draw) -> None:
    """Answers stay the same when other values stand behind the items' ends than zeros."""
    several = _every_form(asker, task)[0]
    if not is_padded(several.asker.driven.form):
        raise SaysNothing("it pads by itself")
    targets = several.task.targets
    behind = torch.arange(targets.shape[1]) >= several.lengths[:, None]
    behind = behind.reshape(*behind.shape, *[1] * (targets.dim() - 2))
    loud = (2 * draw.uniform(targets) - 1) * 8 * task.spread
    rows = torch.arange(task.count)
    silent, noisy = (
        replace(several.task, targets=torch.where(behind, padding, targets))
        for padding in (torch.zeros_like(targets), loud)
    )
    pair = Pair(silent, noisy, rows, rows)
    several.expect_alike(pair, "putting other values behind the items' ends")


@audit_law(family=FAMILY, kind="rounded", asks=_ASKS, claims=INDUCTIVE, why=_WHY, remedy=_REMEDY)
def the_order_of_lengths_does_not_matter(asker: Asker, task: AuditTask, draw: Draw) -> None:
    """Answers move with their items when items of several lengths come in another order.

    Sorting by length is common, and so is to forget to put answers back.
    """
    if asker.draws_while_predicting:
        raise Undecided("it draws random numbers while it predicts, by an item's place")
    order = torch.tensor(draw.order(task.count))
    for several in _every_form(asker, task):
        pair = Pair(several.task, several.task.rows(order), order, torch.arange(task.count))
        several.expect_alike(pair, "taking items of several lengths in another order")


@dataclass(frozen=True, slots=True)
class _Several:
    """A task whose items have several lengths, and one who asks in a form that takes them."""

    asker: Asker
    task: AuditTask
    lengths: Tensor

    def of(self, lengths: list[int]) -> AuditTask:
        """The first items of the task with these lengths, answers cut to the steps of the first."""
        first = replace(self.task, lengths=self.lengths, steps=None).rows(range(len(lengths)))
        task = replace(first, lengths=torch.tensor(lengths))
        answer = self.asker.answer(task.rows([0]))
        return replace(task, steps=answer.shape[1] if answer.dim() > 2 else None)

    def expect_alike(self, pair: Pair, what: str) -> None:
        expect_alike(self.asker, pair, what)


def _every_form(asker: Asker, task: AuditTask) -> list[_Several]:
    """The task with several lengths, asked padded and as a list: where both are taken, both.

    Raises SaysNothing where the subject takes neither.
    """
    length = task.shape[0] if task.shape else 0
    if length < 3 or task.count < 2:
        raise SaysNothing("its items have no steps")
    # The first item is whole; the others are half as long or longer, in no order.
    span = length // 2 + 1
    step = 2 * span // 5 + 1
    lengths = torch.tensor([length - n * step % span for n in range(task.count)])
    given = replace(task, lengths=lengths)
    found: dict[str, _Several] = {}
    for form in forms_with_lengths(asker.session().subject):
        within = Asker(replace(asker.driven, form=form), asker.options, (given,))
        within.readings = asker.readings
        if form.name in found:
            continue
        try:
            within.answer(given)
            alone = within.answer(given.rows([int(lengths.argmin())]))
        except (SubjectRaised, NotRows):
            continue
        steps = alone.shape[1] if alone.dim() > 2 else None
        found[form.name] = _Several(within, replace(given, steps=steps), lengths)
    if not found:
        raise SaysNothing(
            "it takes neither a list of items of several lengths, nor a mask or lengths"
        )
    return sorted(found.values(), key=lambda each: not is_padded(each.asker.driven.form))


LAWS: tuple[AuditLaw, ...] = (
    the_longest_companion_does_not_matter,
    what_stands_in_the_padding_does_not_matter,
    the_order_of_lengths_does_not_matter,
)
