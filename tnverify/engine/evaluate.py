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
from tnverify.contract.task import uniforms
from tnverify.subjects.guard import Hang, calling, time_limit
from tnverify.subjects.prober import SubjectProber
from tnverify.tolerances import measuring

if TYPE_CHECKING:
    from torch import Tensor

    from tnverify.catalogue.laws import Law
    from tnverify.contract.task import Task
    from tnverify.subjects.subject import Subject

_BITS = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}
"""Integers of a floating-point dtype's size in bytes."""

Ending = Literal["held", "violated", "broken", "says_nothing", "refused", "not_claimed"]


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

    @property
    def failed(self) -> bool:
        return self.ending in ("violated", "broken")


def evaluate(law: Law, prober: SubjectProber, task: Task) -> Evaluation:
    """Ask one law of a subject on one task. Whatever the subject does becomes an ending."""
    started = time.perf_counter()
    ended = _evaluate(law, prober, task)
    object.__setattr__(ended, "seconds", time.perf_counter() - started)
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
            )
        except SaysNothing as nothing:
            return Evaluation("says_nothing", str(nothing))
        except NotClaimed as reason:
            return Evaluation("not_claimed", str(reason))
        except SubjectRaised as raised:
            return _raised(raised, prober.subject, task)
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


def _raised(raised: SubjectRaised, subject: Subject, task: Task) -> Evaluation:
    """Refused where the shape, rank, dtype or layout alone is refused, else broken.

    Ordinary tasks must work; an exception in backward, or one that depends on values, is
    broken.
    """
    hung = isinstance(raised.error, TimeoutError)
    text = f"raised {type(raised.error).__name__} in {raised.during}: {first_line(raised.error)}"
    if not hung and _is_refusal(raised, subject, task):
        return Evaluation("refused", f"the layer refuses such tasks: {text}")
    symptom = f"raised {type(raised.error).__name__} in {raised.during}"
    return Evaluation("broken", text, symptom, "an answer", text, hung=hung)


def _is_refusal(raised: SubjectRaised, subject: Subject, task: Task) -> bool:
    if raised.during in ("backward", "observe") or isinstance(raised.error, SystemExit):
        return False
    if raised.during == "build":
        return task.channels % subject.channel_step != 0
    given: Tensor = raised.given
    context = raised.probe.last_context
    if all(_is_ordinary(x, subject) for x in (given, context) if x is not None):
        return False
    return _refuses_plain_values(raised, subject, task, given, context)


def _is_ordinary(x: Tensor, subject: Subject) -> bool:
    """Two or more items on maps of at least 2 by 2, laid out as torch lays out new tensors."""
    return (
        x.dim() == 2 + subject.rank
        and all(size >= 2 for size in (x.shape[0], *x.shape[2:]))
        and subject.limits.admit(x.shape)
        and x.is_contiguous()
        and x.dtype in (torch.float64, subject.native)
    )


def _refuses_plain_values(
    raised: SubjectRaised, subject: Subject, task: Task, given: Tensor, context: Tensor | None
) -> bool:
    """Whether a fresh instance refuses plain values of the same form as well."""
    try:
        with time_limit(), torch.no_grad():
            probe = SubjectProber(subject).fresh(task)
            with calling(raised.during):
                if raised.during == "condition" or context is None:
                    probe.norm.condition(_plain(given))
                else:
                    _, state = probe.norm.condition(_plain(context))
                    probe.norm.normalize(_plain(given), state)
    except (SubjectRaised, Hang):
        return True
    return False


def _plain(x: Tensor) -> Tensor:
    """Plain values with the shape, strides, dtype and device of `x`."""
    plain = torch.empty_strided(x.shape, x.stride(), dtype=x.dtype, device=x.device)
    drawn = torch.from_numpy(uniforms(tuple(x.shape)) * 4 - 2)
    if 0 in x.stride():
        once = tuple(slice(1) if step == 0 else slice(None) for step in x.stride())
        return drawn[once].to(x).expand_as(x)
    return plain.copy_(drawn)
