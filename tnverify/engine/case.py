"""One subject as the run sees it: what its processes told, and what is concluded from that."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tnverify.engine.hold import crash_evaluation
from tnverify.engine.results import LawVerdict, SubjectReport
from tnverify.engine.single import concluded, not_reached, unusable, unwritten
from tnverify.engine.trial import INTERRUPTED, MOST_HANGS
from tnverify.engine.verdicts import law_verdict
from tnverify.engine.watch import Before, Crash
from tnverify.engine.worker import blamed_for_crashes
from tnverify.report.paths import kept_traceback

if TYPE_CHECKING:
    from tnverify.catalogue import Law
    from tnverify.engine.options import RunPlan
    from tnverify.engine.told import Told
    from tnverify.engine.trial import LawRecord
    from tnverify.isolation.board import Doing
    from tnverify.subjects import SubjectRecipe

MOST_CRASHES = 5
"""So often is a subject given another process."""

MOST_EDGES = 3
"""So often may a size that is tried end the process of a subject that is measured."""


@dataclass(slots=True)
class Case:
    """What is known so far of subject `number` of a run."""

    request: SubjectRecipe
    number: int
    only_measure: bool = False
    report: SubjectReport | None = None
    records: dict[str, LawRecord] = field(default_factory=dict)
    small: dict[str, LawVerdict] = field(default_factory=dict)
    verdicts: tuple[LawVerdict, ...] | None = None
    crashes: list[Crash] = field(default_factory=list)
    unusable: str | None = None
    failed: str | None = None
    traceback: str | None = None
    broke: str | None = None
    """How it made its process useless, where it did."""
    tried: bool = False
    undetected: bool = False
    came_twice: bool = False
    interrupted: bool = False
    done: bool = False
    notes: list[str] = field(default_factory=list)
    cautions: list[str] = field(default_factory=list)
    progress: tuple[Any, ...] | None = None
    """The last that was told of how far it is: the kind of it, and its numbers."""
    began: float | None = None
    file: Path | None = None
    """The file that the layer is in, where it was there to begin with."""

    def begin(self) -> None:
        """Take that its first process is to start."""
        if self.began is None:
            self.began = time.perf_counter()
            path, named, _ = self.request.spec.partition(".py:")
            file = Path(f"{path}.py")
            self.file = file if named and file.is_file() else None

    @property
    def before(self) -> Before:
        return Before(
            tuple(self.crashes), dict(self.records), dict(self.small), self.tried, self.undetected
        )

    def hear(self, told: Told) -> None:
        """Take what its process tells."""
        value: Any = told.value
        match told.what:
            case "described":
                self.report = value
            case "unusable" | "failed" | "traceback" | "broke" | "verdicts":
                setattr(self, told.what, value)
            case "asked":
                self.records[value.law.name] = value
            case "small":
                self.small[value.law.name] = value
            case "interrupted" | "done":
                setattr(self, told.what, True)
                self.notes += [value] if value else []
            case "not_written":
                self._caution(unwritten(value))
            case "plan" | "shrink":
                self.progress = (told.what, *value)
                self.tried = self.tried or told.what == "shrink" or value[0] == value[1]

    def crashed(self, doing: Doing, how: str, *, hung: bool) -> bool:
        """Take that its process ended before it was done; whether it gets another."""
        stage = doing.stage
        crash = Crash(how, stage, doing.during, doing.law, doing.plan, doing.lane, doing.task, hung)
        at_edge = crash.at_edge and sum(c.at_edge for c in self.crashes) < MOST_EDGES
        if stage in ("", "start", "resolve") and not (self.undetected or at_edge):
            if doing.during in ("", "build"):
                what = "built" if doing.during else "imported"
                self.unusable = f"when it was {what}, {how}"
                return False
            if self.report is None:
                self.undetected = True
        self.crashes.append(crash)
        if stage == "end" or self.only_measure:
            return False
        if self.undetected and sum(c.stage == "laws" for c in self.crashes):
            # One task is enough to show it; another process makes a program of that.
            self.tried = True
        hangs = sum(each.hung for each in self.crashes)
        return len(self.crashes) <= MOST_CRASHES and hangs <= MOST_HANGS

    def concluded(self, made: RunPlan) -> SubjectReport:
        """The subject's report, from all that was told."""
        seconds = 0.0 if self.began is None else time.perf_counter() - self.began
        if self.file is not None and not self.file.is_file():
            self._caution(f"{self.file} is gone: it was deleted while the layer was verified")
        if self.unusable is not None and not self.came_twice:
            report = unusable(self.request, self.unusable)
        elif self.only_measure:
            report = self.report or unusable(self.request, self._why_not_measured())
        elif self.report is None and not self.crashes and not self.came_twice:
            report = self._without_a_word()
        else:
            measured = self.report or SubjectReport(
                self.request.spec, "inconclusive", self.request.adapter, bool(self.request.adapter)
            )
            verdicts = [self._verdict(law, made) for law in made.catalogue]
            report = concluded(measured, self._with_blame(verdicts, made), made)
        bug = None if self.traceback is None else kept_traceback(self.traceback)
        if bug is not None:
            self._caution(f"its verification was ended by a bug of tnverify: report it with {bug}")
        return replace(
            report,
            seconds=seconds,
            notes=(*report.notes, *self.notes),
            cautions=(*report.cautions, *self.cautions),
            bug=bug,
        )

    def _without_a_word(self) -> SubjectReport:
        if self.interrupted or self.failed is None:
            return not_reached(self.request)
        return replace(not_reached(self.request), reason=self._failure())

    def _why_not_measured(self) -> str:
        if self.crashes:
            crash = self.crashes[-1]
            return f"{crash.how} in {crash.during}" if crash.during else crash.how
        return self._failure() if self.failed else "interrupted before it was measured"

    def _failure(self) -> str:
        return (
            f"the process that verified it failed: {self.failed}; where the layer changes no part"
            " of Python or torch, this is a bug of tnverify: please report it"
        )

    def _verdict(self, law: Law, made: RunPlan) -> LawVerdict:
        for known in self.verdicts or ():
            if known.law.name == law.name:
                return known
        if law.name in self.small:
            return self.small[law.name]
        if law.name in self.records:
            return law_verdict(self.records[law.name], None)
        crash = self._crash_that_breaks(law, made)
        if crash is not None:
            return _broken(law, crash)
        return LawVerdict(law, "inconclusive", self._why_undecided())

    def _crash_that_breaks(self, law: Law, made: RunPlan) -> Crash | None:
        for crash in self.crashes:
            named = any(each.name == crash.law for each in made.catalogue)
            if law.name == (crash.law if named else blamed_for_crashes(made.catalogue).name):
                return crash
        return None

    def _why_undecided(self) -> str:
        if self.interrupted:
            return INTERRUPTED
        if self.failed is not None:
            return self._failure()
        if self.undetected:
            return "the layer ended its process before it could be asked"
        return "the layer ended its process too often to go on"

    def _with_blame(self, verdicts: list[LawVerdict], made: RunPlan) -> list[LawVerdict]:
        """The verdicts, with a must-level law broken where only others met the end of a process,
        or a call came back twice."""
        blamed = blamed_for_crashes(made.catalogue)
        crashes = list(self.crashes)
        if self.came_twice:
            crashes.append(
                Crash("a call came back in a second process, which the layer made of this", "laws")
            )
        if not crashes or any(v.is_bad and v.symptom in ("crash", "hang") for v in verdicts):
            return verdicts
        return [_broken(v.law, crashes[-1]) if v.law is blamed else v for v in verdicts]

    def _caution(self, text: str) -> None:
        if text not in self.cautions:
            self.cautions.append(text)


def _broken(law: Law, crash: Crash) -> LawVerdict:
    ended = crash_evaluation(crash)
    return LawVerdict(
        law,
        "broken",
        ended.reason,
        examples=1,
        to_detection=1,
        expected=ended.expected,
        actual=ended.actual,
        symptom=ended.symptom,
    )
