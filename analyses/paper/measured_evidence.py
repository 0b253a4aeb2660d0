"""Per-task results of one's own as evidence, with both levels of noise in every interval."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from tnverify.analyses.paper.evidence import Cells, Differences, Setting
from tnverify.analyses.paper.rules import Standing
from tnverify.analyses.paper.samples import Part, Samples, combined, shared_names, shared_seeds
from tnverify.analyses.paper.schemes import Arm
from tnverify.analyses.paper.settled import Trainings
from tnverify.analyses.statistics import (
    Estimate,
    mean_interval,
    two_level,
    two_level_difference,
    two_level_draws,
)
from tnverify.analyses.statistics.intervals import percentiles

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping, Sequence

    import pandas as pd

    from tnverify.analyses.statistics.checked import Values


class MeasuredEvidence:
    """`Evidence` of what was measured.

    - `results`: a row a test task, with `samples.COLUMNS`, `task` (equal numbers are identical
      tasks) and `accuracy` in percent;
    - `areas`: a row a training run, with `samples.COLUMNS` and `area`, the mean height of its
      curve of validation accuracy in percent, over the same span for all; None if there is none;
    - `learned`: a row a layer and context size, with `learner`, `tasks`, `layer`,
      `context_size`, `alpha` and `seed`; None if there is none;
    - `trainings`: a row a training run, as `Trainings` reads them; None if nothing is known.

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
        trainings: pd.DataFrame | None = None,
        seed: int = 0,
        resamples: int = 2000,
    ) -> None:
        """Raises ValueError where a column is missing. `seed` is that of the bootstrap."""
        self._results = Samples(results, "accuracy")
        # The area of a training run counts as its one task.
        self._areas = None if areas is None else Samples(areas.assign(task=0), "area")
        self._learned = learned
        self._training = Trainings(trainings)
        self._seed = seed
        self._resamples = resamples
        self._estimates: dict[tuple[Setting, Arm], dict[str, Estimate]] = {}
        self._differences: dict[tuple[object, ...], Differences] = {}

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

    def differences(
        self, setting: Setting, first: Sequence[Arm], second: Sequence[Arm]
    ) -> Differences | None:
        """See `Evidence`. Raises ValueError where two were tested on different tasks."""
        key = setting, tuple(first), tuple(second)
        if key not in self._differences:
            sides = self._parts(setting, first), self._parts(setting, second)
            names = shared_names([*sides[0], *sides[1]])
            if not names:
                return None
            each = {name: self._difference(*sides, names=(name,)) for name in names}
            self._differences[key] = Differences(each, self._difference(*sides, names=names))
        return self._differences[key]

    def change(self, small: Setting, large: Setting, first: Arm, second: Arm) -> Estimate | None:
        """See `Evidence`; tasks and seeds that both settings have are drawn once for both."""
        parts: list[Part] = []
        for setting, sign in ((small, 1.0), (large, -1.0)):
            sides = [self._parts(setting, [arm])[0] for arm in (first, second)]
            names = shared_names(sides)
            if not names:
                return None
            for side, direction in zip(sides, (sign, -sign), strict=True):
                parts += [replace(side[n], weight=direction / len(names)) for n in names]
        if not len(shared_seeds([part.matrix for part in parts])):
            return None
        return self._mean(combined(parts))

    def spread(self, setting: Setting, arms: Sequence[Arm]) -> Estimate | None:
        """See `Evidence`: by the bootstrap of the range, whose draws lie as far above the range
        that was measured as that lies above the true one; both are taken off."""
        draws, cells = self.draws(setting, arms), self.cells(setting, arms)
        if draws is None or cells is None or len(draws) == 1:
            return None
        means = cells.means.mean(axis=0)
        measured = float(means.max() - means.min())
        low, high = percentiles(np.ptp(draws.mean(axis=1), axis=1), 0.95)
        ends = max(0.0, 2 * measured - high), max(0.0, 2 * measured - low)
        return Estimate(measured, *ends)

    def draws(self, setting: Setting, arms: Sequence[Arm]) -> Values | None:
        """See `Evidence`: seeds and tasks resampled together, those that cells share once."""
        each = [self._parts(setting, [arm])[0] for arm in arms]
        names = shared_names(each)
        if not names:
            return None
        seeds = shared_seeds([one[name].matrix for one in each for name in names])
        if not len(seeds):
            return None
        groups: dict[Hashable, list[Values]] = {}
        places: dict[Hashable, list[tuple[int, int]]] = {}
        for (i, name), (j, one) in itertools.product(enumerate(names), enumerate(each)):
            matrix = one[name].matrix.loc[seeds]
            key = one[name].drawn, tuple(matrix.columns)
            groups.setdefault(key, []).append(matrix.to_numpy(dtype=np.float64))
            places.setdefault(key, []).append((i, j))
        generator = np.random.default_rng(self._seed)
        found = two_level_draws(groups, generator, resamples=self._resamples)
        draws = np.empty((self._resamples, len(names), len(arms)))
        for group, cells in places.items():
            for k, (i, j) in enumerate(cells):
                draws[:, i, j] = found[group][:, k]
        return draws

    def standing(self, settings: Sequence[Setting], arms: Sequence[Arm]) -> Standing | None:
        """See `Evidence`."""
        seeds, tasks, domains = [], [], []
        changes: list[float] = []
        floors: list[float] = []
        for setting in settings:
            found = [self._samples(setting, arm) for arm in arms]
            measured = [each for each in found if each]
            seeds += [len(matrix) for each in measured for matrix in each.values()]
            if setting.measurement == "accuracy":
                tasks += [m.shape[1] for each in measured for m in each.values()]
            about = self._results.about(setting, "domain")
            domains.append(len({about.get(name, name) for each in measured for name in each}))
            for arm, each in zip(arms, found, strict=True):
                if each:
                    change, floor = self._training.of(setting, arm)
                    changes.append(change)
                    floors.append(floor)
        return Standing(
            min(seeds, default=0),
            min(tasks, default=None),
            min(domains, default=0),
            max(changes, key=abs) if changes and not np.isnan(changes).any() else None,
            min(floors) if floors and not np.isnan(floors).any() else None,
        )

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

    def _parts(self, setting: Setting, arms: Sequence[Arm]) -> list[Mapping[str, Part]]:
        """Return the configurations of each arm, each of weight 1."""
        samples = self._results if setting.measurement == "accuracy" else self._areas
        drawn = {} if samples is None else samples.about(setting, "drawn")
        return [
            {n: Part(drawn.get(n, n), 1.0, m) for n, m in self._samples(setting, arm).items()}
            for arm in arms
        ]

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
        self,
        first: Sequence[Mapping[str, Part]],
        second: Sequence[Mapping[str, Part]],
        *,
        names: Sequence[str],
    ) -> Estimate:
        """The mean over configurations of the first arms less that of the second."""
        for name in names:
            columns = [side[name].matrix.columns for side in (*first, *second)]
            if not all(each.equals(columns[0]) for each in columns):
                raise ValueError("two schemes were not tested on identical tasks: measure again")
        one, other = _weighed(first, names), _weighed(second, names)
        if len(shared_seeds([part.matrix for part in (*one, *other)])):
            return self._mean(combined([*one, *(replace(p, weight=-p.weight) for p in other)]))
        a, b = combined(one), combined(other)
        if a.shape[1] == 1:
            return Estimate(float(a.mean() - b.mean()), -math.inf, math.inf)
        generator = np.random.default_rng(self._seed)
        return two_level_difference(a, b, generator, resamples=self._resamples).widest

    def _mean(self, matrix: Values) -> Estimate:
        """The mean of (seeds, tasks), with the widest interval that can be had."""
        if matrix.shape[1] > 1:
            generator = np.random.default_rng(self._seed)
            return two_level(matrix, generator, resamples=self._resamples).widest
        if len(matrix) > 1:
            return mean_interval(matrix[:, 0])
        return Estimate(float(matrix[0, 0]), -math.inf, math.inf)


def _weighed(side: Sequence[Mapping[str, Part]], names: Sequence[str]) -> list[Part]:
    weight = 1 / (len(side) * len(names))
    return [replace(each[name], weight=weight) for each in side for name in names]
