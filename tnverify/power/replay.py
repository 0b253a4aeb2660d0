"""Replaying a corpus on one layer that is known to be wrong."""

from __future__ import annotations

import time
from functools import lru_cache
from typing import TYPE_CHECKING

import torch

from tnverify.catalogue import load_catalogue
from tnverify.engine.capture import captured_output
from tnverify.engine.corpora import plans_for
from tnverify.engine.profiles import find_profile
from tnverify.engine.trial import try_laws
from tnverify.faults import all_faults
from tnverify.plans.strategies import corpus
from tnverify.power.reach import out_of_reach, why_not_asked
from tnverify.power.rows import Kill, Row
from tnverify.subjects.resolve import from_fault

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tnverify.catalogue import Catalogue, Law
    from tnverify.engine.profiles import Profile
    from tnverify.faults import Fault
    from tnverify.plans import Plan
    from tnverify.subjects.subject import Subject


@lru_cache(maxsize=64)
def tasks_for(seed: int, size: int, rank: int, step: int) -> tuple[Plan, ...]:
    """The corpus of mostly small plans that a seed gives subjects of this form."""
    return tuple(corpus(seed, size, rank=rank, step=step, allow_past=True))


def kills_of(
    subject: Subject, laws: Iterable[Law], seed: int, profile: Profile, *, first_only: bool = False
) -> tuple[Kill, ...]:
    """The laws that find the subject violated or broken, each with its first task.

    With `first_only` the replay ends with the first of them. Raises KeyboardInterrupt on Ctrl-C.
    """
    plans = plans_for(subject, seed, profile)
    interrupted: list[None] = []
    records = try_laws(
        subject,
        laws,
        plans.usual,
        profile,
        on_interrupt=lambda: interrupted.append(None),
        wide=plans.wide,
        first_only=first_only,
    )
    if interrupted:
        raise KeyboardInterrupt
    place = {plan: number for number, plan in enumerate(plans.all, 1)}
    return tuple(
        Kill(record.law.name, place[record.failure[0]], record.counted)
        for record in records
        if record.failure is not None
    )


def replay(
    fault: Fault, seed: int, profile: Profile, *, device: str = "cpu", first_only: bool = False
) -> Row:
    """One planted fault, on a device, before the laws of the whole catalogue."""
    started = time.process_time()
    catalogue = load_catalogue()
    with captured_output():
        subject = from_fault(fault, device)
        kills: tuple[Kill, ...] = ()
        for laws in _rounds(catalogue, first_only=first_only):
            kills += kills_of(subject, laws, seed, profile, first_only=first_only)
            if first_only and kills:
                break
    killers = [catalogue.named(name) for name in fault.kills]
    reach = None if kills else out_of_reach(killers, profile)
    killed = {kill.law for kill in kills}
    missed = () if first_only else tuple(
        law.name for law in killers if why_not_asked(law, profile) is None
        and law.name not in killed
    )  # fmt: skip
    return Row(
        fault.name,
        fault.family,
        fault.hard,
        seed,
        kills,
        missed,
        reach,
        first_only,
        time.process_time() - started,
    )


def _rounds(catalogue: Catalogue, *, first_only: bool) -> list[list[Law]]:
    """The laws in the order in which they are asked: those that compile a layer are left for
    the faults that no other law kills, where one kill is enough."""
    if not first_only:
        return [list(catalogue)]
    quick = [law for law in catalogue if not law.thorough_only]
    return [quick, [law for law in catalogue if law.thorough_only]]


def replay_named(
    name: str, seed: int, profile: str, *, device: str = "cpu", first_only: bool
) -> Row:
    """`replay` in the words that can be sent to another process; one thread."""
    torch.set_num_threads(1)  # sums change with the number of threads
    fault = next(fault for fault in all_faults() if fault.name == name)
    return replay(fault, seed, find_profile(profile), device=device, first_only=first_only)
