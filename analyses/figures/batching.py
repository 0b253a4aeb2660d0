"""What becomes of accuracy when targets do not come all at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tnverify.analyses.figures.drawing import Picture, counted, draw, slug
from tnverify.analyses.figures.intervals import percent, references
from tnverify.analyses.figures.looks import BATCHINGS, INK, MUTED, PAPER, name_of

if TYPE_CHECKING:
    import pandas as pd

OFFSETS = {"all": -0.24, "class": 0.0, "item": 0.24}


def batchings(cells: pd.DataFrame, title: str, name: str) -> Picture:
    """Accuracy of each scheme with targets all at once, one class and one item at a time (rows of
    `estimates.cells` of one configuration)."""
    schemes = list(dict.fromkeys(cells["scheme"]))
    tasks, seeds = int(cells["test_tasks"].min()), int(cells["seeds"].max())
    way = cells["way"].iloc[0]
    chance = None if way is None or way != way else 100 / float(way)

    def plot(figure: Any) -> None:
        from matplotlib.lines import Line2D

        axes = figure.subplots()
        for row in cells.itertuples():
            look = BATCHINGS[row.target_batching]
            y = schemes.index(row.scheme) + OFFSETS[row.target_batching]
            axes.plot([row.low, row.high], [y, y], color=look.colour, linewidth=1.4)
            axes.plot(row.mean, y, look.marker, color=look.colour, markeredgecolor=PAPER,
                      markersize=6.5)  # fmt: skip
        references(axes, chance, None)
        percent(axes)
        axes.set_yticks(range(len(schemes)), [name_of(s) for s in schemes])
        axes.set_ylim(len(schemes) - 0.4, -0.6)
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
        axes.grid(axis="x")
        axes.set_xlabel(f"accuracy on the same test tasks, %   ({counted(tasks, seeds)})")
        axes.set_title(title)
        handles = [
            Line2D([], [], color=look.colour, marker=look.marker, label=look.name)
            for look in BATCHINGS.values()
        ]
        if chance is not None:
            handles.append(Line2D([], [], color=MUTED, linestyle=":", label="guessing"))
        figure.legend(handles=handles, loc="outside lower center", ncols=2)

    alt = f"{title}: accuracy of {len(schemes)} schemes with targets all at once and in parts"
    caption = (
        "The same tasks and models in all three; 95 % intervals. A scheme whose targets do not "
        "read one another has its three marks exactly in line."
    )
    return draw(slug("transduction", name), caption, alt, 1.5 + 0.36 * len(schemes), plot)


def falls(here: pd.DataFrame, paper: pd.DataFrame, name: str) -> Picture:
    """Points lost by the transductive scheme, here and in the paper: columns `where`, `all`,
    `class`, `item`."""
    rows = [*here.itertuples(), *paper.itertuples()]

    def plot(figure: Any) -> None:
        from matplotlib.lines import Line2D

        axes = figure.subplots()
        for place, row in enumerate(rows):
            mine = place < len(here)
            values = [row.all, row.by_class, row.by_item]
            axes.plot([min(values), max(values)], [place, place], color=MUTED, linewidth=0.9)
            for value, look in zip(values, BATCHINGS.values(), strict=True):
                axes.plot(value, place, look.marker, color=look.colour, markersize=6.5,
                          markerfacecolor=look.colour if mine else PAPER)  # fmt: skip
        axes.axhline(len(here) - 0.5, color=MUTED, linewidth=0.8)
        axes.set_yticks(range(len(rows)), [row.where for row in rows], fontsize=8.5)
        axes.set_ylim(len(rows) - 0.4, -0.6)
        axes.set_xlim(0, 102)
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
        axes.grid(axis="x")
        tasks = f"{int(here['test_tasks'].min()):,} test tasks" if len(here) else ""
        seeds = f", {int(here['seeds'].max())} seeds" if len(here) else ""
        axes.set_xlabel(f"accuracy of TBN, %\n(here {tasks}{seeds}; paper 600 tasks, 1 seed)")
        axes.set_title("The transductive scheme, here and in the paper")
        handles = [
            Line2D([], [], color=look.colour, marker=look.marker, linestyle="", label=look.name)
            for look in BATCHINGS.values()
        ]
        handles.append(
            Line2D([], [], color=INK, marker="o", markerfacecolor=PAPER, linestyle="",
                   label="hollow: paper")
        )  # fmt: skip
        figure.legend(handles=handles, loc="outside lower center", ncols=2)

    caption = "Paper: table 1 (MAML) and table D.2 (CNAPs), Bronskill et al. 2020."
    alt = "Accuracy of transductive batch normalisation by the batching of targets, with the paper"
    return draw(slug("transduction-beside-paper", name), caption, alt, 1.5 + 0.25 * len(rows), plot)
