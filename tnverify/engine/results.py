"""What a run found, as values: a run has subject reports, each has one verdict a law."""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from tnverify.catalogue.laws import LawFacts
    from tnverify.contract.measured import Audited, Fingerprint, Nearness
    from tnverify.subjects.recipe import SubjectRecipe

Outcome = Literal[
    "held", "violated", "broken", "not_claimed", "inconclusive", "waived", "stale_waiver"
]
Verdict = Literal["conforms", "violates", "inconclusive", "unusable"]
Command = Literal["verify", "audit"]

BAD: frozenset[str] = frozenset({"violated", "broken", "stale_waiver"})
"""Outcomes that make a must-law decide against its subject."""


Output = Literal["target", "context"]
Found = Literal["reads", "exactly_zero", "not_measured"]
Claimed = Literal["must", "may", "may_not"]

Dimension = Literal["context", "targets", "channels", "depth", "height", "width", "length"]


@dataclass(frozen=True, slots=True)
class Boundary:
    """Where a law fails around its smallest failing task, along one dimension, by the sizes that
    were tried: those on which it fails, those on which it passes, and those that decide nothing."""

    dimension: Dimension
    failing: tuple[int, ...]
    passing: tuple[int, ...] = ()
    undecided: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Flow:
    """Whether the values of `source` reach an output, as it was found and as it is claimed;
    `claimed` is None where nothing is known of what the layer claims."""

    source: str
    output: Output
    found: Found
    claimed: Claimed | None


@dataclass(frozen=True, slots=True)
class Effect:
    """By how much what a law forbids moves an output: the largest and the median over the `tasks`
    on which the law failed."""

    largest: float
    median: float
    tasks: int


@dataclass(frozen=True, slots=True)
class Counterexample:
    """The smallest failing task found.

    `plan` rebuilds the task it was shrunk from, parameters included; `context` and `targets`
    are the values, nested lists. `boundary` says, a dimension each, where the law fails and where
    it passes around the smallest task. `reproducer` is a program that fails the same way;
    `path` is where it was written, `verified` whether a fresh process failed so.
    """

    plan: dict[str, object]
    context: list[object]
    targets: list[object]
    boundary: tuple[Boundary, ...] = ()
    reproducer: str = ""
    verified: bool = False
    path: str | None = None
    summary: str = ""
    """One line that reads well: `context [0, 0, 0, 1], target [0]`."""
    calls: tuple[str, ...] = ()
    """What the law asked of the layer on this task, a line a call; empty where it is too long."""
    effect: float | None = None
    """By how much an output is moved on this task, where the law is about what moves it."""
    standalone: str = ""
    """A program for torch alone that makes the same calls; empty where none can be written."""

    @property
    def is_smallest(self) -> bool:
        """Whether a smaller task was sought: audits name the task on which they met a failure."""
        return "audit" not in self.plan


@dataclass(frozen=True, slots=True)
class LawVerdict:
    """What became of one law for one subject.

    `margin` is finite: an error beyond all bounds, or none that is a number, is the largest float.
    """

    law: LawFacts
    outcome: Outcome
    reason: str | None = None
    lane: Literal["float64", "native", "both"] = "both"
    held_as: Literal["exact", "rounded"] | None = None
    examples: int = 0
    to_detection: int | None = None
    """How many tasks were tried up to and with the one that failed."""
    seconds: float = 0.0
    """By the clock, over all tasks that were tried."""
    formula_seconds: float = 0.0
    """Of these, what the formula in float64 took."""
    margin: float | None = None
    expected: str | None = None
    actual: str | None = None
    symptom: str | None = None
    counterexample: Counterexample | None = None
    refused: int = 0
    """How many tasks, on which the law had something to say, the layer refused."""
    cause: str | None = None
    """What the layer was proven to do (`draws random numbers`) that makes this law fail; a law that
    it kept from being decided is inconclusive."""
    effect: Effect | None = None
    """By how much outputs were moved over several tasks, where the law is about what moves them."""

    def __post_init__(self) -> None:
        if self.margin is not None and not math.isfinite(self.margin):
            object.__setattr__(self, "margin", sys.float_info.max)

    @property
    def is_bad(self) -> bool:
        return self.law.level == "must" and self.outcome in BAD

    @property
    def is_shown(self) -> bool:
        """Whether a person must see it: bad, or a should-level law that does not hold."""
        return self.outcome in BAD


@dataclass(frozen=True, slots=True)
class Cause:
    """One thing that is wrong with a layer.

    `laws` fail of it, the most telling first; `undecided` names those that could not be decided
    because of it. `title` says what the layer does, None where the first law says it.
    """

    laws: tuple[str, ...]
    title: str | None = None
    undecided: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Asked:
    """The largest sizes of the plans that a subject was asked about."""

    channels: int
    items: int
    side: int
    values: int
    """In one set of a task."""


@dataclass(frozen=True, slots=True)
class SubjectReport:
    """One subject's verdict with all its laws; `laws` is empty only where unusable.

    `causes` groups the laws that fail of one cause, the most telling first.
    """

    spec: str
    verdict: Verdict
    adapter: str | None = None
    adapter_given: bool = False
    """Whether the adapter was named by the user; else it was detected."""
    evidence: str | None = None
    """What speaks for an adapter that was detected, in a sentence."""
    scheme: str | None = None
    modifiers: tuple[str, ...] = ()
    inferred: bool = True
    reason: str | None = None
    fingerprint: Fingerprint | None = None
    flows: tuple[Flow, ...] = ()
    """Who was found to reach whom, and what is claimed of it; empty where nothing was measured."""
    asked: Asked | None = None
    """The largest sizes that were asked; None where no law was."""
    laws: tuple[LawVerdict, ...] = ()
    causes: tuple[Cause, ...] = ()
    nearness: Nearness | None = None
    """The scheme that comes near, where none was claimed and none fits."""
    like_faults: tuple[str, ...] = ()
    """Planted faults that fail just the same laws, where a claim was given."""
    notes: tuple[str, ...] = ()
    """Remarks for a person: no float64 lane, output that was captured, and the like."""
    cautions: tuple[str, ...] = ()
    """What a reader must know before the verdict: what was left out, or done to the layer."""
    recipe: SubjectRecipe | None = None
    """How it was built and driven; None where that was not found out."""
    bug: str | None = None
    """The file with the traceback where tnverify itself failed while it drove the subject."""
    seconds: float = 0.0
    audit: Audited | None = None
    """What an audit measured; None where a layer was verified."""

    @property
    def conforms(self) -> bool:
        """Whether it keeps what it claims, as far as that was asked."""
        return self.verdict == "conforms"

    @property
    def failures(self) -> tuple[LawVerdict, ...]:
        """The must-level laws that it breaks, the most telling first, by cause."""
        order = [name for cause in self.causes for name in cause.laws]
        bad = [verdict for verdict in self.laws if verdict.is_bad]
        place = {name: number for number, name in enumerate(order)}
        return tuple(sorted(bad, key=lambda verdict: place.get(verdict.law.name, len(place))))

    def __str__(self) -> str:
        from tnverify.report.terminal import subject_text

        return subject_text(self)

    def __repr__(self) -> str:
        told = self.verdict if self.laws or self.fingerprint is None else "was identified"
        return f"<SubjectReport: {self.spec} {told}; print it to read it>"

    def verdict_of(self, name: str) -> LawVerdict:
        return next(v for v in self.laws if v.law.name == name)


@dataclass(frozen=True, slots=True)
class RunReport:
    """A whole run. `interrupted` says that Ctrl-C ended it: what was found so far is here.

    `asleep` names the families whose own known-bad layer was not caught: what the run found to
    hold there says nothing.
    """

    command: Command
    environment: dict[str, str | float | bool | None]
    profile: str
    seed: int
    started_at: str
    seconds: float
    subjects: tuple[SubjectReport, ...]
    interrupted: bool = False
    asleep: tuple[str, ...] = ()
    only: tuple[str, ...] = ()
    """The laws and families that were asked alone, as they were named; empty where all were."""
    skip: tuple[str, ...] = ()
    """The laws and families that were left out, as they were named."""

    @property
    def conforms(self) -> bool:
        """Whether every subject does."""
        return all(subject.conforms for subject in self.subjects)

    @property
    def failures(self) -> tuple[LawVerdict, ...]:
        """The must-level laws that subjects break, of each the most telling first."""
        return tuple(verdict for subject in self.subjects for verdict in subject.failures)

    def to_json(self) -> str:
        """The report as JSON text, in the form of `report.schema.json`."""
        from tnverify.report.as_json import to_json

        return to_json(self)

    def _repr_html_(self) -> str:
        """What a notebook shows: the page, in a frame of its own."""
        from tnverify.report.as_html import framed

        return framed(self)

    def __str__(self) -> str:
        from tnverify.report.terminal import run_text

        return run_text(self)

    def __repr__(self) -> str:
        told = ", ".join(f"{each.spec} {each.verdict}" for each in self.subjects)
        return f"<RunReport: {told}; print it to read it>"

    @property
    def is_partial(self) -> bool:
        return bool(self.only or self.skip)

    @property
    def exit_code(self) -> int:
        """130 interrupted; else of all subjects 1 (violates) wins over 70 (a bug of tnverify), over
        2, over 3, over 0."""
        if self.interrupted:
            return 130
        verdicts = {subject.verdict for subject in self.subjects}
        if "violates" in verdicts:
            return 1
        if any(subject.bug for subject in self.subjects):
            return 70
        return 2 if "unusable" in verdicts else 3 if "inconclusive" in verdicts else 0
