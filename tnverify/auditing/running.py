"""Holding one subject to the laws, in this process; what is found is told as it is found."""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from tnverify.auditing.asking import Asker, Pair, Readings
from tnverify.auditing.driving.evaluating import NAMES, Call, method_of
from tnverify.auditing.driving.making import parameters
from tnverify.auditing.driving.outputs import NotRows
from tnverify.auditing.driving.recognise import (
    Found,
    recognise,
    task_of,
    with_shots_that_work,
)
from tnverify.auditing.extent import extent_of
from tnverify.auditing.settling import Undecided
from tnverify.auditing.waived import on_witness, waiver_for
from tnverify.contract.draw import Draw
from tnverify.contract.outcomes import NotClaimed, SaysNothing, SubjectRaised, Violation
from tnverify.engine.results import Counterexample, Effect, LawVerdict

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tnverify.auditing.driving.evaluating import EvaluationAsker
    from tnverify.auditing.laws.declare import AuditLaw
    from tnverify.auditing.options import AuditOptions
    from tnverify.auditing.task import AuditTask
    from tnverify.engine.waivers import Waiver

    Tell = Callable[[object], None]


@dataclass(frozen=True, slots=True)
class Ready:
    """How a subject was recognised."""

    kind: str
    form: str
    how: str
    notes: tuple[str, ...] = ()
    seconds: float = 0.0
    """What an ordinary task takes, by the clock."""


@dataclass(frozen=True, slots=True)
class Asking:
    """A law that is being asked."""

    law: str


@dataclass(frozen=True, slots=True)
class Told:
    """What became of one law, and by how much answers moved that it compared."""

    verdict: LawVerdict
    moved: float = 0.0
    wide: float | None = None
    compared: int = 0


@dataclass(frozen=True, slots=True)
class Broke:
    """The traceback of a fault of the audit's own."""

    traceback: str


@dataclass(frozen=True, slots=True)
class Refused:
    """Why the subject cannot be audited."""

    why: str


def audit_here(
    found: Found,
    options: AuditOptions,
    tasks: Sequence[AuditTask],
    laws: Sequence[AuditLaw],
    tell: Tell,
    known: Sequence[Told] = (),
    waivers: Sequence[Waiver] = (),
) -> None:
    """Recognise the subject and ask the laws that are not known yet. Raises Unusable."""
    if options.kind == "evaluation" or (options.kind is None and _evaluates(found)):
        from tnverify.auditing.evaluations import audit_evaluation

        audit_evaluation(found, options, laws, tell, known, waivers)
        return
    driven = with_shots_that_work(recognise(found, options, tasks), options)
    numbers = range(options.budget.tasks) if options.task is None else (options.task,)
    made = tasks or [task_of(driven, options, n) for n in numbers]
    asker = Asker(driven, options, made)
    form = driven.form
    notes = driven.notes + _notes(asker)
    how = f"{driven.maker.how}; {form.how}"
    started = time.perf_counter()
    asker.session().answer(made[0])
    seconds = time.perf_counter() - started
    tell(Ready(driven.kind, form.name, how, notes, seconds))
    done = {each.verdict.law.name for each in known}
    leaks: list[tuple[Pair, float]] = []
    for law in laws:
        if law.name in done:
            continue
        tell(Asking(law.name))
        waiver = waiver_for(waivers, found.spec, law)
        if waiver is not None:
            tell(on_witness(partial(_on_task, law, asker), waiver, law))
            continue
        told, readings = ask(law, asker)
        tell(told)
        leak = readings.leak
        if leak is not None and law.family in FLOW:
            leaks.append((leak[0], leak[1].moved))
    if leaks:
        tell(Asking("where it enters"))
        tell(extent_of(asker, leaks))


def _evaluates(found: Found) -> bool:
    """Whether what is audited, or what it builds, takes an order and a batch size."""
    thing = found.thing
    if isinstance(thing, type):
        names = [name for name in NAMES if callable(getattr(thing, name, None))]
        methods = [thing.__call__ if n == "__call__" else getattr(thing, n) for n in names]
        return any({"order", "batch_size"} <= set(parameters(method)) for method in methods)
    return method_of(thing) is not None


FLOW = ("other_targets", "number_of_targets", "online", "batching")
"""Families of laws about what other targets may not do."""


def _on_task(law: AuditLaw, asker: Asker, number: int, seed: int) -> Told:
    """What becomes of a law on one task, of another seed maybe."""
    options = replace(asker.options, seed=seed)
    given = [each for each in asker.tasks if each.number == number]
    same = asker.options.seed == seed and given
    task = given[0] if same else task_of(asker.driven, options, number)
    return ask(law, Asker(asker.driven, options, (task,)))[0]


def _notes(asker: Asker) -> tuple[str, ...]:
    task = asker.tasks[0]
    shape = " by ".join(map(str, task.shape))
    size = f"{task.way} classes" if asker.driven.kind == "learner" else "no context"
    notes = [f"asked on tasks of {size}, items of {shape}"]
    if asker.has_float64:
        notes.append("rounding is told from leaks by running it in float64")
    elif asker.driven.form.tables:
        notes.append("it computes in float64: rounding is told from leaks by what it does to ties")
    else:
        notes.append(
            "in float64 it does not run, or is no more precise: rounding is told from leaks by how"
            " far one unit in the last place of the input moves an output"
        )
    return tuple(notes)


def ask(law: AuditLaw, asker: Asker | EvaluationAsker) -> tuple[Told, Readings]:
    """What becomes of a law over the tasks, and what it read."""
    unclaimed = _unclaimed(law, asker)
    if unclaimed is not None:
        return Told(LawVerdict(law.facts, "not_claimed", unclaimed)), Readings()
    asker.readings = readings = Readings()
    started = time.perf_counter()
    record = _Record(law, asker)
    for task in _tasks_for(law, asker):
        if not record.goes_on(task):
            break
        if time.perf_counter() - started > asker.options.budget.seconds / 4:
            break
    verdict = record.verdict(time.perf_counter() - started)
    return Told(verdict, readings.moved, readings.wide, len(readings.all)), readings


def _tasks_for(
    law: AuditLaw, asker: Asker | EvaluationAsker
) -> Sequence[AuditTask] | Sequence[Call]:
    """The tasks that a law is asked of: those about other targets of all, since much depends on
    what these hold; of the others the later half, where classes have several items."""
    if law.once:
        return asker.tasks[:1]
    return asker.tasks if law.family in FLOW else asker.tasks[len(asker.tasks) // 2 :]


def _unclaimed(law: AuditLaw, asker: Asker | EvaluationAsker) -> str | None:
    claim = asker.options.held_to
    if asker.driven.kind not in law.asks:
        return f"it is asked of {' and '.join(law.asks)} alone"
    if claim not in law.claims:
        return f"the subject is held to be {claim}"
    return None


class _Record:
    """What one law met so far."""

    def __init__(self, law: AuditLaw, asker: Asker | EvaluationAsker) -> None:
        self.law, self.asker = law, asker
        self.counted = self.tried = self.refused = 0
        self.violation: tuple[Violation, AuditTask | Call] | None = None
        self.why_nothing = "no task was asked"
        self.undecided: str | None = None
        self.effects: list[float] = []

    def goes_on(self, task: AuditTask | Call) -> bool:
        """Ask the law of a task. Whether another one is to be asked.

        A law that fails is asked of the other tasks too where an output is moved: by how much is
        what a person wants to know.
        """
        self.tried += 1
        try:
            self.law.check(self.asker, task, Draw(self.law.name, task.number + 1))
        except (SaysNothing, NotClaimed) as error:
            self.why_nothing = str(error)
        except Undecided as error:
            self.undecided = str(error)
        except SubjectRaised as error:
            self.refused += 1
            self.why_nothing = f"the subject refuses such tasks: {error}"
        except NotRows as error:
            self._fails(Violation(str(error), symptom="form"), task)
        except Violation as error:
            self._fails(error, task)
        else:
            self.counted += 1
        return self.violation is None or bool(self.effects)

    def _fails(self, violation: Violation, task: AuditTask | Call) -> None:
        self.counted += 1
        if violation.effect is not None:
            self.effects.append(violation.effect)
        if self.violation is None:
            self.violation = (violation, task)
            self.detected = self.tried

    def verdict(self, seconds: float) -> LawVerdict:
        law = self.law.facts
        if self.violation is not None:
            return self._failed(law, *self.violation, seconds)
        if self.undecided is not None:
            return LawVerdict(law, "inconclusive", self.undecided, seconds=seconds)
        if not self.counted:
            claimed = "not_claimed"
            return LawVerdict(law, claimed, self.why_nothing, seconds=seconds, refused=self.refused)  # type: ignore[arg-type]  # an outcome
        exact = self.asker.readings.exact
        return LawVerdict(
            law, "held", held_as="exact" if exact else "rounded", examples=self.counted,
            seconds=seconds, refused=self.refused,
        )  # fmt: skip

    def _failed(
        self, law: Any, violation: Violation, task: AuditTask | Call, seconds: float
    ) -> LawVerdict:
        effects = [each for each in self.effects if each != float("inf")]
        return LawVerdict(
            law,
            "broken" if violation.symptom == "raised" else "violated",
            str(violation),
            examples=self.counted,
            to_detection=self.detected,
            seconds=seconds,
            expected=violation.expected,
            actual=violation.actual,
            symptom=violation.symptom,
            counterexample=Counterexample(
                plan={"audit": {"task": task.number, "seed": self.asker.options.seed}},
                context=[],
                targets=[],
                summary=_summary(task),
            ),
            effect=Effect(max(effects), statistics.median(effects), len(effects))
            if effects and violation.symptom == "flow"
            else None,
        )


def _summary(task: Any) -> str:
    if isinstance(task, Call):
        return f"{len(task.order)} items, batches of {task.batch_size}"
    shape = " by ".join(map(str, task.shape))
    context = (
        f"{len(task.labels)} context items of {task.way} classes, " if len(task.labels) else ""
    )
    return f"{context}{task.count} targets of {shape} (task {task.number})"
