"""Per-task results of one's own as evidence, with both levels of noise in every interval."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from tnverify.analyses.paper.evidence import Cells, Differences, Setting
from tnverify.analyses.paper.samples import Samples, joined, shared_names, shared_seeds
from tnverify.analyses.paper.schemes import Arm
from tnverify.analyses.statistics import Estimate, mean_interval, two_level, two_level_difference

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd

    from tnverify.analyses.statistics.checked import Values


class MeasuredEvidence:
    """`Evidence` of what was measured.

    - `results`: a row a test task, with `samples.COLUMNS`, `task` (equal numbers are identical
      tasks) and `accuracy` in percent;
    - `areas`: a row a training run, with `samples.COLUMNS` and `area`, the mean height of its
      curve of validation accuracy in percent, over the same span for all; None if there is none;
    - `learned`: a row a layer and context size, with `learner`, `tasks`, `layer`,
      `context_size`, `alpha` and `seed`; None if there is none.

    Two arms are compared on the seeds that both have, or, where they share none, as trainings
    that have nothing in common. Means over configurations weigh each the same. With one seed
    intervals cover test tasks alone, and areas have none: theirs are infinitely wide.
    """

    def __init__(
        self,
        results: pd.DataFrame,
        *,
        areas: pd.DataFrame | None = None,
        learned: pd.DataFrame | None = None,
        seed: int = 0,
        resamples: int = 2000,
    ) -> None:
        """Raises ValueError where a column is missing. `seed` is that of the bootstrap."""
        self._results = Samples(results, "accuracy")
        # The area of a training run counts as its one task.
        self._areas = None if areas is None else Samples(areas.assign(task=0), "area")
        self._learned = learned
        self._seed = seed
        self._resamples = resamples
        self._estimates: dict[tuple[Setting, Arm], dict[str, Estimate]] = {}
        self._differences: dict[tuple[Setting, Arm, Arm], Differences] = {}

    def cells(self, setting: Setting, arms: Sequence[Arm]) -> Cells | None:
        """See `Evidence`."""
        estimates = [self._estimated(setting, arm) for arm in arms]
        configurations = shared_names(estimates)
        if not configurations:
            return None
        return Cells(
            configurations,
            np.array([[each[name].value for each in estimates] for name in configurations]),
            np.array([[each[name].half_width for each in estimates] for name in configurations]),
        )

    def differences(self, setting: Setting, first: Arm, second: Arm) -> Differences | None:
        """See `Evidence`. Raises ValueError where the two were tested on different tasks."""
        key = setting, first, second
        if key not in self._differences:
            a, b = self._samples(setting, first), self._samples(setting, second)
            names = shared_names([a, b])
            if not names:
                return None
            each = {name: self._difference([a[name]], [b[name]]) for name in names}
            mean = self._difference([a[name] for name in names], [b[name] for name in names])
            self._differences[key] = Differences(each, mean)
        return self._differences[key]

    def same_for_every_batching(self, setting: Setting, scheme: str) -> bool | None:
        """See `Evidence`; exactly, seed by seed and task by task."""
        whole = self._samples(setting, Arm(scheme))
        parts = [self._samples(setting, Arm(scheme, batching)) for batching in ("class", "item")]
        same = [
            whole[name].equals(part[name]) for part in parts for name in shared_names([whole, part])
        ]
        return all(same) if same else None

    def alphas(self, setting: Setting) -> pd.DataFrame | None:
        """See `Evidence`."""
        if self._learned is None:
            return None
        learner, tasks = self._learned["learner"], self._learned["tasks"]
        rows = self._learned[(learner == setting.learner) & (tasks == setting.tasks)]
        return None if rows.empty else rows

    def chances(self, setting: Setting) -> Mapping[str, float] | None:
        """See `Evidence`."""
        rows = self._results.rows(setting).dropna(subset="way")
        ways = dict(zip(rows["configuration"], rows["way"], strict=True))
        return {str(name): 100 / float(way) for name, way in ways.items()} or None

    def _samples(self, setting: Setting, arm: Arm) -> Mapping[str, pd.DataFrame]:
        samples = self._results if setting.measurement == "accuracy" else self._areas
        return {} if samples is None else samples.of(setting, arm)

    def _estimated(self, setting: Setting, arm: Arm) -> Mapping[str, Estimate]:
        if (setting, arm) not in self._estimates:
            self._estimates[setting, arm] = {
                name: self._mean(matrix.to_numpy(dtype=np.float64))
                for name, matrix in self._samples(setting, arm).items()
            }
        return self._estimates[setting, arm]

    def _difference(
        self, first: Sequence[pd.DataFrame], second: Sequence[pd.DataFrame]
    ) -> Estimate:
        """The mean over configurations of first minus second."""
        for a, b in zip(first, second, strict=True):
            if not a.columns.equals(b.columns):
                raise ValueError("two schemes were not tested on identical tasks: measure again")
        both = shared_seeds([*first, *second])
        if len(both):
            pairs = zip(_of_seeds(first, both), _of_seeds(second, both), strict=True)
            return self._mean(joined([a - b for a, b in pairs]))
        one, other = (joined(_of_seeds(side, shared_seeds(side))) for side in (first, second))
        if one.shape[1] == 1:
            return Estimate(float(one.mean() - other.mean()), -math.inf, math.inf)
        generator = np.random.default_rng(self._seed)
        return two_level_difference(one, other, generator, resamples=self._resamples).widest

    def _mean(self, matrix: Values) -> Estimate:
        """The mean of (seeds, tasks), with the widest interval that can be had."""
        if matrix.shape[1] > 1:
            generator = np.random.default_rng(self._seed)
            return two_level(matrix, generator, resamples=self._resamples).widest
        if len(matrix) > 1:
            return mean_interval(matrix[:, 0])
        return Estimate(float(matrix[0, 0]), -math.inf, math.inf)


def _of_seeds(samples: Sequence[pd.DataFrame], seeds: pd.Index) -> list[Values]:
    return [each.loc[seeds].to_numpy(dtype=np.float64) for each in samples]
