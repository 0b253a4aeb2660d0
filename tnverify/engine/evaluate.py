"""Evaluating one law on one task: how it ended, and why."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import torch

from tnverify.contract.outcomes import (
    NotClaimed,
    SaysNothing,
    SubjectRaised,
    Violation,
    first_line,
)
from tnverify.contract.surroundings import surroundings
from tnverify.engine.refusals import is_refusal
from tnverify.subjects import guard
from tnverify.subjects.guard import PATIENT, Hang, TooSlow, time_limit
from tnverify.subjects.prober import formula_clock
from tnverify.tolerances import measuring

if TYPE_CHECKING:
    from torch import Tensor

    from tnverify.catalogue.laws import Law
    from tnverify.contract.surroundings import Surroundings
    from tnverify.contract.task import Task
    from tnverify.subjects.prober import SubjectProber
    from tnverify.subjects.subject import Subject

_BITS = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}
"""Integers of a floating-point dtype's size in bytes."""

Ending = Literal["held", "violated", "broken", "says_nothing", "refused", "not_claimed", "too_slow"]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """How a law ended on one task. `symptom` groups failures of one cause."""

    ending: Ending
    reason: str | None = None
    symptom: str | None = None
    expected: str | None = None
    actual: str | None = None
    margin: float | None = None
    exact: bool = True
    hung: bool = False
    seconds: float = 0.0
    formula_seconds: float = 0.0
    """Of these seconds, those that the formula in float64 took."""
    effect: float | None = None
    """By how much values differed, where the law was violated by values that it compared."""

    @property
    def failed(self) -> bool:
        return self.ending in ("violated", "broken")


def evaluate(
    law: Law, prober: SubjectProber, task: Task, around: Surroundings | None = None
) -> Evaluation:
    """Ask one law of a subject on one task. Whatever the subject does becomes an ending.

    `around` is what the process shares, for those who ask many laws; it is the same afterwards.
    """
    around = around or surroundings()
    started, formulas = time.perf_counter(), formula_clock.seconds
    ended = _evaluate(law, prober, task)
    around.put_back()  # or what a layer changes would be other laws' findings
    object.__setattr__(ended, "seconds", time.perf_counter() - started)
    object.__setattr__(ended, "formula_seconds", formula_clock.seconds - formulas)
    return ended


def _evaluate(law: Law, prober: SubjectProber, task: Task) -> Evaluation:
    pristine = (task.context.clone(), task.targets.clone())
    with measuring() as measure:
        try:
            # Compiling a layer takes a good part of a minute.
            with time_limit(300.0 if law.thorough_only else None):
                law.check(prober, task)
        except Violation as violation:
            return Evaluation(
                "violated",
                str(violation),
                violation.symptom,
                violation.expected,
                violation.actual,
                measure.margin,
                measure.exact,
                effect=violation.effect,
            )
        except SaysNothing as nothing:
            return Evaluation("says_nothing", str(nothing))
        except NotClaimed as reason:
            return Evaluation("not_claimed", str(reason))
        except SubjectRaised as raised:
            return _raised(raised, law, prober.subject, task)
        except TooSlow:
            seconds = PATIENT * guard.HANG_SECONDS
            return Evaluation(
                "too_slow", f"not measured: its calls took over {seconds:g} s on one task"
            )
        except Hang:
            return Evaluation("broken", "the law was not done in time", "hang", hung=True)
        finally:
            _restore(task, pristine)
    return Evaluation("held", margin=measure.margin, exact=measure.exact)


def _restore(task: Task, pristine: tuple[Tensor, Tensor]) -> None:
    """Undo edits of the task by a layer that writes to its input, so that no other law suffers."""
    for values, copy in ((task.context, pristine[0]), (task.targets, pristine[1])):
        # Bits, not values: a NaN is unequal to itself, and -0 equal to 0.
        bits = _BITS[values.element_size()]
        if not torch.equal(values.detach().view(bits), copy.detach().view(bits)):
            values.detach().copy_(copy)


def _raised(raised: SubjectRaised, law: Law, subject: Subject, task: Task) -> Evaluation:
    """Refused where the form of the input alone is refused, else broken."""
    hung = isinstance(raised.error, TimeoutError)
    text = f"raised {type(raised.error).__name__} in {raised.during}: {first_line(raised.error)}"
    if not hung and is_refusal(raised, law, subject, task):
        return Evaluation("refused", f"the layer refuses such tasks: {text}")
    symptom = f"raised {type(raised.error).__name__} in {raised.during}"
    return Evaluation("broken", text, symptom, "an answer", text, hung=hung)
