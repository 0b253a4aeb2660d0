"""What a claim may ask of results, whether printed in the paper or measured here.

All accuracies and differences are in percent (points). Whoever measures fills in `Evidence`;
`PrintedEvidence` does so from the paper's tables, `MeasuredEvidence` from per-task results.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd

    from tnverify.analyses.paper.rules import Standing
    from tnverify.analyses.paper.schemes import Arm
    from tnverify.analyses.paper.tables import Learner, Tasks
    from tnverify.analyses.statistics import Estimate
    from tnverify.analyses.statistics.checked import Values

Measurement = Literal["accuracy", "training_area"]
"""Accuracy on test tasks; or the mean height of the curve of training, higher being faster."""


@dataclass(frozen=True, slots=True)
class Setting:
    """Where something is measured: the learner, and how tasks are drawn.

    `tasks` is "fixed" for a fixed way and shot, "varied" for Meta-Dataset's sampler; `shot`
    keeps to configurations of that many context items a class.
    """

    learner: Learner
    tasks: Tasks
    measurement: Measurement = "accuracy"
    shot: int | None = None

    def __str__(self) -> str:
        shown = f"{self.learner}, {self.tasks} tasks"
        if self.shot is not None:
            shown += f", {self.shot} shot"
        return shown if self.measurement == "accuracy" else f"{shown}, speed of training"


@dataclass(frozen=True, slots=True)
class Cells:
    """Means and half-widths of 0.95 intervals, both (configurations, arms)."""

    configurations: tuple[str, ...]
    means: Values
    half_widths: Values


@dataclass(frozen=True, slots=True)
class Differences:
    """One arm minus another: on each configuration, and the mean over configurations."""

    each: Mapping[str, Estimate]
    mean: Estimate


class Evidence(Protocol):
    """Results that claims are judged by. Every method answers None where nothing was measured."""

    def cells(self, setting: Setting, arms: Sequence[Arm]) -> Cells | None:
        """Every arm on the configurations on which all of them were measured."""

    def differences(
        self, setting: Setting, first: Sequence[Arm], second: Sequence[Arm]
    ) -> Differences | None:
        """The mean of the first arms minus that of the second, on identical tasks where tasks are
        known."""

    def change(self, small: Setting, large: Setting, first: Arm, second: Arm) -> Estimate | None:
        """First minus second in `small`, minus the same in `large`, both means over
        configurations."""

    def spread(self, setting: Setting, arms: Sequence[Arm]) -> Estimate | None:
        """The best of the arms minus the worst, means over configurations."""

    def draws(self, setting: Setting, arms: Sequence[Arm]) -> Values | None:
        """Means as they might have been: (draws, configurations, arms), in the order of `cells`.
        One draw, the means themselves, where no noise is known."""

    def standing(self, settings: Sequence[Setting], arms: Sequence[Arm]) -> Standing | None:
        """Return what stands behind arms; None where no rule applies."""

    def same_for_every_batching(self, setting: Setting, scheme: str) -> bool | None:
        """Whether each task came out the same with targets all at once and in parts."""

    def alphas(self, setting: Setting) -> pd.DataFrame | None:
        """Learned alpha: columns `layer`, `context_size`, `alpha`, and `seed` where known."""

    def chances(self, setting: Setting) -> Mapping[str, float] | None:
        """The accuracy of guessing, by configuration, where it is one number."""
