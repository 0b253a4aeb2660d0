"""Worlds that laws compare: the same task, but for other targets."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from tnverify.auditing.asking import Asker, Pair
from tnverify.auditing.settling import Undecided, settle
from tnverify.contract.outcomes import SaysNothing, SubjectRaised, Violation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from torch import Tensor

    from tnverify.auditing.asking import Reading
    from tnverify.auditing.task import AuditTask
    from tnverify.contract.draw import Draw


def expect_alike(asker: Asker, pair: Pair, what: str) -> Reading:
    """Fail the law where the answers differ beyond rounding; `what` says what was changed.

    Raises Undecided where the subject draws other random numbers for other shapes, since nothing
    can then be said of what moved.
    """
    reading = settle(asker, pair)
    asker.readings.all.append((pair, reading))
    if reading.found != "reads":
        others_alone = pair.task.context is pair.other.context
        if asker.options.held_to == "bitwise" and reading.found == "rounding" and others_alone:
            raise _moved(reading, pair, f"{what} (by rounding, and it is claimed not to move)")
        return reading
    if not pair.same_draws and asker.draws_while_predicting:
        asker.readings.all.pop()
        raise Undecided(
            "it draws random numbers while it predicts, other ones where targets come in another"
            " number or order"
        )
    raise _moved(reading, pair, what)


def _moved(reading: Reading, pair: Pair, what: str) -> Violation:
    place = int(pair.rows[reading.row])
    wide = "" if reading.wide is None else f", and by {reading.wide:.2g} in float64"
    return Violation(
        f"{what}: the outputs of target {place} of {pair.task.count} moved by"
        f" {reading.moved:.3g}{wide}",
        symptom="flow",
        expected="no change",
        actual=f"a change of {reading.moved:.3g}{wide}",
        effect=reading.moved,
    )


def replaced(task: AuditTask, changed: Tensor, values: Tensor) -> Pair:
    """The task, and one with other values in the place of the targets that a mask marks."""
    rows = (~changed).nonzero().flatten()
    return Pair(task, task.with_rows(changed, values), rows, rows)


def some(task: AuditTask, draw: Draw) -> Tensor:
    """A mask of targets to change: some, and never all."""
    if task.count < 2:
        raise SaysNothing("one target has no others")
    if not task.targets.is_floating_point():
        raise SaysNothing("items are whole numbers, which are not moved")
    return draw.subset(task.count)


def noise(task: AuditTask, changed: Tensor, draw: Draw) -> Tensor:
    """Values for the targets to change, about as large as those of the task."""
    old = task.targets[changed]
    return (2 * draw.uniform(old) - 1) * 2 * task.spread


Change = tuple[str, "Callable[[AuditTask, Tensor, Draw], Tensor]"]


def ladder() -> Sequence[Change]:
    """Ways to replace targets, from changes that are hardly there to such as dwarf the data."""

    def others(task: AuditTask, changed: Tensor, draw: Draw) -> Tensor:
        return noise(task, changed, draw)

    def steps(low: float, high: float) -> Callable[[AuditTask, Tensor, Draw], Tensor]:
        def stepped(task: AuditTask, changed: Tensor, draw: Draw) -> Tensor:
            # Each target by its own step, so that one world holds many sizes of change.
            old = task.targets[changed]
            each = draw.uniform(old[:, :1].reshape(len(old), -1)[:, :1])
            size = 2.0 ** (low + (high - low) * each.double())
            size = size.reshape(-1, *[1] * (old.dim() - 1)).to(old)
            return old + size * noise(task, changed, draw)

        return stepped

    def shifted(task: AuditTask, changed: Tensor, draw: Draw) -> Tensor:
        old = task.targets[changed]
        by = 2.0 ** (-3 + 8 * float(draw.uniform(old.flatten()[:1])))
        moved: Tensor = old + by * task.spread * (1 if draw.index(2) else -1)
        return moved

    def of_another_class(task: AuditTask, changed: Tensor, _draw: Draw) -> Tensor:
        return task.targets[changed].roll(1, 0).flip(-1)

    return (
        ("replacing other targets by noise", others),
        ("changing other targets by 2^-12 to 1 of the data's spread", steps(-12, 0)),
        ("changing other targets by 1 to 16 times the data's spread", steps(0, 4)),
        ("shifting other targets", shifted),
        ("exchanging other targets", of_another_class),
        ("changing other targets by 16 to 4096 times the data's spread", steps(4, 12)),
    )


def extremes() -> Sequence[Change]:
    """Targets as no data set has them."""

    def outlier(task: AuditTask, changed: Tensor, draw: Draw) -> Tensor:
        values = task.targets[changed].clone()
        flat = values.view(-1)
        flat[draw.index(len(flat))] = 4096 * task.spread
        return values

    return (
        ("one value of another target made an outlier", outlier),
        ("other targets made constant",
         lambda task, changed, _: torch.full_like(task.targets[changed], task.spread)),
        ("other targets set to zero",
         lambda task, changed, _: torch.zeros_like(task.targets[changed])),
        ("other targets made 4096 times as large",
         lambda task, changed, _: 4096 * task.targets[changed]),
        ("other targets turned into their negatives",
         lambda task, changed, _: -task.targets[changed]),
    )  # fmt: skip


def chosen(changes: Sequence[Change], asker: Asker, task: AuditTask) -> Iterator[Change]:
    """As many of the changes as the profile pays for, others for each task."""
    count = min(len(changes), asker.options.budget.worlds)
    start = task.number * count
    for place in range(start, start + count):
        yield changes[place % len(changes)]


def ask_anew(asker: Asker, task: AuditTask) -> Tensor | None:
    """What a fresh subject answers; None where it refuses the task."""
    try:
        return asker.answer(task)
    except SubjectRaised:
        return None
