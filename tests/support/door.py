"""An engine for pytest's door that answers with results made by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import handmade

import tnverify.catalogue
from tnverify.catalogue import Catalogue, Law
from tnverify.doors import parametrized, verification
from tnverify.engine import check, run
from tnverify.engine.causes import group_causes
from tnverify.engine.results import LawVerdict, RunReport
from tnverify.subjects.recipe import Found

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pytest

    from tnverify.engine.options import RunOptions
    from tnverify.engine.progress import Progress
    from tnverify.engine.results import SubjectReport
    from tnverify.subjects import SubjectRecipe

LOADED = (check, run)
"""Imported here, for pytester forgets every module that is first imported while it runs."""

SPEC = "torch.nn:GroupNorm(2, channels)"
HELD, VIOLATED, BROKEN, NOT_CLAIMED, UNDECIDED, SHOULD = handmade.LAWS

VERDICTS = (
    LawVerdict(HELD, "held", held_as="rounded", examples=98, margin=0.25),
    LawVerdict(
        VIOLATED, "violated", examples=1, reason="1 of 1 values differ", expected="[0]",
        actual="[1]", counterexample=handmade.COUNTEREXAMPLE,
    ),
    LawVerdict(BROKEN, "broken", examples=1, reason="raised RuntimeError in backward: no"),
    LawVerdict(NOT_CLAIMED, "not_claimed", reason="the layer has no handle on scale"),
    LawVerdict(UNDECIDED, "inconclusive", reason="no task counted"),
    LawVerdict(SHOULD, "violated", examples=1, reason="a copy forgets its task"),
)  # fmt: skip


class Engine:
    """Answers with `VERDICTS`, of the laws that were asked for, and counts how often."""

    def __init__(self) -> None:
        self.asked: list[tuple[tuple[SubjectRecipe, ...], RunOptions]] = []
        self.measured: list[str] = []
        self.known: list[Mapping[str, SubjectReport]] = []
        self.changes: dict[str, object] = {}
        self.verdicts: Sequence[LawVerdict] = VERDICTS

    def identify(self, recipe: SubjectRecipe, device: str = "cpu") -> SubjectReport:
        self.measured.append(recipe.spec)
        if self.changes.get("unusable"):
            return replace(handmade.unusable(), spec=recipe.spec)
        found = Found(claims="meta_bn", handles=self.changes.get("handles", {}))  # type: ignore[arg-type]  # as a test says
        report = handmade.conforming(recipe.spec)
        return replace(report, recipe=replace(recipe, claims="meta_bn", found=found).kept())

    def verify(
        self,
        requests: Sequence[SubjectRecipe],
        options: RunOptions,
        progress: Progress,
        known: Mapping[str, SubjectReport],
    ) -> RunReport:
        self.asked.append((tuple(requests), options))
        self.known.append(known)
        laws = tuple(v for v in self.verdicts if not options.only or v.law.name in options.only)
        subject = replace(
            handmade.conforming(requests[0].spec),
            laws=laws,
            verdict="violates",
            causes=group_causes(laws),
        )
        if self.changes.get("unusable"):
            subject = replace(handmade.unusable(), spec=requests[0].spec)
        report = handmade.run_of(subject)
        interrupted = bool(self.changes.get("interrupted"))
        asleep: Any = self.changes.get("asleep", ())
        return replace(report, asleep=tuple(asleep), interrupted=interrupted)


def catalogue() -> Catalogue:
    """The laws that have a verdict above."""
    laws: tuple[Law, ...] = tuple(verdict.law for verdict in VERDICTS)
    return Catalogue(laws)


def install(monkeypatch: pytest.MonkeyPatch) -> Engine:
    """Put an `Engine` and its catalogue in the place of the real ones."""
    engine = Engine()
    monkeypatch.setattr(run, "verify", engine.verify)
    monkeypatch.setattr(run, "identify", engine.identify)
    for module in (
        tnverify.catalogue,
        verification,
        parametrized,
        check,
    ):
        monkeypatch.setattr(module, "load_catalogue", catalogue)
    return engine
