"""What audits catch of planted subjects, and whether they blame sound ones."""

from __future__ import annotations

import time
import warnings
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import torch

from tnverify.auditing.asking import Asker
from tnverify.auditing.driving.recognise import Found, recognise, task_of, with_shots_that_work
from tnverify.auditing.evaluations import audit_evaluation
from tnverify.auditing.laws import LAWS
from tnverify.auditing.options import AuditOptions
from tnverify.auditing.running import Told, ask
from tnverify.contract.outcomes import SubjectRaised
from tnverify.contract.surroundings import kept
from tnverify.engine.capture import captured_output
from tnverify.engine.results import BAD
from tnverify.faults.learners import Planted, all_planted
from tnverify.power.jobs import done_in_order
from tnverify.power.sound.learners import SoundSubject, all_sound
from tnverify.subjects.spec import Unusable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tnverify.auditing.laws.declare import AuditLaw

_SHAPES = {"padded": (5, 6), "sequences": (5, 6)}
"""The shape of items, by module; else vectors of six values."""


@dataclass(frozen=True, slots=True)
class Caught:
    """A planted subject, the laws that it names and those that found it."""

    name: str
    family: str
    kind: str
    hard: bool
    named: tuple[str, ...]
    found_by: tuple[str, ...]
    unusable: str | None
    seconds: float

    @property
    def missed(self) -> tuple[str, ...]:
        """The laws that it names and that did not find it."""
        return tuple(law for law in self.named if law not in self.found_by)


@dataclass(frozen=True, slots=True)
class Cleared:
    """A sound subject at one seed: how many laws held, and those that did not, with reasons."""

    name: str
    kind: str
    seed: int
    held: int
    blamed_by: tuple[tuple[str, str], ...]
    undecided: tuple[str, ...]
    seconds: float


def caught(
    planted: Planted, *, profile: str = "quick", seed: int = 0, every: bool = False
) -> Caught:
    """Ask of a planted subject the laws that it names, or `every` law."""
    clock = time.process_time()
    laws = tuple(law for law in LAWS if every or law.name in planted.kills)
    told: tuple[Told, ...] = ()
    why: str | None = None
    try:
        told = told_of(planted, laws, profile, seed)
    except Unusable as error:
        why = str(error)
    found = tuple(each.verdict.law.name for each in told if each.verdict.outcome in BAD)
    return Caught(
        planted.name, planted.family, planted.kind, planted.hard, planted.kills, found, why,
        time.process_time() - clock,
    )  # fmt: skip


def cleared(
    sound: SoundSubject,
    *,
    profile: str = "quick",
    seed: int = 0,
    laws: Sequence[AuditLaw] = LAWS,
) -> Cleared:
    """Ask laws of a sound subject. Raises Unusable where it cannot be driven."""
    clock = time.process_time()
    told = [each.verdict for each in told_of(sound, laws, profile, seed)]
    return Cleared(
        sound.name,
        sound.kind,
        seed,
        sum(each.outcome == "held" for each in told),
        tuple(
            (each.law.name, each.reason or "")
            for each in told
            if each.outcome in BAD and each.law.name not in sound.shows
        ),
        tuple(each.law.name for each in told if each.outcome == "inconclusive"),
        time.process_time() - clock,
    )


def told_of(
    subject: Planted | SoundSubject, laws: Sequence[AuditLaw], profile: str, seed: int
) -> tuple[Told, ...]:
    """What became of laws that a subject was asked, in this process and on one thread.

    Raises Unusable where it cannot be driven.
    """
    given: dict[str, Any] = {"input_shape": _shape(subject), **subject.options}
    options = AuditOptions(
        kind=subject.kind, claims=subject.claims, profile=profile, seed=seed, **given  # type: ignore[arg-type]  # claims are checked below
    )  # fmt: skip
    options.check()
    found = Found(subject.spec, subject.factory)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with captured_output(), kept(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return _told(found, options, laws)
    except SubjectRaised as error:
        raise Unusable(f"it answers no ordinary task: {error}") from None
    finally:
        torch.set_num_threads(threads)


def _shape(subject: Planted | SoundSubject) -> tuple[int, ...]:
    return _SHAPES.get(subject.factory.__module__.rpartition(".")[2], (6,))


def _told(found: Found, options: AuditOptions, laws: Sequence[AuditLaw]) -> tuple[Told, ...]:
    if options.kind == "evaluation":
        said: list[object] = []
        audit_evaluation(found, options, laws, said.append, ())
        return tuple(each for each in said if isinstance(each, Told))
    driven = with_shots_that_work(recognise(found, options, ()), options)
    tasks = [task_of(driven, options, number) for number in range(options.budget.tasks)]
    asker = Asker(driven, options, tasks)
    return tuple(ask(law, asker)[0] for law in laws)


def study(
    profile: str = "quick", seeds: Sequence[int] = (0,), *, every: bool = False, jobs: int = 1
) -> Iterator[Caught | Cleared]:
    """Every planted subject at the first seed, then every sound one at every seed."""
    calls = [
        *(partial(_caught_named, p.name, profile, seeds[0], every=every) for p in all_planted()),
        *(partial(_cleared_named, s.name, profile, seed) for seed in seeds for s in all_sound()),
    ]
    yield from done_in_order(calls, jobs)


def _caught_named(name: str, profile: str, seed: int, *, every: bool) -> Caught | Cleared:
    planted = next(each for each in all_planted() if each.name == name)
    return caught(planted, profile=profile, seed=seed, every=every)


def _cleared_named(name: str, profile: str, seed: int) -> Caught | Cleared:
    sound = next(each for each in all_sound() if each.name == name)
    return cleared(sound, profile=profile, seed=seed)
