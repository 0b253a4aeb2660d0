"""Whether trainings had settled when they were tested, and had learned anything."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

    from tnverify.analyses.paper.evidence import Setting
    from tnverify.analyses.paper.schemes import Arm


class Trainings:
    """Rows of trainings: `learner`, `tasks`, `shot`, `scheme`, `alpha`, `per_channel`, `seed`,
    `way`, and in percent `whole` and `half`, the accuracy after the whole budget and after half of
    it, and `pixels`, that of raw pixels on the same tasks; missing where nobody measured it."""

    def __init__(self, rows: pd.DataFrame | None) -> None:
        self._rows = rows
        self._known: dict[tuple[Setting, Arm], tuple[float, float]] = {}

    def of(self, setting: Setting, arm: Arm) -> tuple[float, float]:
        """The change by the second half of the budget, in the setup in which it is largest, and
        how far the arm lies above raw pixels, where it is least; NaN where it is not known."""
        if (setting, arm) not in self._known:
            self._known[setting, arm] = self._looked_up(setting, arm)
        return self._known[setting, arm]

    def _looked_up(self, setting: Setting, arm: Arm) -> tuple[float, float]:
        rows = self._rows
        if rows is None or rows.empty:
            return math.nan, math.nan
        rows = rows[(rows["learner"] == setting.learner) & (rows["tasks"] == setting.tasks)]
        rows = rows[rows["scheme"] == arm.scheme]
        if setting.shot is not None:
            rows = rows[rows["shot"] == setting.shot]
        for column, wanted in (("alpha", arm.alpha), ("per_channel", arm.per_channel)):
            rows = rows[rows[column].isna() if wanted is None else rows[column] == wanted]
        if rows.empty:
            return math.nan, math.nan
        setups = rows.groupby(["way", "shot"], dropna=False)
        # Of the seeds that have a run of half the budget: it may have been made for some alone.
        changes = setups.apply(lambda each: (each["whole"] - each["half"]).mean())
        above = setups.apply(lambda each: (each["whole"] - each["pixels"]).mean())
        change = math.nan if changes.isna().any() else float(max(changes, key=abs))
        return change, math.nan if above.isna().any() else float(above.min())
