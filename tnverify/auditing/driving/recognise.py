"""Finding out what a subject is, how it is called and what tasks it takes, by trying."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from tnverify.auditing.driving.driven import Driven, Kind
from tnverify.auditing.driving.forms import (
    Form,
    hands_target_labels,
    learner_forms,
    looks_like_learner,
    predictor_forms,
)
from tnverify.auditing.driving.holdings import every_module
from tnverify.auditing.driving.making import Maker, Size, maker_of
from tnverify.auditing.driving.outputs import NotRows
from tnverify.auditing.tasks import generated
from tnverify.contract.outcomes import SubjectRaised
from tnverify.subjects.spec import Unusable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tnverify.auditing.options import AuditOptions
    from tnverify.auditing.task import AuditTask
    from tnverify.subjects.spec import Spec

_SHAPES: tuple[tuple[int, ...], ...] = (
    (1, 28, 28), (3, 28, 28), (3, 84, 84), (3, 32, 32), (8,), (2,), (784,), (1,), (64,), (12, 8),
)  # fmt: skip
_WAYS = (5, 2, 3, 10, 20)


@dataclass(frozen=True, slots=True)
class Found:
    """What a name stands for, and what was asked of it."""

    spec: str
    thing: Any
    parsed: Spec | None = None


def recognise(found: Found, options: AuditOptions, tasks: Sequence[AuditTask]) -> Driven:
    """Return the subject, ready to be driven. Raises Unusable where nothing that was tried works,
    with what came nearest."""
    failures: list[tuple[int, str]] = []
    for size in _sizes(found, options, tasks):
        try:
            maker = maker_of(found.thing, size, found.parsed)
            subject = maker.fresh(0)
        except Unusable as error:
            failures.append((0, str(error)))
            continue
        except Exception as error:  # noqa: BLE001 - whatever the subject raises
            failures.append((1, f"it cannot be built: {type(error).__name__}: {error}"))
            continue
        kind, forms = _forms(subject, options.kind)
        if not forms:
            raise Unusable(_no_form(subject, options.kind))
        for form in forms:
            driven = _driven(found, options, kind, maker, form, size, subject)
            why = _why_not(driven, _trial(driven, options, tasks))
            if why is None:
                return driven
            failures.append((2, f"{form.how}: {why}"))
    failures = failures or [(0, "no size of task is left to try")]
    best = max(grade for grade, _ in failures)
    said = next(text for grade, text in failures if grade == best)
    hint = "" if best < 2 else "; where it takes tasks of one size, say --way, --shot, --input-shape"
    raise Unusable(f"it could not be driven: {said}{hint}")


def _driven(
    found: Found,
    options: AuditOptions,
    kind: Kind,
    maker: Maker,
    form: Form,
    size: Size,
    subject: Any,
) -> Driven:
    labels = hands_target_labels(subject, form)
    return Driven(found.spec, kind, maker, form, size, (), labels)


def _forms(subject: Any, asked: Kind | None) -> tuple[Kind, list[Form]]:
    kind: Kind = asked or ("learner" if looks_like_learner(subject) else "predictor")
    return kind, list(learner_forms(subject) if kind == "learner" else predictor_forms(subject))


def _no_form(subject: Any, asked: Kind | None) -> str:
    what = f"the {type(subject).__name__}"
    if asked == "learner":
        return (
            f"{what} has neither fit and predict, nor fit_predict, nor a call with a context, its"
            " labels and targets: give one of these, or a function (context, labels, targets)"
        )
    return (
        f"{what} can be audited neither as a learner (fit and predict, fit_predict, or a call with"
        " a context, its labels and targets), nor as a predictor (called with a batch), nor as an"
        " evaluation (called with order and batch_size)"
    )


def _sizes(found: Found, options: AuditOptions, tasks: Sequence[AuditTask]) -> Iterator[Size]:
    if tasks:
        shot = max(1, len(tasks[0].labels) // max(1, tasks[0].way))
        yield Size(tasks[0].way, options.shot or shot, tasks[0].shape)
        return
    shapes = [options.input_shape] if options.input_shape else [*_hinted(found), *_SHAPES]
    ways = (options.way,) if options.way else _WAYS
    seen = set()
    for way in ways:
        for shape in shapes:
            if (way, shape) not in seen:
                seen.add((way, shape))
                yield Size(way, options.shot, shape)


def _hinted(found: Found) -> Iterator[tuple[int, ...]]:
    """Shapes of an item that the first layer of a subject asks for."""
    try:
        subject = maker_of(found.thing, Size(5, 1, (3, 28, 28)), found.parsed).fresh(0)
    except Exception:  # noqa: BLE001 - it is tried again with other sizes, and told then
        return
    if hasattr(subject, "get_params"):
        yield (8,)
    for module in every_module(subject).values():
        if isinstance(module, nn.Conv2d):
            yield from ((module.in_channels, side, side) for side in (28, 84, 32))
            return
        if isinstance(module, nn.Conv1d):
            yield (module.in_channels, 16)
            return
        if isinstance(module, nn.Linear):
            yield (module.in_features,)
            side = round((module.in_features) ** 0.5)
            if side * side == module.in_features:
                yield (1, side, side)
            side = round((module.in_features / 3) ** 0.5)
            if 3 * side * side == module.in_features:
                yield (3, side, side)
            yield (6, module.in_features)
            return
        if isinstance(module, nn.modules.batchnorm._BatchNorm):  # noqa: SLF001 - torch names the
            # base of its batch norms with an underscore, and has no other name for it
            yield (module.num_features, 8, 8)
            yield (module.num_features,)
            return


def _trial(
    driven: Driven, options: AuditOptions, tasks: Sequence[AuditTask]
) -> list[AuditTask]:
    if tasks:
        return list(tasks[:2])
    return [task_of(driven, options, number) for number in range(2)]


def task_of(driven: Driven, options: AuditOptions, number: int) -> AuditTask:
    """The generated task of a number, of the size that the subject takes."""
    size = driven.size
    return generated(
        number,
        size.shape,
        seed=options.seed,
        way=size.way,
        shot=size.shot,
        targets=options.targets,
        contextless=driven.kind == "predictor",
    )


def _why_not(driven: Driven, tasks: Sequence[AuditTask]) -> str | None:
    """What keeps a subject from being driven so; None where it answers every task."""
    for task in tasks:
        try:
            answer = driven.session().answer(task)
        except SubjectRaised as error:
            return str(error)
        except NotRows as error:
            return str(error)
        if driven.kind == "learner" and _says_nothing_of_classes(answer, task):
            return f"an answer of shape {tuple(answer.shape)} for {task.way} classes"
    return None


def _says_nothing_of_classes(answer: torch.Tensor, task: AuditTask) -> bool:
    """Whether an answer can be no prediction: neither a value a class nor one class a target."""
    return answer.is_floating_point() and answer.dim() > 2 and task.way not in answer.shape


def with_shots_that_work(driven: Driven, options: AuditOptions) -> Driven:
    """The subject held to one shot where it takes no other than that it was found with."""
    if options.shot is not None or driven.kind != "learner":
        return driven
    for shot in (1, 5):
        one = replace(driven, size=replace(driven.size, shot=shot))
        if _why_not(driven, [task_of(driven, options, n) for n in range(4)]) is None:
            return driven
        if _why_not(one, [task_of(one, options, n) for n in range(4)]) is None:
            return replace(one, notes=(*one.notes, f"takes {shot} item a class alone"))
    return driven
