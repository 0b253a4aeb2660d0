"""The paper's own tables and curves as evidence.

Cells are of different runs on tasks that are not known, so intervals of differences are those of
independent means; noise between training runs is in none of them.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from tnverify.analyses.paper.curves import LOSS_ERROR, learned_alpha, training_loss
from tnverify.analyses.paper.evidence import Cells, Differences, Setting
from tnverify.analyses.paper.schemes import Arm, TargetBatching
from tnverify.analyses.paper.tables import TABLES, table
from tnverify.analyses.statistics import Estimate, area_under_curve

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd

    from tnverify.analyses.paper.rules import Standing
    from tnverify.analyses.statistics.checked import Values

BATCHINGS: tuple[TargetBatching, ...] = ("all", "class", "item")


class PrintedEvidence:
    """`Evidence` of what the paper prints.

    Where several tables have an arm the first that has all the arms asked for is taken, so that
    what is compared was printed side by side.
    """

    def cells(self, setting: Setting, arms: Sequence[Arm]) -> Cells | None:
        """See `Evidence`."""
        if setting.measurement == "training_area":
            return _areas(setting, arms)
        for name in TABLES:
            cells = _cells_of(name, setting, arms)
            if cells is not None:
                return cells
        return None

    def differences(
        self, setting: Setting, first: Sequence[Arm], second: Sequence[Arm]
    ) -> Differences | None:
        """See `Evidence`."""
        cells = self.cells(setting, [*first, *second])
        if cells is None:
            return None
        shares = np.repeat([1 / len(first), -1 / len(second)], [len(first), len(second)])
        values = cells.means @ shares
        halves = np.linalg.norm(cells.half_widths * shares, axis=1)
        each = {
            name: _around(value, half)
            for name, value, half in zip(cells.configurations, values, halves, strict=True)
        }
        return Differences(
            each, _around(values.mean(), float(np.linalg.norm(halves)) / len(halves))
        )

    def change(self, small: Setting, large: Setting, first: Arm, second: Arm) -> Estimate | None:
        """See `Evidence`."""
        both = [self.differences(setting, [first], [second]) for setting in (small, large)]
        if both[0] is None or both[1] is None:
            return None
        one, other = both[0].mean, both[1].mean
        return _around(one.value - other.value, math.hypot(one.half_width, other.half_width))

    def spread(self, setting: Setting, arms: Sequence[Arm]) -> Estimate | None:
        """See `Evidence`; of the two that are printed as best and worst."""
        cells = self.cells(setting, arms)
        if cells is None:
            return None
        means = cells.means.mean(axis=0)
        best, worst = arms[int(means.argmax())], arms[int(means.argmin())]
        found = self.differences(setting, [best], [worst])
        return None if found is None else found.mean

    def draws(self, setting: Setting, arms: Sequence[Arm]) -> Values | None:
        """See `Evidence`."""
        cells = self.cells(setting, arms)
        return None if cells is None else cells.means[None]

    def standing(self, settings: Sequence[Setting], arms: Sequence[Arm]) -> Standing | None:
        """See `Evidence`."""
        return None

    def same_for_every_batching(self, setting: Setting, scheme: str) -> bool | None:
        """See `Evidence`; as far as a tenth of a point tells."""
        cells = self.cells(setting, [Arm(scheme, batching) for batching in BATCHINGS])
        if cells is None:
            return None
        return bool((cells.means == cells.means[:, :1]).all())

    def alphas(self, setting: Setting) -> pd.DataFrame | None:
        """See `Evidence`; figure 3, of CNAPs."""
        return learned_alpha() if (setting.learner, setting.tasks) == ("cnaps", "varied") else None

    def chances(self, setting: Setting) -> Mapping[str, float] | None:
        """See `Evidence`; 100 / way where the way is fixed."""
        ways = {
            row.configuration: 100 / row.way
            for name in _tables_of(setting)
            for row in table(name).itertuples()
            if TABLES[name].tasks == "fixed"
        }
        return ways or None


def _tables_of(setting: Setting) -> list[str]:
    wanted = (setting.learner, setting.tasks)
    return [name for name, about in TABLES.items() if (about.learner, about.tasks) == wanted]


def _cells_of(name: str, setting: Setting, arms: Sequence[Arm]) -> Cells | None:
    if name not in _tables_of(setting):
        return None
    rows = table(name)
    if setting.shot is not None:
        rows = rows[rows["shot"] == setting.shot]
    configurations = tuple(rows["configuration"].unique())
    by_arm: dict[Arm, dict[str, tuple[float, float]]] = {}
    for row in rows.itertuples():
        arm = Arm(row.scheme, row.target_batching, row.alpha, row.per_channel)
        by_arm.setdefault(arm, {})[row.configuration] = (row.accuracy, row.ci95)
    if not all(arm in by_arm for arm in arms):
        return None
    figures = np.array([[by_arm[arm][name] for arm in arms] for name in configurations])
    return Cells(configurations, figures[..., 0], figures[..., 1])


def _areas(setting: Setting, arms: Sequence[Arm]) -> Cells | None:
    """The mean height of figure 4c's losses, negative: a loss that falls faster is higher."""
    if (setting.learner, setting.tasks) != ("cnaps", "varied"):
        return None
    losses = dict(iter(training_loss().groupby("scheme")))
    if not all(arm.scheme in losses for arm in arms):
        return None
    areas = [
        area_under_curve(losses[arm.scheme]["iteration"], losses[arm.scheme]["loss"])
        for arm in arms
    ]
    means = -np.array([areas])
    return Cells(("Meta-Dataset",), means, LOSS_ERROR * np.abs(means))


def _around(value: float, half: float) -> Estimate:
    return Estimate(float(value), float(value - half), float(value + half))
