"""What becomes of one mutant; made in a process of its own, as is the look at the original."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from tnverify.catalogue import load_catalogue
from tnverify.contract.outcomes import SubjectRaised, Violation, first_line
from tnverify.engine.capture import captured_output
from tnverify.engine.corpora import plans_for
from tnverify.engine.profiles import find_profile
from tnverify.engine.trial import try_laws
from tnverify.engine.verdicts import law_verdict, subject_verdict
from tnverify.power.mutants.advice import MOST_DRAWN, Missing, advice
from tnverify.power.mutants.differences import BEYOND, beyond_profiles, difference
from tnverify.power.mutants.home import Home, changed_layer, home_of, mutated
from tnverify.power.mutants.mutant import Judged, Mutant
from tnverify.power.replay import kills_of, tasks_for
from tnverify.subjects.guard import Hang, alarms, calling, patience, time_limit
from tnverify.subjects.ordinary import ordinary
from tnverify.subjects.prober import SubjectProber
from tnverify.subjects.rebuilding import with_found
from tnverify.subjects.recipe import Found
from tnverify.subjects.resolve import resolve

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tnverify.catalogue import Law
    from tnverify.subjects.recipe import SubjectRecipe
    from tnverify.subjects.subject import Subject

COMPARED = MOST_DRAWN + BEYOND
"""Tasks on which a mutant that no law catches is compared with the original."""

_HANG = 5.0
"""Seconds that a law may take on one task: the original takes a thousandth of it."""


@dataclass(frozen=True, slots=True)
class Original:
    """The layer as it is. `fails` are laws that it fails itself; `held` counts those that held,
    `silent` has those that were not asked of it, each with the reason."""

    recipe: SubjectRecipe
    home: Home | str
    verdict: str
    held: int
    fails: tuple[str, ...]
    silent: tuple[tuple[str, str], ...]
    seconds: float
    fits: str | None = None
    """The claims that its outputs were measured to agree with, where it claims no formula."""

    @property
    def found(self) -> Found:
        """What was found out about the layer."""
        return self.recipe.found or Found()


def look(request: SubjectRecipe, profile: str, seed: int, device: str = "cpu") -> Original:
    """Measure and verify the original. Raises Unusable, as `resolve`."""
    _prepare()
    started, budget = time.process_time(), find_profile(profile)
    with captured_output():
        subject = resolve(request, device).subject
        plans = plans_for(subject, seed, budget)
        records = try_laws(subject, load_catalogue(), plans.usual, budget, wide=plans.wide)
        verdicts = [law_verdict(record, None) for record in records]
        home = home_of(subject.factory.call)
        fits = None
        if not (subject.claims.has_formula or subject.claims.inferred):
            measured = resolve(replace(request, claims=None), device).subject.claims
            fits = str(measured) if measured.has_formula else None
    return Original(
        recipe=with_found(request, subject),
        home=home,
        verdict=subject_verdict(verdicts, ())[0],
        held=sum(v.outcome == "held" for v in verdicts),
        fails=tuple(v.law.name for v in verdicts if v.is_shown),
        silent=tuple((v.law.name, v.reason or "") for v in verdicts if v.outcome == "not_claimed"),
        seconds=time.process_time() - started,
        fits=fits,
    )


@dataclass(frozen=True, slots=True)
class Court:
    """What every mutant of one survey is judged by."""

    original: Original
    profile: str
    seed: int
    folder: str
    matrix: bool = False


def judge(court: Court, number: int, mutant: Mutant) -> Judged:
    """Mutant `number` of a survey, before the laws that the original keeps."""
    _prepare()
    started = time.process_time()
    with captured_output(), patience(_HANG):
        found = _judged(court, number, mutant)
    seconds = time.process_time() - started
    object.__setattr__(found, "seconds", seconds)
    return found


def _prepare() -> None:
    torch.set_num_threads(1)  # sums change with the number of threads


def _judged(court: Court, number: int, mutant: Mutant) -> Judged:
    original = court.original.recipe.build()  # before the mutant takes its module's place
    try:
        changed = _changed(court, number, mutant)
    except SubjectRaised as raised:
        if isinstance(raised.error, TimeoutError):
            return Judged("stopped", why="hangs on import")
        return Judged("stillborn", why=f"does not import: {_said(raised.error)}")
    stopped = _answers_nothing(changed)
    if stopped is not None:
        return stopped
    budget = find_profile(court.profile)
    asked = [law for law in load_catalogue() if law.name not in court.original.fails]
    musts = {law.name for law in asked if law.level == "must"}
    for laws in [asked] if court.matrix else _rounds(asked):
        kills = kills_of(changed, laws, court.seed, budget, first_only=not court.matrix)
        if kills:
            decides = any(kill.law in musts for kill in kills)
            return Judged("caught", kills, decides=decides)
    rank, step = original.rank, original.channel_step
    drawn = tasks_for(court.seed, MOST_DRAWN, rank, step)
    beyond = beyond_profiles(court.seed, rank, step)
    found = difference(original, changed, drawn + beyond)
    if found is None:
        return Judged("equivalent")
    missing = Missing(court.original, original, changed, found, budget, drawn, asked)
    return Judged("survives", difference=str(found), advice=advice(missing))


def _rounds(laws: Sequence[Law]) -> list[list[Law]]:
    """The laws in the order in which they are asked: those that decide come first, and those that
    compile a layer after all others."""
    return [
        [law for law in laws if law.thorough_only is compiles and (law.level == "must") is decides]
        for compiles in (False, True)
        for decides in (True, False)
    ]


def _changed(court: Court, number: int, mutant: Mutant) -> Subject:
    original, home = court.original.recipe.build(), court.original.home
    if mutant.behaviour is not None:
        return mutated(original, behaviour=mutant.behaviour)
    assert isinstance(home, Home)
    folder = Path(court.folder) / str(number)
    folder.mkdir()
    with calling("build"), time_limit():
        return mutated(original, changed_layer(home, mutant, folder))


def _answers_nothing(changed: Subject) -> Judged | None:
    """Stillborn or stopped, where the mutant answers no ordinary task in any dtype."""
    why = ""
    with alarms():
        for seed in (1, 2, 3):
            plan = ordinary(changed.rank, changed.channel_step, seed=seed)
            for lane in changed.lanes:
                task = plan.build(changed.dtype(lane), changed.device)
                try:
                    with time_limit(), torch.no_grad():
                        probe = SubjectProber(changed).fresh(task)
                        _, state = probe.condition(task.context)
                        probe.normalize(task.targets, state)
                except Violation:
                    return None  # it answers, in a form that laws have to do with
                except SubjectRaised as raised:
                    if isinstance(raised.error, TimeoutError):
                        return Judged("stopped", why=f"hangs in {raised.during}")
                    why = why or f"raises {_said(raised.error)}"
                except Hang:
                    return Judged("stopped", why="hangs")
                else:
                    return None
    return Judged("stillborn", why=why)


def _said(error: BaseException) -> str:
    return f"{type(error).__name__}: {first_line(error)}"
