"""`training_efficiency`: how fast each scheme trains, in iterations and in seconds."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from tnverify.analyses.figures import lines
from tnverify.analyses.figures.looks import name_of, place_of, titled
from tnverify.analyses.paper import training_loss
from tnverify.analyses.programs import accuracy, frames, setups, tables
from tnverify.analyses.programs.program import Found, Program
from tnverify.analyses.report import (
    Cell,
    Content,
    Gallery,
    Note,
    Section,
    Statement,
    Table,
    paragraphs,
)
from tnverify.analyses.statistics import reached_at

if TYPE_CHECKING:
    from tnverify.analyses.programs.request import Request

SHARES = (0.5, 0.8, 0.95)
"""Accuracies to be reached, as shares of the way from the first evaluation to the best seen."""


def plan(request: Request) -> list[setups.Configuration]:
    """The runs of `accuracy`, and those of CNAPs."""
    made = []
    for setup in accuracy.trained_setups(request, request.learning(("protonets", "maml"))):
        schemes = request.chosen(setups.WITH_BASELINE)
        made += setups.runs(request, setup, schemes, request.all_seeds())
    return setups.once(made)


def content(found: Found) -> Content:
    """Curves against iterations and seconds, areas, and when given accuracies were reached."""
    curves = frames.curves(found.records)
    curves = curves[curves["alpha"].isna()] if len(curves) else curves
    if curves.empty:
        return Content((Statement("No run has a validation curve yet.", tone="unsure"),), ())
    runs, areas = frames.runs(found.records), frames.areas(found.records)
    tasks_a_point = _validation_tasks(found)
    statements, sections = [], []
    keys = ["learner", "tasks", "configuration"]
    for (learner, tasks, name), rows in curves.groupby(keys, sort=False):
        words = f"{titled(learner)}: {name}"
        ordered = rows.assign(_p=rows["scheme"].map(place_of)).sort_values(
            ["_p", "seed", "iteration"]
        )
        pictures = tuple(
            lines.validation_curves(
                ordered, words, f"{learner}-{tasks}-{name}", against=against, tasks=tasks_a_point
            )
            for against in ("iteration", "seconds")
        )
        mine = [f[(f["learner"] == learner) & (f["configuration"] == name)] for f in (runs, areas)]
        shown, sooner = _table(ordered, mine[0], mine[1], words)
        parts = (Gallery(pictures), shown)
        sections.append(Section(f"{tables.setting_words(learner, tasks)}: {name}", parts))
        statements += sooner
    sections.append(_paper())
    return Content(
        tuple(statements), tuple(sections), METHODS, {"areas": areas, "validation": curves}
    )


METHODS = paragraphs(
    """
    Seconds count training steps alone, not validation; runs share the machine two at a time, so
    they compare within a report and not beyond it. `tnverify analyse cost` times them apart.

    The area under the curve is its mean height over all iterations, in points of accuracy.
    Accuracies to be reached lie between where the schemes start and the best that any reaches here,
    and a curve counts once it stays there for two evaluations.
    """
)


def _validation_tasks(found: Found) -> int:
    counts = [r.configuration.get("validate", {}).get("tasks") for r in found.records]
    return int(next((c for c in counts if c), 0))


def _table(
    curves: pd.DataFrame, runs: pd.DataFrame, areas: pd.DataFrame, words: str
) -> tuple[Table, list[Statement]]:
    mean = curves.groupby(["scheme", "iteration"])["accuracy"].mean().unstack("iteration")
    low, high = float(mean.iloc[:, 0].mean()), float(mean.to_numpy().max())
    wanted = [low + share * (high - low) for share in SHARES]
    schemes = list(dict.fromkeys(curves["scheme"]))
    rows = []
    for scheme in schemes:
        each = [one for _, one in curves[curves["scheme"] == scheme].groupby("record")]
        area = areas.loc[areas["scheme"] == scheme, "area"] if len(areas) else pd.Series()
        step = runs.loc[runs["scheme"] == scheme, "seconds_per_iteration"]
        row: list[Cell | str] = [
            name_of(scheme), f"{area.mean():.1f}" if len(area) else "–",
            f"{1000 * step.mean():.1f}" if len(step) else "–",
        ]  # fmt: skip
        for accuracy_wanted in wanted:
            there = [_reached(one, accuracy_wanted) for one in each]
            iterations, seconds = (float(np.median([t[i] for t in there])) for i in (0, 1))
            row.append(
                Cell(f"{iterations:,.0f}", f"{seconds:.1f} s") if math.isfinite(iterations)
                else Cell("never", tone="quiet")
            )  # fmt: skip
        rows.append(tuple(row))
    titles = [f"iterations to {w:.1f} %" for w in wanted]
    seeds = int(curves["seed"].nunique())
    shown = Table(
        title=f"{words}: how fast",
        columns=("scheme", "area, %", "ms an iteration", *titles),
        rows=tuple(rows),
        swatches=tuple(schemes),
        note=f"Medians over {seeds} seed{'s' if seeds != 1 else ''}; beside iterations, the "
        "seconds of training that they took.",
    )
    statements = []
    by_area = areas.groupby("scheme")["area"].mean() if len(areas) else pd.Series(dtype=float)
    if len(by_area) > 1:
        best = str(by_area.idxmax())
        own = by_area.get("tasknorm_i")
        tail = (
            f"; TaskNorm-I is {int((by_area > own).sum()) + 1} of {len(by_area)} ({own:.1f} %)"
            if own is not None and best != "tasknorm_i" else ""
        )  # fmt: skip
        statements.append(
            Statement(
                f"{words}: the highest curve on average over training, {by_area[best]:.1f} % "
                f"({seeds} seed{'s' if seeds != 1 else ''}){tail}.",
                name_of(best),
            )
        )
    return shown, statements


def _reached(curve: pd.DataFrame, wanted: float) -> tuple[float, float]:
    ordered = curve.sort_values("iteration")
    values = ordered["accuracy"].to_numpy(dtype=np.float64)
    hold = min(2, len(values))
    at = reached_at(ordered["iteration"].to_numpy(dtype=np.float64), values, wanted, hold=hold)
    if not math.isfinite(at):
        return math.inf, math.inf
    seconds = np.interp(at, ordered["iteration"], ordered["seconds"])
    return at, float(seconds)


def _paper() -> Section:
    losses = training_loss()
    wide = losses.pivot(index="scheme", columns="iteration", values="loss")
    order = sorted(wide.index, key=place_of)
    rows = tuple((name_of(s), *(f"{wide.loc[s, i]:.1f}" for i in wide.columns)) for s in order)
    shown = Table(
        title="The paper's figure 4c: training loss of CNAPs on Meta-Dataset, read off",
        columns=("scheme", *(f"{i // 1000}k" for i in wide.columns)),
        rows=rows,
        swatches=tuple(order),
        note="Good to about 3 %. TBN, CBN and RN share one training. The paper's curves for MAML "
        "(figure 4b) are known from its prose alone: the transductive scheme fastest, TaskNorm-I "
        "close behind.",
    )
    return Section("What the paper shows", (shown, Note(
        "Losses and validation accuracies do not compare in value; the order of schemes does."
    )))  # fmt: skip


PROGRAM = Program(
    "training_efficiency", "Training efficiency",
    "How fast does each scheme train, in iterations and in seconds?", plan, content,
)  # fmt: skip
