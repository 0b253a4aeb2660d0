"""What a learner reports of itself agrees with what it predicts."""

from __future__ import annotations

import inspect
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from tnverify.auditing.driving.making import parameters, required
from tnverify.auditing.driving.outputs import NotRows
from tnverify.auditing.laws.declare import AuditLaw, audit_law
from tnverify.auditing.worth import classes_of
from tnverify.contract.outcomes import SaysNothing, SubjectRaised, Violation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tnverify.auditing.asking import Asker
    from tnverify.auditing.driving.driven import Session
    from tnverify.auditing.task import AuditTask

NAMES = ("accuracy", "acc", "get_accuracy", "compute_accuracy", "evaluate", "score")
"""Methods that report an accuracy."""


@dataclass(frozen=True, slots=True)
class _Way:
    """One way to call a method that reports: what it is given for a task. `sure` says that such a
    call can mean nothing else than the accuracy of these targets with these labels."""

    given: Callable[[AuditTask], tuple[Any, ...]]
    sure: bool


@audit_law(
    family="reported",
    kind="rounded",
    asks=("learner",),
    once=True,
    source="github.com/jakesnell/prototypical-networks issue 33",
    why="The number that is reported is not the accuracy of what is predicted.",
    remedy="Compare predictions and labels of one shape, and never squeeze an axis of many.",
)
def the_accuracy_that_is_reported_is_that_of_its_predictions(asker: Asker, task: AuditTask) -> None:
    """The accuracy that a method of the learner reports is that of its own predictions.

    It is asked with one target a class, two and three: with one, an axis is squeezed away,
    predictions are compared with labels of another shape, and nobody sees it.
    """
    name = _name(asker)
    if name is None:
        raise SaysNothing("it has no method that reports an accuracy")
    sets = [_of_each_class(asker, queries) for queries in (3, 2, 1, 4)]
    for way in _ways(asker, name):
        found = [(each, _reported(asker, name, way, each)) for each in sets]
        told = [(each, value) for each, value in found if value is not None]
        right = [each for each, (said, own) in told if abs(said - own) < 1e-6]
        if not told or (not right and not way.sure):
            continue
        for each, (said, own) in told:
            if abs(said - own) >= 1e-6:
                count = each.count // task.way
                raise Violation(
                    f"with {count} target{'s' if count > 1 else ''} of each of {task.way} classes,"
                    f" {name}() reports {said:.4g}, and its predictions score {own:.4g}",
                    expected=f"{own:.4g}", actual=f"{said:.4g}",
                )  # fmt: skip
        return
    raise SaysNothing(f"how {name}() is called is not known")


def _name(asker: Asker) -> str | None:
    subject = asker.session().subject
    return next((n for n in NAMES if callable(getattr(subject, n, None))), None)


def _of_each_class(asker: Asker, queries: int) -> AuditTask:
    """A task with so many targets of each class, sorted by class."""
    task = max(asker.tasks, key=lambda each: len(each.labels))
    draws = torch.Generator().manual_seed(queries)
    way = task.way
    places = torch.stack([
        (task.target_labels == c).nonzero().flatten()[:1].expand(queries) for c in range(way)
        if bool((task.target_labels == c).any())
    ])  # fmt: skip
    if len(places) < way:
        raise SaysNothing("some class has no target")
    rows = task.rows(places.flatten())
    noise = torch.randn(rows.targets.shape, generator=draws)
    return replace(rows, targets=rows.targets + 0.5 * task.spread * noise)


def _ways(asker: Asker, name: str) -> Iterator[_Way]:
    """Ways to call the method, the surest first."""
    method = getattr(asker.session().subject, name)
    tables = asker.driven.form.tables
    names = required(method) or parameters(method)
    count = len([n for n in names if n not in ("self", "sample_weight")])
    if not inspect.signature(method).parameters:
        return

    def plain(task: AuditTask) -> tuple[Any, ...]:
        given = task.in_dtype(asker.driven.dtype)
        if tables:
            return given.targets.flatten(1).numpy(), given.target_labels.numpy()
        return given.targets.clone(), given.target_labels.clone()

    def by_class(task: AuditTask) -> tuple[Any, ...]:
        targets = plain(task)[0]
        return (targets.reshape(task.way, -1, *targets.shape[1:]),)

    def with_context(task: AuditTask) -> tuple[Any, ...]:
        return (task.context.clone(), task.labels.clone(), *plain(task))

    if count >= 4:
        yield _Way(with_context, sure=True)
    if count >= 2:
        yield _Way(plain, sure=True)
    if count == 1:
        yield _Way(by_class, sure=False)


def _reported(asker: Asker, name: str, way: _Way, task: AuditTask) -> tuple[float, float] | None:
    """What is reported, as a share, and what the predictions score; None where it is no call."""
    try:
        session = asker.session().fit(task)
        guessed = classes_of(session.predict(task), task.way)
    except (SubjectRaised, NotRows):
        return None
    if guessed is None:
        return None
    own = float((guessed == task.target_labels).double().mean())
    said = _number(session, name, way, task)
    if said is None:
        return None
    share = said / 100 if said > 1 + 1e-9 else said
    # One per cent and the whole are both 1.
    return (said / 100 if said == 1 and own < 0.5 else share), own


def _number(session: Session, name: str, way: _Way, task: AuditTask) -> float | None:
    try:
        answer = getattr(session.subject, name)(*way.given(task))
    except Exception:  # noqa: BLE001 - it is called as its name suggests: it may want another call
        return None
    if isinstance(answer, dict):
        answer = next((answer[n] for n in answer if "acc" in str(n).lower()), None)
    if isinstance(answer, Tensor) and answer.numel() == 1:
        answer = answer.item()
    if isinstance(answer, bool) or not isinstance(answer, int | float):
        return None
    return float(answer) if 0 <= float(answer) <= 100 else None


@audit_law(
    family="reported",
    kind="exact",
    once=True,
    source="what is predicted is what is scored",
    why="NaN is never the largest, so such a target is given the first class, and nobody sees it.",
)
def predictions_are_numbers(asker: Asker, task: AuditTask) -> None:
    """No ordinary target has outputs of which none is a finite number."""
    finite = asker.answer(task).double().reshape(task.count, -1).isfinite().any(1)
    if not bool(finite.all()):
        lost = int((~finite).sum())
        raise Violation(
            f"outputs of {lost} of {task.count} targets are not finite", symptom="not_finite"
        )


LAWS: tuple[AuditLaw, ...] = (
    predictions_are_numbers,
    the_accuracy_that_is_reported_is_that_of_its_predictions,
)
