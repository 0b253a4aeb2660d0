"""Trying laws on layers: sound ones must keep them, planted faults must not."""

from __future__ import annotations

import functools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tnverify import norms
from tnverify.engine.evaluate import Evaluation, evaluate
from tnverify.engine.profiles import PROFILES
from tnverify.engine.trial import why_not_claimed
from tnverify.faults import all_faults
from tnverify.faults.plain import PlainInstanceNorm, PlainNorm, PlainTaskNorm, PlainTaskNormL
from tnverify.plans import corpus
from tnverify.subjects.prober import SubjectProber
from tnverify.subjects.resolve import from_factory, from_fault
from tnverify.subjects.subject import Factory

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tnverify.catalogue import Law
    from tnverify.faults import Fault
    from tnverify.subjects.subject import Subject

SOUND: dict[str, tuple[Callable[..., object], str]] = {
    "PlainNorm": (PlainNorm, "meta_bn"),
    "PlainInstanceNorm": (PlainInstanceNorm, "instance_norm"),
    "PlainTaskNorm": (PlainTaskNorm, "tasknorm_i"),
    "PlainTaskNormL": (PlainTaskNormL, "tasknorm_l"),
    "PlainTaskNorm, inductive": (PlainTaskNorm, "inductive"),
    **{f"norms: {name}": (made, name) for name, made in norms.BY_SCHEME.items()},
}
"""Layers that are right, with what they claim: plain ones, and every reference layer."""


@dataclass
class Tried:
    """What came of one law on several tasks."""

    counted: int = 0
    failures: list[str] = field(default_factory=list)
    not_claimed: str | None = None


@functools.cache  # found out once how it is called
def sound(name: str) -> Subject:
    made, claims = SOUND[name]
    return from_factory(name, Factory(made), claims)


def subject_of(made: Callable[..., object], claims: str) -> Subject:
    """A subject from a class or function that takes the number of channels."""
    return from_factory("made for a test", Factory(made), claims)


def try_law(law: Law, subject: Subject, *, tasks: int, seed: int = 1) -> Tried:
    """Evaluate a law on a corpus of plans in each of its lanes."""
    tried = Tried(not_claimed=why_not_claimed(law, subject, PROFILES["thorough"]))
    if tried.not_claimed is not None:
        return tried
    for plan in _plans(subject, tasks, seed):
        for lane in subject.lanes:
            if lane not in law.lanes or tried.counted >= (law.max_tasks or tasks * 2):
                continue
            task = plan.build(subject.dtype(lane))
            ended = evaluate(law, SubjectProber(subject), task)
            if ended.failed:
                tried.failures.append(f"{lane} {plan}: {ended.reason}")
            elif ended.ending == "not_claimed":
                tried.not_claimed = ended.reason
            tried.counted += ended.ending == "held" or ended.failed
    return tried


def first_failure(law: Law, subject: Subject, *, tasks: int, seed: int = 1) -> Evaluation | None:
    """How the law failed first, None where it did not."""
    counted = 0
    for plan in _plans(subject, tasks, seed):
        for lane in subject.lanes:
            if lane not in law.lanes or counted >= (law.max_tasks or tasks * 2):
                continue
            ended = evaluate(law, SubjectProber(subject), plan.build(subject.dtype(lane)))
            if ended.failed:
                return ended
            counted += ended.ending == "held"
    return None


def faults_of(family: str) -> list[Fault]:
    return [fault for fault in all_faults() if fault.family == family]


def survivors(fault: Fault, laws: Iterable[Law], *, tasks: int, seed: int = 1) -> list[str]:
    """Those of the laws which the fault claims to break and which it kept on every task."""
    subject = from_fault(fault)
    return [
        law.name
        for law in laws
        if law.name in fault.kills and first_failure(law, subject, tasks=tasks, seed=seed) is None
    ]


def _plans(subject: Subject, tasks: int, seed: int) -> list:  # type: ignore[type-arg]  # of Plan
    return corpus(seed, tasks, rank=subject.rank, step=subject.channel_step, allow_past=True)
