"""What an analysis would take, before anything of it is trained."""

from __future__ import annotations

import json
import math
import tempfile
import time
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from tnverify.analyses.programs.carrying_out import planned_runs
from tnverify.analyses.records import FINGERPRINTS
from tnverify.analyses.sweep import Workplace

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tnverify.analyses.programs.program import Program
    from tnverify.analyses.programs.request import Request
    from tnverify.analyses.sweep import TrainOne

_MORE, _TOGETHER = 4, 8
"""Iterations that are timed, and tasks of each test cell, which go through a learner together."""
_BYTES = 4096, 9, 9
"""Of a record: by itself, for each iteration, and for each task under each batching."""


@dataclass(frozen=True, slots=True)
class Share:
    """The runs of one learner: how many, how many of them are not recorded yet, and how many
    seconds of one processor those take; None where that is not known."""

    learner: str
    runs: int
    to_do: int
    seconds: float | None


@dataclass(frozen=True, slots=True)
class Foreseen:
    """What an analysis takes: its runs by learner, and bytes on disk of those to do."""

    shares: tuple[Share, ...]
    disk: int

    @property
    def runs(self) -> int:
        return sum(share.runs for share in self.shares)

    @property
    def to_do(self) -> int:
        return sum(share.to_do for share in self.shares)

    @property
    def seconds(self) -> float | None:
        """Seconds of one processor; None where they are not known."""
        known = [share.seconds for share in self.shares if share.seconds is not None]
        return sum(known) if len(known) == len(self.shares) else None


def foreseen(program: Program, request: Request, out: Path) -> Foreseen:
    """Return what `analyse` would do with the same arguments. Times a few iterations of each kind
    of training, and trains nothing.

    Raises what `analyse` raises before its first run.
    """
    runs, train_one = planned_runs(program, request, out)
    learners: dict[str, list[dict[str, Any]]] = defaultdict(list)
    to_do: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for run in runs:
        learner = run.configuration.get("learner", program.name)
        learners[learner].append(run.configuration)
        if not run.recorded:
            to_do[learner].append(run.configuration)
    costs = _Costs(train_one)
    shares = tuple(
        Share(
            learner,
            len(of_it),
            len(to_do[learner]),
            costs.seconds(to_do[learner]) if program.runs == "training" else None,
        )
        for learner, of_it in learners.items()
    )
    waiting = [each for of_it in to_do.values() for each in of_it]
    return Foreseen(shares, sum(map(_bytes, waiting)))


class _Costs:
    """Times each kind of run once, a few iterations and tasks of it."""

    def __init__(self, train_one: TrainOne) -> None:
        self._train_one = train_one
        self._known: dict[str, _Cost] = {}

    def seconds(self, configurations: Sequence[dict[str, Any]]) -> float:
        """Return seconds of one processor for all of these."""
        return sum(self._of(each).seconds(each) for each in configurations)

    def _of(self, configuration: dict[str, Any]) -> _Cost:
        kind = json.dumps(_shortened(configuration, 1, 1, 1) | {"scheme": None, "seed": 0})
        if kind not in self._known:
            self._known[kind] = self._measured(configuration)
        return self._known[kind]

    def _measured(self, configuration: dict[str, Any]) -> _Cost:
        """What more of each costs: the first of each cost more than those that follow."""
        few = self._timed(_shortened(configuration, 2, _TOGETHER, 1))
        many = self._timed(_shortened(configuration, 2 + _MORE, 2 * _TOGETHER, 1))
        pretraining = 0.0
        if configuration.get("pretrain"):
            more = self._timed(_shortened(configuration, 2, _TOGETHER, 1 + _MORE))
            pretraining = max(0.0, more.beside - few.beside) / _MORE
        return _Cost(
            iteration=max(0.0, many.training - few.training) / _MORE,
            pretraining=pretraining,
            task=max(0.0, many.beside - few.beside) / max(1.0, _weight(configuration, _TOGETHER)),
        )

    def _timed(self, configuration: dict[str, Any]) -> _Timed:
        with tempfile.TemporaryDirectory(prefix="tnverify-plan-") as folder:
            started = time.process_time()
            trained = self._train_one(configuration, Workplace(Path(folder)))
            training = trained.results["seconds"]
            return _Timed(training, time.process_time() - started - training)


class _Timed(NamedTuple):
    """Seconds that a run trained, and seconds that it took beside that."""

    training: float
    beside: float


@dataclass(frozen=True, slots=True)
class _Cost:
    """Seconds of a kind of run: an iteration of training and of pretraining, a test task of one
    batching."""

    iteration: float
    pretraining: float
    task: float

    def seconds(self, configuration: dict[str, Any]) -> float:
        iterations = (configuration.get("train") or {}).get("iterations", 0)
        validate = configuration.get("validate") or {}
        every = validate.get("every") or 0
        validated = validate.get("tasks", 0) * iterations / every if every else 0.0
        pretrained = (configuration.get("pretrain") or {}).get("iterations", 0)
        return math.fsum(
            (
                self.iteration * iterations,
                self.pretraining * pretrained,
                self.task * (validated + _weight(configuration)),
            )
        )


def _weight(configuration: dict[str, Any], tasks: int | None = None) -> float:
    """How many test tasks there are, each batching beside the first for a half."""
    return math.fsum(
        (cell["tasks"] if tasks is None else tasks) * (0.5 + 0.5 * len(cell["batchings"]))
        for cell in configuration["test"]
    )


def _shortened(
    configuration: dict[str, Any], iterations: int, tasks: int, pretraining: int
) -> dict[str, Any]:
    """The run with so many iterations and test tasks, and without validation."""
    dropped = ("validate", FINGERPRINTS)
    short = {name: each for name, each in configuration.items() if name not in dropped}
    if short.get("train"):
        short["train"] = {**short["train"], "iterations": iterations}
    if short.get("pretrain"):
        short["pretrain"] = {**short["pretrain"], "iterations": pretraining}
    short["test"] = [{**cell, "tasks": tasks} for cell in short["test"]] if tasks else []
    return short


def _bytes(configuration: dict[str, Any]) -> int:
    by_itself, an_iteration, a_row = _BYTES
    iterations = (configuration.get("train") or {}).get("iterations", 0)
    rows = sum(cell["tasks"] * len(cell["batchings"]) for cell in configuration.get("test", ()))
    return int(by_itself + an_iteration * iterations + a_row * rows)
