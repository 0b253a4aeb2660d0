"""A subject in a test suite: measured and verified once, when that is first asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tnverify.bad_input import BadInput
from tnverify.catalogue import load_catalogue
from tnverify.engine.profiles import find_profile
from tnverify.engine.trial import why_unclaimed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tnverify.doors.api import Asked
    from tnverify.engine.results import LawVerdict, RunReport, SubjectReport


class LawFailed(AssertionError):  # noqa: N818 - named for what became of the law, as a user reads it
    """A must-level law does not hold; the message says what was found."""


LawFailed.__module__ = "tnverify"


class Verification:
    """One subject, and what became of it once it was asked about."""

    def __init__(self, asked: Asked) -> None:
        self.asked = asked
        self.picked: set[str] | None = None
        """The laws that a run picked, None where that is not known."""
        self.run: RunReport | None = None
        self.is_told = False
        """Whether a test has said that it cannot be used."""
        self.is_charged = False
        """Whether a test was charged with what it took beside the laws."""
        self._measured: SubjectReport | None = None
        self._unusable: BadInput | None = None

    @property
    def spec(self) -> str:
        return self.asked.recipes[0].spec

    @property
    def laws(self) -> list[str]:
        """The laws that are asked about, claimed or not."""
        options = self.asked.options
        return [law.name for law in load_catalogue().select(options.only, options.skip)]

    @property
    def is_known(self) -> bool:
        """Whether it was verified, or found unusable."""
        return self.run is not None or self._unusable is not None

    def unclaimed(self) -> dict[str, str]:
        """The laws that are not claimed, each with the reason; none where it cannot be used."""
        try:
            measured = self._measured or self.asked.identified()
        except BadInput:
            return {}  # what comes of verifying it says so
        self._measured = measured
        recipe = measured.recipe
        if recipe is None or recipe.found is None:
            return {}
        profile = find_profile(self.asked.options.profile)
        handles, lanes = recipe.found.handles, recipe.found.lanes
        reasons = {
            law.name: why_unclaimed(law, recipe.held_to, handles, lanes, profile)
            for law in load_catalogue()
        }
        return {name: reason for name, reason in reasons.items() if reason is not None}

    def verify(self) -> RunReport:
        """The report of the laws that were picked. Raises BadInput where it cannot be used, each
        time that it is asked for, and KeyboardInterrupt where Ctrl-C ended it."""
        if self._unusable is not None:
            self.is_told = True
            raise self._unusable
        if self.run is None:
            known = {} if self._measured is None else {self.spec: self._measured}
            self.run = self.asked.verified(self._only(), known)
        if self.run.interrupted:
            raise KeyboardInterrupt
        report = self.run.subjects[0]
        if report.verdict == "unusable":
            self._unusable = BadInput(f"{report.spec}: {report.reason}")
            raise self._unusable
        return self.run

    def _only(self) -> tuple[str, ...] | None:
        """The laws to ask; None for all that the options have, which is a report in full."""
        if self.picked is None:
            return None
        silent = set() if self._measured is None else set(self.unclaimed())
        if self.picked >= set(self.laws) - silent:
            return None
        return tuple(name for name in self.laws if name in self.picked)

    def verdict(self, law: str) -> LawVerdict:
        """What became of a law. Raises as `verify`."""
        return self.verify().subjects[0].verdict_of(law)

    def text(self, law: str) -> str:
        """What is told of a law that fails: all of it for the most telling of a cause."""
        from tnverify.report.cause import cause_text

        run = self.verify()
        report = run.subjects[0]
        verdict = report.verdict_of(law)
        group = self._cause(report, law)
        if group and group[0].law.name != law:
            return f"of the same cause as {group[0].law.name}: {verdict.reason}"
        return cause_text(group or [verdict])

    @staticmethod
    def _cause(report: SubjectReport, law: str) -> Sequence[LawVerdict]:
        for cause in report.causes:
            if law in cause.laws:
                return [report.verdict_of(name) for name in cause.laws]
        return ()
