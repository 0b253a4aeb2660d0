"""What other targets hold does not matter to a target."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from tnverify.auditing.laws.declare import INDUCTIVE, AuditLaw, audit_law
from tnverify.auditing.laws.worlds import (
    chosen,
    expect_alike,
    extremes,
    ladder,
    noise,
    replaced,
    some,
)
from tnverify.auditing.settling import Undecided
from tnverify.contract.outcomes import SaysNothing, SubjectRaised, Violation

if TYPE_CHECKING:
    from tnverify.auditing.asking import Asker
    from tnverify.auditing.task import AuditTask
    from tnverify.contract.draw import Draw

_ROUNDED = {"native": 2.0**-12, "float64": 2.0**-36}
"""The share of its own gradient that rounding may leave of one that is zero."""
FAMILY = "other_targets"
_WHY = (
    "Accuracy that is measured on all targets at once will not be had where they come one at a"
    " time."
)
_REMEDY = (
    "Compute every statistic of a batch from the context alone, and call eval() before predicting."
)


@audit_law(family=FAMILY, kind="exact", claims=INDUCTIVE, why=_WHY, remedy=_REMEDY)
def what_other_targets_hold_does_not_matter(asker: Asker, task: AuditTask, draw: Draw) -> None:
    """A prediction stays the same to the bit when other targets are replaced.

    The same shapes are computed in both worlds, so that rounding is the same: other targets are
    replaced by noise, moved by a thousandth of the data's spread up to a thousand times it,
    shifted together and exchanged.
    """
    changed = some(task, draw)
    for what, change in chosen(ladder(), asker, task):
        expect_alike(asker, replaced(task, changed, change(task, changed, draw)), what)


@audit_law(family=FAMILY, kind="exact", claims=INDUCTIVE, why=_WHY, remedy=_REMEDY)
def extreme_targets_leave_others_alone(asker: Asker, task: AuditTask, draw: Draw) -> None:
    """A prediction stays the same when other targets are outliers, constants or zeros.

    A maximum over the batch, a scale that is taken from all of it, or a threshold shows where
    values are unlike any data.
    """
    changed = some(task, draw)
    for what, change in chosen(extremes(), asker, task):
        expect_alike(asker, replaced(task, changed, change(task, changed, draw)), what)


@audit_law(family=FAMILY, kind="exact", claims=INDUCTIVE, why=_WHY, remedy=_REMEDY)
def a_twin_among_the_targets_changes_nothing(asker: Asker, task: AuditTask, draw: Draw) -> None:
    """A prediction stays the same when another target becomes an exact copy of it, or nearly one.

    Whoever looks for duplicates, sorts, or counts distinct rows treats equal items unlike others.
    """
    kept = draw.index(task.count) if task.count > 1 else _alone()
    changed = torch.arange(task.count) != kept
    twins = changed & draw.subset(task.count)
    twins = twins if bool(twins.any()) else changed
    values = task.targets[kept].expand(int(twins.sum()), *task.shape)
    expect_alike(asker, replaced(task, twins, values), "making other targets copies of a kept one")
    near = values + 2.0**-10 * noise(task, twins, draw)
    expect_alike(asker, replaced(task, twins, near), "making other targets nearly copies of one")


def _alone() -> int:
    raise SaysNothing("one target has no others")


@audit_law(family=FAMILY, kind="exact", claims=INDUCTIVE, level="should", why=_WHY)
def a_target_that_is_not_finite_spoils_itself_alone(
    asker: Asker, task: AuditTask, draw: Draw
) -> None:
    """A prediction stays the same when another target holds NaN or infinity.

    A sound mask with weights of zero passes NaN on, since 0 times NaN is NaN: so this is worth
    knowing, and no leak by itself.
    """
    changed = some(task, draw)
    poison = (torch.nan, torch.inf)[task.number % 2]
    values = torch.full_like(task.targets[changed], poison)
    pair = replaced(task, changed, values)
    try:
        usual, other = asker.answer(task), asker.answer(pair.other)
    except SubjectRaised as error:
        raise SaysNothing(f"it refuses values that are not finite: {error}") from None
    bad = ~other[pair.other_rows].double().isfinite() & usual[pair.rows].double().isfinite()
    if bool(bad.any()):
        raise Violation(
            f"{poison} in other targets made outputs of a kept target not finite",
            symptom="not_finite",
        )


@audit_law(family=FAMILY, kind="exact", claims=INDUCTIVE, why=_WHY, remedy=_REMEDY)
def no_gradient_reaches_another_target(asker: Asker, task: AuditTask, draw: Draw) -> None:
    """The gradient of a prediction by the values of other targets is exactly zero.

    It shows every way by which a value can reach another prediction smoothly, whatever its size.
    Where predictions have no gradient the law says nothing.
    """
    changed = some(task, draw)
    for lane in ("float64", "native") if asker.has_float64 else ("native",):
        found = _gradients(asker, task, changed, lane, draw)
        if found is None:
            raise SaysNothing("its predictions have no gradient by their targets")
        others, own = found
        if others == 0:
            return
        # What rounding leaves of derivatives that cancel is no leak.
        if others > _ROUNDED[lane] * own:
            raise Violation(
                f"the gradient of a prediction by another target is {others:.3g}, by its own"
                f" {own:.3g}",
                symptom="flow",
                expected="0",
                actual=f"{others:.3g}",
            )


def _gradients(
    asker: Asker, task: AuditTask, changed: torch.Tensor, lane: str, draw: Draw
) -> tuple[float, float] | None:
    """The largest gradient of kept predictions by the others, and by the kept targets."""
    from dataclasses import replace

    wide = torch.float64 if lane == "float64" else torch.float32
    given = task.in_dtype(wide)
    targets = given.targets.clone().requires_grad_()
    try:
        session = asker.session(lane).fit(task)  # type: ignore[arg-type]  # one of the two
        with torch.enable_grad():
            outputs = session.raw(replace(given, targets=targets))
    except SubjectRaised:
        return None
    if not outputs.requires_grad or not outputs.is_floating_point():
        return None
    kept = outputs[~changed]
    weights = draw.uniform(kept.detach()) + 0.5
    try:
        found: tuple[torch.Tensor | None, ...] = torch.autograd.grad(
            (kept * weights).sum() + (kept.square() * weights).sum(), targets, allow_unused=True
        )
    except RuntimeError:
        return None  # something on the way has no derivative
    (gradient,) = found
    if gradient is None or not bool(gradient.isfinite().all()):
        return None
    own = float(gradient[~changed].abs().max())
    return None if own == 0 else (float(gradient[changed].abs().max()), own)


@audit_law(family=FAMILY, kind="exact", claims=("transductive",))
def a_transductive_learner_reads_other_targets(asker: Asker, task: AuditTask, draw: Draw) -> None:
    """A learner that is claimed to be transductive moves a prediction when other targets do.

    A claim says what must be read as well as what may be: one that reads no other target gains
    nothing from having them together.
    """
    from tnverify.auditing.settling import settle

    changed = some(task, draw)
    for what, change in ladder():
        pair = replaced(task, changed, change(task, changed, draw))
        reading = settle(asker, pair)
        asker.readings.all.append((pair, reading))
        if reading.found == "reads":
            return
        if reading.found == "rounding" and "4096" in what:
            raise Undecided("what other targets move is no more than rounding")
    raise Violation(
        "no prediction moved with other targets, whatever became of them", symptom="flow",
        expected="a change", actual="no change",
    )  # fmt: skip


LAWS: tuple[AuditLaw, ...] = (
    what_other_targets_hold_does_not_matter,
    extreme_targets_leave_others_alone,
    a_twin_among_the_targets_changes_nothing,
    no_gradient_reaches_another_target,
    a_target_that_is_not_finite_spoils_itself_alone,
    a_transductive_learner_reads_other_targets,
)
