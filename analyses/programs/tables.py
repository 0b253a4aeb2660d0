"""Frames as tables of a report, and the paper's numbers that stand beside them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from tnverify.analyses.figures.looks import name_of, titled
from tnverify.analyses.paper import PRINTED_AS, TABLES, printed_average_ranks
from tnverify.analyses.report import Cell, Table
from tnverify.analyses.statistics import TOLD, average_ranks, tie_groups

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from tnverify.analyses.report.content import Tone
    from tnverify.analyses.statistics import Estimate

_RANKED_IN = {
    ("maml", "fixed"): "table1_maml",
    ("protonets", "fixed"): "tableC1_protonets_small",
    ("cnaps", "varied"): "table2_cnaps_meta_dataset",
    ("protonets", "varied"): "table3_protonets_meta_dataset",
}
"""The paper's table of each learner and way of drawing tasks."""


def setting_words(learner: str, tasks: str) -> str:
    """A learner and how its tasks are drawn, in words."""
    how = "varied way and shot" if tasks == "varied" else "fixed way and shot"
    return f"{titled(learner)}, {how}"


def paper_ranks(learner: str, tasks: str) -> tuple[dict[str, float], str]:
    """The paper's average ranks by scheme, and where they stand; empty where it has none."""
    name = _RANKED_IN.get((learner, tasks))
    if name is None:
        return {}, ""
    printed = printed_average_ranks(name)
    return {PRINTED_AS[p].scheme: rank for p, rank in printed.items()}, TABLES[name].number


def ranks_here(cells: pd.DataFrame) -> dict[str, float]:
    """Average ranks by Meta-Dataset's rule, over the configurations that every scheme has.

    Ties are by intervals over test tasks, as the rule and the paper have it.
    """
    means, halves = _grids(cells)
    if means.empty:
        return {}
    ranks = average_ranks(means.to_numpy(), halves.to_numpy())
    return dict(zip(means.columns, map(float, ranks), strict=True))


def grid(cells: pd.DataFrame) -> pd.DataFrame:
    """Means (configurations, schemes), of the configurations that every scheme has."""
    return _grids(cells)[0]


def accuracy_table(cells: pd.DataFrame, learner: str, tasks: str) -> Table:
    """Schemes by configurations, first groups marked, with average ranks here and in the paper."""
    schemes = list(dict.fromkeys(cells["scheme"]))
    configurations = list(dict.fromkeys(cells["configuration"]))
    here, (paper, source) = ranks_here(cells), paper_ranks(learner, tasks)
    first: set[tuple[str, str]] = set()
    for name, rows in cells.groupby("configuration", sort=False):
        group = tie_groups(rows["mean"].to_numpy(), rows["tasks_half_width"].to_numpy())[0]
        first |= {(rows["scheme"].iloc[i], name) for i in group}
    rows = []
    for scheme in schemes:
        mine = cells[cells["scheme"] == scheme].set_index("configuration")
        row: list[Cell | str] = [name_of(scheme)]
        for name in configurations:
            if name in mine.index:
                one = mine.loc[name]
                tone: Tone = "best" if (scheme, name) in first else ""
                row.append(Cell(f"{one['mean']:.1f}", plus_minus(one["half_width"]), tone))
            else:
                row.append(Cell("–", tone="quiet"))
        row.append(f"{here[scheme]:.2f}" if scheme in here else Cell("–", tone="quiet"))
        if paper:
            row.append(f"{paper[scheme]:.2f}" if scheme in paper else Cell("–", tone="quiet"))
        rows.append(tuple(row))
    columns = ("scheme", *configurations, "average rank")
    return Table(
        title=f"{setting_words(learner, tasks)}: accuracy, %",
        columns=(*columns, f"rank, paper {source}") if paper else columns,
        rows=tuple(rows),
        swatches=tuple(schemes),
        note=f"{behind(cells)}. Half-widths are of 95 % intervals {levels_words(cells)}. "
        "Marked: the best and what the rank rule ties with it, by intervals over test tasks, as "
        "in the paper." + unknown_words(cells),
    )


def behind(cells: pd.DataFrame) -> str:
    """How many tasks and seeds stand behind a table."""
    tasks, seeds = sorted({int(t) for t in cells["test_tasks"]}), int(cells["seeds"].max())
    shown = f"{tasks[0]:,}" if len(tasks) == 1 else f"{tasks[0]:,} to {tasks[-1]:,}"
    return f"{shown} test tasks a cell, {seeds} training seed{'s' if seeds != 1 else ''}"


def levels_words(cells: pd.DataFrame) -> str:
    """What the intervals of `cells` cover."""
    if int(cells["seeds"].max()) > 1:
        return "over training seeds and test tasks"
    return "over test tasks alone: one training each, so training noise is not in them"


def plus_minus(half_width: float) -> str:
    """Return a half-width in points; "±?" where the interval holds nearly all that can be."""
    return f"±{half_width:.1f}" if half_width < TOLD else "±?"


def unknown_words(cells: pd.DataFrame) -> str:
    """Return what "±?" means if a table of `cells` has one, else nothing."""
    if (cells["half_width"] < TOLD).all():
        return ""
    return f" ±?: not known from {int(cells['seeds'].max())} seeds."


def interval(estimate: Estimate, digits: int = 1) -> str:
    """A difference with its interval, as far as one is known."""
    value, low, high = (signed(v, digits) for v in (estimate.value, estimate.low, estimate.high))
    if not math.isfinite(estimate.low):
        return f"{value} (one seed: no interval)"
    if estimate.half_width >= TOLD:
        return f"{value} (so few seeds tell no interval)"
    return f"{value} [{low}, {high}]"


def signed(value: float, digits: int = 1) -> str:
    """A difference with its sign, a true minus sign."""
    return f"{value:+.{digits}f}".replace("-", "−")


def joined(words: Sequence[str]) -> str:
    """Words in a row: "a, b and c"."""
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} and {words[-1]}"


def _grids(cells: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    order = list(dict.fromkeys(cells["scheme"]))
    both = []
    for column in ("mean", "tasks_half_width"):
        pivot = cells.pivot_table(index="configuration", columns="scheme", values=column)
        both.append(pivot[order].dropna(axis=0))
    assert np.array_equal(both[0].index, both[1].index)
    return both[0], both[1]
