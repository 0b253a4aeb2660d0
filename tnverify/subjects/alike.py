"""Planted faults that a subject answers like: known ways to get a scheme wrong."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

import torch

from tnverify.contract.claims import parse_claims
from tnverify.contract.outcomes import NotClaimed, SaysNothing, SubjectRaised, Violation
from tnverify.subjects.adapters import ADAPTERS
from tnverify.subjects.guard import Hang, time_limit
from tnverify.subjects.handles import Handles, handles_of
from tnverify.subjects.prober import SubjectProber
from tnverify.subjects.spec import Unusable
from tnverify.subjects.subject import Factory, Subject

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tnverify.contract.norm import Run
    from tnverify.contract.task import Task
    from tnverify.faults import Fault

SECONDS = 10.0
"""How long comparing a subject with planted faults may take."""

_FAMILIES = ("transductivity", "batch_size", "blending", "context", "moments", "numerics")
"""Families whose faults show in what one task is answered."""

_FEWEST = 4
"""Tasks that must count before two layers are said to answer alike."""


def answers_like(subject: Subject, tasks: Sequence[Task]) -> tuple[str, ...]:
    """Return the planted faults of the subject's claimed scheme whose outputs are the subject's, as
    rounding allows, on every task, some of which show the fault.

    Faults that ordinary tasks do not show are not compared.
    """
    from tnverify.faults import all_faults

    until = time.monotonic() + SECONDS
    found = []
    own = SubjectProber(subject)
    try:
        with time_limit(SECONDS):
            for fault in all_faults():
                if time.monotonic() > until:
                    break
                if fault.hard or fault.family not in _FAMILIES:
                    continue
                like = _as_subject(fault, subject)
                if like is not None and _alike(own, SubjectProber(like), tasks):
                    found.append(fault.name)
    except Hang:
        return ()
    return tuple(found)


def _as_subject(fault: Fault, subject: Subject) -> Subject | None:
    """The fault under the subject's claims and handles; None where it cannot be driven so."""
    claims = parse_claims(fault.claims)
    adapter = ADAPTERS.get(fault.adapter or "explicit_state")
    if claims.scheme is not subject.claims.scheme or adapter is None:
        return None
    if fault.adapter is None and not hasattr(fault.factory, "condition"):
        return None
    made = replace(
        subject,
        name=fault.name,
        factory=Factory(fault.factory),
        adapter=adapter,
        native=torch.float32,
        lazy=False,
        given_handles={},
    )
    try:
        known = handles_of(made, claims)
    except (SubjectRaised, Unusable):
        return None
    paths = tuple((handle, path) for handle, path in known.paths if subject.handles.path(handle))
    return replace(made, handles=Handles(paths))


def _alike(own: SubjectProber, fault: SubjectProber, tasks: Sequence[Task]) -> bool:
    """Whether both answer alike on all tasks that count, and not as the formula on one of them."""
    eps, counted, shown = own.subject.eps, 0, False
    has_eps = fault.subject.handles.path("eps") is not None
    prober = fault.with_eps(eps) if has_eps else fault
    for task in tasks:
        try:
            mine, limit, right = own.run(task), own.bound(task), own.expected(task)
            theirs = prober.run(task)
        except (NotClaimed, SaysNothing, SubjectRaised, Violation):
            continue
        if not _within(mine, theirs, limit):
            return False
        counted += 1
        exact = (torch.from_numpy(part.outputs) for part in right)
        shown = shown or not _within(theirs, exact, limit)
    return shown and counted >= _FEWEST


def _within(one: Run, other: object, limit: Run) -> bool:
    """Whether outputs differ by no more than the rounding of both."""
    return all(
        bool(((a.double().cpu() - b.double().cpu()).abs() <= 2 * room.cpu()).all())
        for a, b, room in zip(one, other, limit, strict=True)  # type: ignore[call-overload]  # as a run
    )
