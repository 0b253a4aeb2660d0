"""Asking a subject in worlds that are equal but for one thing, and keeping what it answered."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Literal

import torch

from tnverify.auditing.driving.outputs import NotRows
from tnverify.contract.outcomes import SubjectRaised

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from tnverify.auditing.driving.driven import Driven, Lane, Session
    from tnverify.auditing.options import AuditOptions
    from tnverify.auditing.task import AuditTask

_NUDGES = 3
_MOST_KEPT = 64
"""Answers that are kept: a law asks for those of a task again and again."""


@dataclass(frozen=True, slots=True, eq=False)
class Pair:
    """Two worlds, and the targets that must be answered alike in both: place for place."""

    task: AuditTask
    other: AuditTask
    rows: Tensor
    other_rows: Tensor

    @property
    def equal_shapes(self) -> bool:
        """Whether the same shapes are computed in both."""
        return self.task.count == self.other.count

    @property
    def same_draws(self) -> bool:
        """Whether a subject that draws numbers as it goes draws the same for what is compared: each
        target stands at one place among as many."""
        return self.equal_shapes and bool(self.rows.equal(self.other_rows))


@dataclass(frozen=True, slots=True)
class Reading:
    """What the answers of a pair of worlds say: `equal` to the bit, moved by `rounding`, or that
    the one `reads` what differs. `moved` is the largest difference, `wide` that in float64."""

    found: Literal["equal", "rounding", "reads"]
    moved: float = 0.0
    wide: float | None = None
    row: int = 0
    """The target that moves most, by its place among those that were compared."""


@dataclass(slots=True)
class Readings:
    """What one law read over its tasks."""

    all: list[tuple[Pair, Reading]] = field(default_factory=list)

    @property
    def exact(self) -> bool:
        return all(reading.found == "equal" for _, reading in self.all)

    @property
    def moved(self) -> float:
        return max((reading.moved for _, reading in self.all), default=0.0)

    @property
    def wide(self) -> float | None:
        """The largest difference in float64, of what moved at all; None where none was had."""
        found = [r.wide for _, r in self.all if r.wide is not None]
        return max(found, default=None)

    @property
    def leak(self) -> tuple[Pair, Reading] | None:
        """The pair of worlds whose answers differ most, of those that show a leak."""
        found = [each for each in self.all if each[1].found == "reads"]
        return max(found, key=lambda each: each[1].moved, default=None)


class Asker:
    """Asks one subject. Equal questions are asked once: a subject that answers equal questions
    differently is found by a law of its own."""

    def __init__(self, driven: Driven, options: AuditOptions, tasks: Sequence[AuditTask]) -> None:
        self.driven, self.options, self.tasks = driven, options, tuple(tasks)
        self.readings = Readings()
        self.asked = 0
        """How many fresh subjects were asked."""
        self._kept: dict[tuple[int, Lane], tuple[AuditTask, Tensor]] = {}
        self._floors: dict[tuple[int, Lane], tuple[AuditTask, Tensor]] = {}

    def session(self, lane: Lane = "native", *, build: int | None = None) -> Session:
        """A fresh subject."""
        self.asked += 1
        return self.driven.session(lane, self.options.seed, build=build)

    def answer(self, task: AuditTask, lane: Lane = "native") -> Tensor:
        """What a fresh subject predicts of a task."""
        key = (id(task), lane)
        if key not in self._kept:
            while len(self._kept) >= _MOST_KEPT:
                del self._kept[next(iter(self._kept))]
            self._kept[key] = (task, self.session(lane).answer(task))
        return self._kept[key][1]

    def floor(self, task: AuditTask, lane: Lane = "native") -> Tensor:
        """By how much each target's outputs move where every value of the task is moved by one
        unit in the last place: what rounding alone can do to them."""
        key = (id(task), lane)
        if key not in self._floors:
            wide = lane == "float64" or self.driven.form.tables
            base = task.in_dtype(torch.float64 if wide else torch.float32)
            usual = self.answer(task, lane)
            signs = torch.Generator().manual_seed(task.number)
            found = _unit(usual)
            for _ in range(_NUDGES):
                moved = self.session(lane).answer(base.nudged(signs))
                found = torch.maximum(found, differences(usual, moved))
            self._floors[key] = (task, found)
        return self._floors[key][1]

    @cached_property
    def has_float64(self) -> bool:
        """Whether the subject runs in float64 and its outputs are then as precise: they answer a
        change of the input that float32 cannot hold."""
        if self.driven.form.tables:
            return False  # it runs in float64 already: there is nothing to rise to
        task = self.tasks[0].in_dtype(torch.float64)
        try:
            usual = self.session("float64").answer(task)
            if usual.dtype != torch.float64:
                return False
            if self.driven.form.texts:
                return _is_more_precise(usual, self.answer(self.tasks[0]))
            moved = self.session("float64").answer(_a_little_moved(task))
        except (SubjectRaised, NotRows):
            return False
        if usual.shape != moved.shape:
            return False
        rows = differences(usual, moved)
        return bool((rows > 0).double().mean() > 0.9)

    @cached_property
    def is_deterministic(self) -> bool:
        """Whether two equal worlds, seeded alike, answer to the bit alike."""
        first, second = (self.session().answer(self.tasks[0]) for _ in range(2))
        return same_bits(first, second)

    @cached_property
    def draws_while_fitting(self) -> bool:
        """Whether its predictions depend on the random numbers that are drawn for a context."""
        task = self.tasks[0]
        other = self.session().fit(task, seed=self.options.seed + 1000)
        return not same_bits(self.answer(task), other.predict(task)) or self.draws_while_predicting

    @cached_property
    def draws_while_predicting(self) -> bool:
        """Whether its predictions depend on the random numbers that are drawn for them."""
        task = self.tasks[0]
        session = self.session().fit(task)
        usual = session.predict(task)
        other = self.session().fit(task).predict(task, seed=self.options.seed + 1000)
        return not same_bits(usual, other)


def _is_more_precise(wide: Tensor, usual: Tensor) -> bool:
    """Whether outputs in float64 have digits that float32 cannot hold, for texts, which nothing
    moves a little."""
    if wide.shape != usual.shape:
        return False
    more = (wide != wide.float().double()).double().mean()
    return bool(more > 0.5)


def _a_little_moved(task: AuditTask) -> AuditTask:
    from dataclasses import replace

    by = 1 + 2.0**-36
    return replace(task, context=task.context * by, targets=task.targets * by)


def _unit(values: Tensor) -> Tensor:
    """One unit in the last place of the largest output, a value a row."""
    if not values.is_floating_point():
        return torch.zeros(len(values), dtype=torch.float64)
    finite = values.detach()[values.isfinite()].abs()
    largest = float(finite.max()) if finite.numel() else 0.0
    return torch.full((len(values),), largest * torch.finfo(values.dtype).eps, dtype=torch.float64)


def same_bits(first: Tensor, second: Tensor) -> bool:
    """Whether two answers are equal to the bit; NaN is equal to NaN."""
    if first.shape != second.shape or first.dtype != second.dtype:
        return False
    return bool(torch.equal(first.isnan(), second.isnan())) and bool(
        torch.equal(first.nan_to_num(), second.nan_to_num())
    )


def differences(first: Tensor, second: Tensor) -> Tensor:
    """(rows,), the largest difference of each row: infinite where one is finite alone."""
    a, b = (each.detach().double().reshape(len(each), -1) for each in (first, second))
    if a.shape != b.shape:
        return torch.full((len(a),), torch.inf, dtype=torch.float64)
    if a.shape[1] == 0:
        return torch.zeros(len(a), dtype=torch.float64)
    alike = (a == b) | (a.isnan() & b.isnan())
    gap = torch.where(alike, torch.zeros_like(a), (a - b).abs())
    return gap.nan_to_num(nan=torch.inf, posinf=torch.inf).max(1).values
