"""Finding out what a subject is, how it is called and what tasks it takes, by trying."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from tnverify.auditing.driving.capturing import captured
from tnverify.auditing.driving.driven import Driven, Kind
from tnverify.auditing.driving.forms import (
    Form,
    hands_target_labels,
    learner_forms,
    looks_like_learner,
    predictor_forms,
)
from tnverify.auditing.driving.making import Size, maker_of
from tnverify.auditing.driving.outputs import ROWLESS, NotRows
from tnverify.auditing.driving.sizes import USUAL, WAYS, of_error, of_layers
from tnverify.auditing.driving.texts import forms_of_texts
from tnverify.auditing.tasks import generated
from tnverify.contract.outcomes import SubjectRaised
from tnverify.subjects.spec import Unusable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from torch import Tensor

    from tnverify.auditing.options import AuditOptions
    from tnverify.auditing.task import AuditTask
    from tnverify.subjects.spec import Spec

_MOST_SIZES = 60
"""Sizes that are tried before it is given up."""
_MOST_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Found:
    """What a name stands for, and what was asked of it."""

    spec: str
    thing: Any
    parsed: Spec | None = None


def recognise(found: Found, options: AuditOptions, tasks: Sequence[AuditTask]) -> Driven:
    """Return the subject, ready to be driven. Raises Unusable where nothing that was tried works,
    with what came nearest."""
    search = _Search(found, options, tasks)
    started = time.monotonic()
    while search.sizes and search.tried < _MOST_SIZES:
        driven = search.at(search.sizes.pop(0))
        if driven is not None:
            return driven
        if time.monotonic() - started > _MOST_SECONDS:
            break
    raise Unusable(search.why)


class _Search:
    """Tries sizes of tasks, and all forms of a call at each."""

    def __init__(self, found: Found, options: AuditOptions, tasks: Sequence[AuditTask]) -> None:
        self.found, self.options, self.tasks = found, options, tasks
        self.failures: list[tuple[int, str]] = []
        self.sizes = list(_sizes(found, options, tasks))
        self.seen = set(self.sizes)
        self.tried = 0

    def at(self, size: Size) -> Driven | None:
        """The subject, driven with tasks of one size; None where no form of a call works."""
        self.tried += 1
        try:
            maker = maker_of(self.found.thing, size, self.found.parsed)
            subject = maker.fresh(0)
        except Unusable as error:
            self.failures.append((0, str(error)))
            return None
        except Exception as error:  # noqa: BLE001 - whatever the subject raises
            self.failures.append((1, f"it cannot be built: {type(error).__name__}: {error}"))
            return None
        kind, forms = _forms(subject, self.options.kind)
        if not forms:
            raise Unusable(_no_form(subject, self.options.kind))
        for form in forms:
            labels = hands_target_labels(subject, form)
            driven = Driven(self.found.spec, kind, maker, form, size, (), labels)
            why = _why_not(driven, _trial(driven, self.options, self.tasks))
            if why is not None and not form.apart and why.startswith(ROWLESS):
                driven = replace(driven, form=captured(form))
                why = _why_not(driven, _trial(driven, self.options, self.tasks))
            if why is None:
                return driven
            self.failures.append((2, f"{form.how}: {why}"))
            self._ask_next(why, size)
        return None

    def _ask_next(self, why: str, size: Size) -> None:
        """Put what an error asks for in front of what is still to be tried."""
        if self.tasks or self.options.input_shape:
            return
        for shape in of_error(why, size.shape):
            asked = replace(size, shape=shape)
            if asked not in self.seen and all(0 < side <= 4096 for side in shape):
                self.seen.add(asked)
                self.sizes.insert(0, asked)

    @property
    def why(self) -> str:
        """The first of what came nearest."""
        failures = self.failures or [(0, "no size of task is left to try")]
        best = max(grade for grade, _ in failures)
        said = next(text for grade, text in failures if grade == best)
        hint = "; where it takes tasks of one size, say --way, --shot, --input-shape"
        return f"it could not be driven: {said}{hint if best == 2 else ''}"


def _forms(subject: Any, asked: Kind | None) -> tuple[Kind, list[Form]]:
    kind: Kind = asked or ("learner" if looks_like_learner(subject) else "predictor")
    if kind == "learner":
        return kind, list(learner_forms(subject))
    return kind, [*predictor_forms(subject), *forms_of_texts(subject)]


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
    shapes = [options.input_shape] if options.input_shape else [*_hinted(found), *USUAL]
    for way in (options.way,) if options.way else WAYS:
        for shape in dict.fromkeys(shapes):
            yield Size(way, options.shot, shape)
            if options.shot is None and shape in shapes[:2]:
                yield Size(way, 5, shape)


def _hinted(found: Found) -> tuple[tuple[int, ...], ...]:
    try:
        subject = maker_of(found.thing, Size(5, 1, (3, 28, 28)), found.parsed).fresh(0)
    except Exception:  # noqa: BLE001 - it is tried again with other sizes, and told then
        return ()
    return tuple(of_layers(subject))


def _trial(driven: Driven, options: AuditOptions, tasks: Sequence[AuditTask]) -> list[AuditTask]:
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


def _says_nothing_of_classes(answer: Tensor, task: AuditTask) -> bool:
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
