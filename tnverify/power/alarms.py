"""False alarms: sound layers before the laws, at many seeds and in four dtypes of input.

Every layer is verified as a user's is, in float64 and in its own float32; then the laws of its
own lane are asked once more of tasks that are stored in bfloat16 and in float16.
"""

from __future__ import annotations

import time
from collections import Counter
from contextlib import nullcontext
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Literal

import torch

from tnverify.catalogue import load_catalogue
from tnverify.engine.capture import captured_output
from tnverify.engine.corpora import Plans, plans_for
from tnverify.engine.evaluate import evaluate
from tnverify.engine.profiles import find_profile
from tnverify.engine.progress import Silent
from tnverify.engine.results import BAD
from tnverify.engine.trial import try_laws, why_not_claimed
from tnverify.engine.verdicts import law_verdict, subject_verdict
from tnverify.plans.strategies import corpus
from tnverify.power.jobs import done_in_order
from tnverify.subjects import SubjectProber, SubjectRecipe, resolve
from tnverify.subjects.guard import patience

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tnverify.contract import Task
    from tnverify.engine.profiles import Profile
    from tnverify.engine.progress import Progress
    from tnverify.plans import Plan
    from tnverify.subjects.subject import Subject

HALVES = (torch.bfloat16, torch.float16)
HALF_TASKS = 3
"""Tasks in each half precision, at every seed."""

KNOWN_SEEDS = 20
"""Seeds at which the reference layers and torch's own are studied, at most."""

COMPILED_SEEDS = 3
"""Seeds at which compiled layers are studied, at most: each costs minutes."""

_LARGEST_HALF = 16.0
"""Over the root of eps, and times a weight, larger values leave float16."""

_IN_HALF = "half_precision_input_keeps_float32_moments"

_COMPILING = 600.0
"""Seconds that a layer may take which compiles itself when it is called."""


Kind = Literal["other formulations", "compiled by torch", "reference layers", "torch's own"]
"""What sound layers are, in the order in which the study counts them."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A sound layer as it is named on the command line.

    `shows` names should-level laws that it is known to fail; `most_seeds` bounds the seeds at
    which it is studied.
    """

    name: str
    recipe: SubjectRecipe
    kind: Kind
    shows: tuple[str, ...] = ()
    most_seeds: int | None = None

    @property
    def compiled(self) -> bool:
        """Whether it is compiled for the shapes that it meets."""
        return self.kind == "compiled by torch"


@dataclass(frozen=True, slots=True)
class Alarm:
    """A law that blames a sound layer, or decides nothing about it."""

    law: str
    level: str
    outcome: str
    lane: str
    reason: str


@dataclass(frozen=True, slots=True)
class Study:
    """One sound layer at one seed. `checked` counts evaluations that held, by dtype of input."""

    name: str
    kind: Kind
    claims: str
    seed: int
    verdict: str
    alarms: tuple[Alarm, ...]
    checked: Mapping[str, int]
    laws: int
    margin: float
    seconds: float

    @property
    def false_alarms(self) -> int:
        return sum(alarm.outcome != "inconclusive" for alarm in self.alarms)

    @property
    def inconclusive(self) -> int:
        return sum(alarm.outcome == "inconclusive" for alarm in self.alarms)


def candidates() -> tuple[Candidate, ...]:
    """The sound layers of the study, then the reference layers and torch's own."""
    from tnverify.cli.defaults import default_requests
    from tnverify.power.sound import all_sound

    sound = tuple(
        Candidate(
            s.name,
            SubjectRecipe(s.spec, s.claims, s.adapter),
            "compiled by torch" if s.compiled else "other formulations",
            tuple(s.shows),
            COMPILED_SEEDS if s.compiled else None,
        )
        for s in all_sound()
    )
    known = tuple(
        Candidate(
            r.spec,
            r,
            "reference layers" if r.spec.startswith("tnverify.") else "torch's own",
            tuple(_OF_TORCH.get(r.spec, {})),
            KNOWN_SEEDS,
        )
        for r in default_requests()
    )
    return (*sound, *known)


_OF_TORCH: Mapping[str, Mapping[str, str]] = {
    "torch.nn:InstanceNorm2d": {
        "memory_format_is_kept": "its kernel answers in contiguous memory",
        _IN_HALF: "its kernel on CPU takes moments in half precision",
    },
    "torch.nn:LayerNorm([channels, *spatial])": {
        "memory_format_is_kept": "its kernel answers in contiguous memory",
    },
    "torch.nn:GroupNorm(2, channels)": {
        "channels_last_input_keeps_precision": "its kernel for this format, on CPU, takes the"
        " variance as mean of squares minus square of the mean",
    },
}
"""Should-level laws that layers of torch fail, truly: reports show them."""


def study(
    found: Sequence[Candidate],
    profile: Profile,
    seeds: Sequence[int],
    *,
    device: str = "cpu",
    jobs: int = 1,
    progress: Progress | None = None,
) -> Iterator[Study]:
    """Every layer at the first seed, then at the next, each as far as it is bound to: so a study
    that is interrupted has met all layers equally often."""
    progress = progress or Silent()
    calls = [
        partial(study_one, candidate, profile.name, seed, device)
        for number, seed in enumerate(seeds)
        for candidate in found
        if candidate.most_seeds is None or number < candidate.most_seeds
    ]
    progress.on_subject(f"{len(found)} sound layers, {len(seeds)} seeds", 1, 1)
    for done, result in enumerate(done_in_order(calls, jobs), 1):
        progress.on_plan(done, len(calls))
        yield result


def study_one(candidate: Candidate, profile: str, seed: int, device: str = "cpu") -> Study:
    """One layer on a device at one seed; one thread."""
    torch.set_num_threads(1)  # sums change with the number of threads
    budget, started = find_profile(profile), time.process_time()
    with captured_output(), patience(_COMPILING) if candidate.compiled else nullcontext():
        subject = _subject(candidate, device)
        plans = _plans(candidate, subject, seed, budget)
        records = try_laws(subject, load_catalogue(), plans.usual, budget, wide=plans.wide)
        verdicts = [law_verdict(record, None) for record in records]
        half, checked = _in_half(subject, plans.usual, budget, candidate.shows)
    for record in records:
        for lane, seen in record.lanes.items():
            dtype = str(subject.dtype(lane)).removeprefix("torch.")
            checked[dtype] += seen.counted - (record.failure is not None)
    alarms = [
        Alarm(v.law.name, v.law.level, v.outcome, v.lane, v.reason or "")
        for v in verdicts
        if v.outcome in BAD | {"inconclusive"} and v.law.name not in candidate.shows
    ]
    margins = [v.margin for v in verdicts if v.margin is not None and v.outcome == "held"]
    return Study(
        name=candidate.name,
        kind=candidate.kind,
        claims=str(subject.claims),
        seed=seed,
        verdict=subject_verdict(verdicts, ())[0],
        alarms=(*alarms, *half),
        checked=dict(checked),
        laws=sum(v.outcome == "held" for v in verdicts),
        margin=max(margins, default=0.0),
        seconds=time.process_time() - started,
    )


@lru_cache(maxsize=64)
def _subject(candidate: Candidate, device: str) -> Subject:
    return resolve(candidate.recipe, device).subject


def _plans(candidate: Candidate, subject: Subject, seed: int, profile: Profile) -> Plans:
    """What a run replays; for a compiled layer plans of one size, none of them wide."""
    if not candidate.compiled:
        return plans_for(subject, seed, profile)
    alike = corpus(
        seed, profile.corpus, min_context=4, max_context=4, min_targets=3, max_targets=3,
        min_channels=3, max_channels=3, min_side=5, max_side=5, rank=subject.rank,
    )  # fmt: skip
    return Plans(tuple(alike), ())


def _in_half(
    subject: Subject, plans: Sequence[Plan], profile: Profile, shows: Sequence[str]
) -> tuple[list[Alarm], Counter[str]]:
    """The laws of the layer's own lane, asked of tasks that are stored in half precision.

    Not those of numerics, which choose their magnitudes for a wider range and have a law of
    their own for half precision; and not of a layer that is known to take moments in it.
    """
    if _IN_HALF in shows:
        return [], Counter()
    laws = [
        law
        for law in load_catalogue()
        if "native" in law.lanes and law.family != "numerics" and law.max_tasks is None
        if law.name not in shows and why_not_claimed(law, subject, profile) is None
    ]
    alarms, checked = [], Counter[str]()
    for dtype in HALVES:
        name = str(dtype).removeprefix("torch.")
        for task in _small(plans, dtype, subject.device):
            prober = SubjectProber(subject)
            for law in laws:
                ended = evaluate(law, prober, task)
                checked[name] += ended.ending == "held"
                if ended.failed:
                    reason = ended.reason or ended.ending
                    alarms.append(Alarm(law.name, law.level, ended.ending, name, reason))
    return alarms, checked


def _small(plans: Sequence[Plan], dtype: torch.dtype, device: torch.device) -> list[Task]:
    """The first tasks of a corpus that have room in half precision."""
    tasks: list[Task] = []
    for plan in plans:
        task = plan.build(dtype, device)
        sets = [task.context, task.targets, *(values for pair in task.past for values in pair)]
        largest = max(float(x.double().abs().max()) for x in sets if x.numel())
        if largest <= _LARGEST_HALF:
            tasks.append(task)
        if len(tasks) == HALF_TASKS:
            break
    return tasks
