"""Forms of alpha, costs, and effects with their intervals, as rows of marks."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from tnverify.analyses.figures.drawing import Picture, counted, draw, slug
from tnverify.analyses.figures.intervals import percent
from tnverify.analyses.figures.looks import FORMS, INK, MUTED, OUTCOMES, PAPER, look_of, name_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd


def forms(cells: pd.DataFrame, title: str, name: str) -> Picture:
    """Accuracy by the form of alpha, a group a configuration (rows of `estimates.cells`)."""
    configurations = list(dict.fromkeys(cells["configuration"]))
    found = [f for f in FORMS if any((r.alpha, r.per_channel) == f for r in cells.itertuples())]
    tasks, seeds = int(cells["test_tasks"].min()), int(cells["seeds"].max())

    def plot(figure: Any) -> None:
        from matplotlib.lines import Line2D

        axes = figure.subplots()
        for row in cells.itertuples():
            form = (row.alpha, bool(row.per_channel))
            look = FORMS[form]
            line = configurations.index(row.configuration)
            y = line + 0.2 * (found.index(form) - (len(found) - 1) / 2)
            axes.plot([row.low, row.high], [y, y], color=look.colour, linewidth=1.4)
            axes.plot(row.mean, y, look.marker, color=look.colour, markeredgecolor=PAPER)
        percent(axes)
        axes.set_yticks(range(len(configurations)), configurations)
        axes.set_ylim(len(configurations) - 0.4, -0.6)
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
        axes.grid(axis="x")
        axes.set_xlabel(f"accuracy, %   ({counted(tasks, seeds)})")
        axes.set_title(title)
        handles = [
            Line2D([], [], color=FORMS[f].colour, marker=FORMS[f].marker, label=FORMS[f].name)
            for f in found
        ]
        figure.legend(handles=handles, loc="outside lower center", ncols=2)

    alt = f"{title}: accuracy of {len(found)} forms of alpha on {len(configurations)} test cells"
    caption = "TaskNorm-I throughout; 95 % intervals."
    height = 1.5 + (0.24 + 0.13 * len(found)) * len(configurations)
    return draw(slug("forms-of-alpha", name), caption, alt, height, plot)


def costs(
    rows: pd.DataFrame, column: str, title: str, name: str, *, label: str, caption: str
) -> Picture:
    """A bar a scheme of `column`, with its quartiles where `COLUMN_low` and `_high` are there."""
    ordered = rows.reset_index(drop=True)
    top = float(ordered[column].max())

    def plot(figure: Any) -> None:
        axes = figure.subplots()
        for place, row in ordered.iterrows():
            look = look_of(row["scheme"])
            axes.barh(place, row[column], height=0.62, color=look.colour, alpha=0.8)
            reach = row[column]
            if f"{column}_low" in ordered:
                reach = max(reach, row[f"{column}_high"])
                axes.plot([row[f"{column}_low"], row[f"{column}_high"]], [place, place], color=INK,
                          linewidth=1.3)  # fmt: skip
            axes.text(reach + 0.015 * top, place, f"{row[column]:.2f}", va="center", fontsize=8.5)
        axes.set_yticks(range(len(ordered)), [name_of(s) for s in ordered["scheme"]])
        axes.set_ylim(len(ordered) - 0.4, -0.6)
        axes.set_xlim(0, top * 1.18)
        axes.axvline(1.0, color=MUTED, linewidth=1.0, linestyle=":")
        axes.tick_params(axis="y", length=0)
        axes.grid(axis="x")
        axes.set_xlabel(label)
        axes.set_title(title)

    alt = f"{title}: " + ", ".join(
        f"{name_of(r.scheme)} {getattr(r, column):.2f}" for r in ordered.itertuples()
    )
    return draw(slug("cost", name), caption, alt, 1.0 + 0.27 * len(ordered), plot)


def effects(
    rows: Sequence[tuple[str, str, float, float, float]], title: str, name: str, *, label: str,
    caption: str,
) -> Picture:  # fmt: skip
    """Effects with intervals, each (words, outcome, value, low, high); infinite ends reach the
    edge."""
    finite = [v for _, _, value, low, high in rows for v in (value, low, high) if math.isfinite(v)]
    reach = max((abs(v) for v in finite), default=1.0) * 1.08

    def plot(figure: Any) -> None:
        from matplotlib.lines import Line2D

        axes = figure.subplots()
        for place, (_, outcome, value, low, high) in enumerate(rows):
            look = OUTCOMES[outcome]
            ends = [max(low, -reach), min(high, reach)]
            axes.plot(ends, [place, place], color=look.colour, linewidth=1.6)
            axes.plot(value, place, look.marker, color=look.colour, markeredgecolor=PAPER,
                      markersize=7)  # fmt: skip
        axes.axvline(0, color=MUTED, linewidth=1.0)
        axes.set_yticks(range(len(rows)), [words for words, *_ in rows], fontsize=8.5)
        axes.set_ylim(len(rows) - 0.4, -0.6)
        axes.set_xlim(-reach, reach)
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
        axes.grid(axis="x")
        axes.set_xlabel(label)
        axes.set_title(title)
        there = [o for o in OUTCOMES if any(outcome == o for _, outcome, *_ in rows)]
        handles = [
            Line2D([], [], color=OUTCOMES[o].colour, marker=OUTCOMES[o].marker, label=o)
            for o in there
        ]
        figure.legend(handles=handles, loc="outside lower center", ncols=3)

    told = (f"{words} {value:+.1f}, {outcome}" for words, outcome, value, *_ in rows)
    alt = f"{title}: " + "; ".join(told)
    return draw(slug(name), caption, alt, 1.3 + 0.24 * len(rows), plot)
