"""Means of cells with both levels of noise, and what of schemes on identical tasks differs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from tnverify.analyses.figures.looks import place_of
from tnverify.analyses.statistics import TwoLevels, two_level

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tnverify.analyses.statistics.checked import Values

CELL = ["learner", "tasks", "configuration", "scheme", "alpha", "per_channel", "target_batching"]
"""What a cell of a table is about."""


def matrix(rows: pd.DataFrame) -> Values:
    """Accuracies (seeds, tasks) of one cell, on the tasks that every seed was tested on.

    A run that was measured at several sizes, as merged reports may have it, counts once.
    """
    once = rows.drop_duplicates(["seed", "task"], keep="last")
    pivot = once.pivot(index="seed", columns="task", values="accuracy").dropna(axis=1)
    values: Values = pivot.to_numpy(dtype=np.float64)
    return values


def levels(rows: pd.DataFrame, resamples: int) -> TwoLevels | None:
    """The mean of one cell and its noise; None where no two tasks are shared by all seeds."""
    values = matrix(rows)
    if values.shape[0] == 0 or values.shape[1] < 2:
        return None
    return two_level(values, np.random.default_rng(0), resamples=resamples)


def cells(tests: pd.DataFrame, resamples: int) -> pd.DataFrame:
    """A row a cell: `CELL`, `way`, `shot`, `mean`, its interval over test tasks alone
    (`tasks_low`, `tasks_high`) and over training seeds too (`low`, `high`, the same where there
    is one seed), `seeds`, `test_tasks`, `seed_deviation` (missing of one seed), `seed_means`."""
    made: list[dict[str, Any]] = []
    if tests.empty:
        return pd.DataFrame(made)
    for key, rows in tests.groupby(CELL, sort=False, dropna=False):
        found = levels(rows, resamples)
        if found is None:
            continue
        widest = found.widest
        made.append(
            dict(zip(CELL, key, strict=True))
            | {
                "way": rows["way"].iloc[0], "shot": rows["shot"].iloc[0],
                "mean": found.mean, "tasks_low": found.trained.low,
                "tasks_high": found.trained.high, "low": widest.low, "high": widest.high,
                "half_width": widest.half_width,
                "tasks_half_width": found.trained.half_width,
                "seeds": found.seeds, "test_tasks": found.tasks,
                "seed_deviation": found.seed_deviation, "seed_means": list(found.seed_means),
            }
        )  # fmt: skip
    frame = pd.DataFrame(made)
    if frame.empty:
        return frame
    return (
        frame.assign(_place=frame["scheme"].map(place_of))
        .sort_values(["_place"], kind="stable")
        .drop(columns="_place")
        .reset_index(drop=True)
    )


def difference(
    tests: pd.DataFrame, first: Sequence[Any], second: Sequence[Any], by: list[str], resamples: int
) -> TwoLevels | None:
    """First minus second on the seeds and tasks that both have; None where they share too few.

    `first` and `second` are values of the columns `by`.
    """
    sides = []
    for values in (first, second):
        rows = tests
        for column, value in zip(by, values, strict=True):
            rows = rows[rows[column] == value]
        once = rows.drop_duplicates(["seed", "task"], keep="last")
        sides.append(once.pivot(index="seed", columns="task", values="accuracy"))
    seeds = sides[0].index.intersection(sides[1].index)
    tasks = sides[0].columns.intersection(sides[1].columns)
    both = [side.loc[seeds, tasks].to_numpy(dtype=np.float64) for side in sides]
    keep = np.isfinite(both[0]).all(axis=0) & np.isfinite(both[1]).all(axis=0)
    values = (both[0] - both[1])[:, keep]
    if values.shape[0] == 0 or values.shape[1] < 2:
        return None
    return two_level(values, np.random.default_rng(0), resamples=resamples)
