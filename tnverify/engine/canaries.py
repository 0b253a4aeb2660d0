"""Waking the suite: one known-bad layer per family must be caught, or a run says nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tnverify.engine.evaluate import evaluate
from tnverify.faults import FAMILIES, faults_of
from tnverify.subjects.prober import SubjectProber
from tnverify.subjects.resolve import from_fault

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tnverify.catalogue import Catalogue
    from tnverify.faults import Fault
    from tnverify.plans import Plan


def asleep(catalogue: Catalogue, corpus: Sequence[Plan]) -> list[str]:
    """Families of the catalogue whose known-bad layer was not caught, or that have none.

    Only families with planted faults of ours are woken: a third party's family is its own.
    """
    return [
        family
        for family in catalogue.families
        if family in FAMILIES
        and not any(_caught(f, catalogue, corpus) for f in faults_of(family) if f.canary)
    ]


def _caught(fault: Fault, catalogue: Catalogue, corpus: Sequence[Plan]) -> bool:
    subject = from_fault(fault)
    laws = [law for law in catalogue if law.name in fault.kills and law.family == fault.family]
    if not laws:
        # --only and --skip may have left just laws of this family that others wake.
        return True
    for plan in corpus:
        prober = SubjectProber(subject)
        task = plan.build(subject.dtype(subject.lanes[0]))
        if any(evaluate(law, prober, task).failed for law in laws):
            return True
    return False
