"""Results per task as matrices of (seeds, tasks), for one arm on one configuration."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd

    from tnverify.analyses.paper.evidence import Setting
    from tnverify.analyses.paper.schemes import Arm
    from tnverify.analyses.statistics.checked import Values

COLUMNS = (
    "learner", "tasks", "configuration", "way", "shot", "scheme", "alpha", "per_channel",
    "target_batching", "seed",
)  # fmt: skip
"""What a row of results is about; `alpha` and `per_channel` are None where they are not varied,
`way` and `shot` missing where they vary."""

OPTIONAL = ("drawn", "domain")
"""Of a row that may have them: what its task was drawn from, rows of equal `drawn` and `task` being
of the same classes and images; and the data set or script. Else both are the configuration."""


class Samples:
    """Rows with `COLUMNS`, `task` and a column of values, looked up by setting and arm."""

    def __init__(self, rows: pd.DataFrame, value: str) -> None:
        """Raises ValueError where a column is missing."""
        missing = {*COLUMNS, "task", value} - set(rows.columns)
        if missing:
            raise ValueError(f"results lack the column(s) {', '.join(sorted(missing))}")
        unsaid = {name: rows["configuration"] for name in OPTIONAL if name not in rows}
        self._rows = rows.assign(**unsaid)
        self._value = value
        self._about: dict[tuple[Setting, str], dict[str, str]] = {}
        self._known: dict[tuple[Setting, Arm], dict[str, pd.DataFrame]] = {}

    def of(self, setting: Setting, arm: Arm) -> dict[str, pd.DataFrame]:
        """(seeds, tasks) by configuration; empty where nothing was measured.

        Raises ValueError where seeds were tested on different tasks, or a task twice.
        """
        if (setting, arm) not in self._known:
            rows = self.rows(setting)
            rows = rows[rows["scheme"] == arm.scheme]
            rows = rows[rows["target_batching"] == arm.target_batching]
            for column, wanted in (("alpha", arm.alpha), ("per_channel", arm.per_channel)):
                rows = rows[rows[column].isna() if wanted is None else rows[column] == wanted]
            self._known[setting, arm] = {
                str(name): self._matrix(group, f"{arm} on {name} ({setting})")
                for name, group in rows.groupby("configuration", sort=False)
            }
        return self._known[setting, arm]

    def about(self, setting: Setting, column: str) -> dict[str, str]:
        """What `drawn` or `domain` says of each configuration."""
        if (setting, column) not in self._about:
            rows = self.rows(setting).drop_duplicates("configuration")
            pairs = zip(rows["configuration"], rows[column], strict=True)
            self._about[setting, column] = {str(name): str(value) for name, value in pairs}
        return self._about[setting, column]

    def rows(self, setting: Setting) -> pd.DataFrame:
        """All rows of a setting, whatever the arm."""
        rows = self._rows
        rows = rows[(rows["learner"] == setting.learner) & (rows["tasks"] == setting.tasks)]
        return rows if setting.shot is None else rows[rows["shot"] == setting.shot]

    def _matrix(self, rows: pd.DataFrame, what: str) -> pd.DataFrame:
        if rows.duplicated(["seed", "task"]).any():
            raise ValueError(f"{what}: a task was measured twice for one seed; keep one of them")
        matrix = rows.pivot(index="seed", columns="task", values=self._value)
        if matrix.isna().any(axis=None):
            raise ValueError(f"{what}: seeds were not tested on identical tasks; measure again")
        return matrix


def shared_names(samples: Sequence[Mapping[str, object]]) -> tuple[str, ...]:
    """The configurations that all have, in the first one's order."""
    return tuple(name for name in samples[0] if all(name in each for each in samples))


def shared_seeds(samples: Sequence[pd.DataFrame]) -> pd.Index:
    """The seeds that all have."""
    return functools.reduce(
        lambda seeds, each: seeds.intersection(each.index), samples[1:], samples[0].index
    )


@dataclass(frozen=True, slots=True)
class Part:
    """(seeds, tasks) of one configuration: what its tasks were drawn from, and its weight."""

    drawn: str
    weight: float
    matrix: pd.DataFrame


def combined(parts: Sequence[Part]) -> Values:
    """One (seeds, tasks) matrix: its mean is the weighted sum of the parts', its noise theirs.

    Parts of the same tasks are added task by task, so that what a hard task does to all of them
    is drawn once. Of others, each keeps its own noise, however many tasks it has; how their
    means differ is no noise.
    """
    seeds = shared_seeds([part.matrix for part in parts])
    blocks: dict[tuple[str, tuple[object, ...]], Values] = {}
    for part in parts:
        key = part.drawn, tuple(part.matrix.columns)
        values = part.weight * part.matrix.loc[seeds].to_numpy(dtype=np.float64)
        blocks[key] = blocks[key] + values if key in blocks else values
    each = list(blocks.values())
    if len(each) == 1 or all(block.shape[1] == 1 for block in each):
        whole: Values = np.sum(each, axis=0)
        return whole
    tasks = sum(block.shape[1] for block in each)
    mean = sum(float(block.mean()) for block in each)
    return np.hstack([mean + (b - b.mean()) * (tasks / b.shape[1]) for b in each])
