"""Accuracies of schemes on one test cell, with intervals."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tnverify.analyses.figures.drawing import Picture, counted, draw, slug
from tnverify.analyses.figures.looks import INK, MUTED, PAPER, look_of, name_of

if TYPE_CHECKING:
    import pandas as pd


def accuracies(
    cells: pd.DataFrame, title: str, name: str, *, pixels: float | None = None
) -> Picture:
    """Dots with intervals, a row a scheme, of one configuration (rows of `estimates.cells`).

    Thick: over test tasks alone, as papers print; thin: over training seeds too; the small marks
    are single seeds. `pixels` is what the nearest class mean of raw pixels reaches.
    """
    tasks, seeds = int(cells["test_tasks"].min()), int(cells["seeds"].max())
    way = cells["way"].iloc[0]
    chance = None if way is None or way != way else 100 / float(way)

    def plot(figure: Any) -> None:
        axes = figure.subplots()
        for place, row in enumerate(cells.itertuples()):
            look = look_of(row.scheme)
            axes.plot([row.low, row.high], [place, place], color=look.colour, linewidth=1.4)
            axes.plot(
                [row.tasks_low, row.tasks_high], [place, place], color=look.colour, linewidth=4.5,
                alpha=0.45, solid_capstyle="butt",
            )  # fmt: skip
            if row.seeds > 1:
                axes.plot(
                    row.seed_means, [place - 0.3] * row.seeds, "|", color=MUTED, markersize=4.5,
                )  # fmt: skip
            axes.plot(
                row.mean, place, look.marker, color=look.colour, markeredgecolor=PAPER,
                markersize=7.5,
            )  # fmt: skip
        references(axes, chance, pixels)
        axes.set_yticks(range(len(cells)), [name_of(s) for s in cells["scheme"]])
        axes.set_ylim(len(cells) - 0.4, -0.7)
        percent(axes)
        axes.grid(axis="x")
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
        axes.set_xlabel(f"accuracy on test tasks, %   ({counted(tasks, seeds)})")
        axes.set_title(title)
        figure.legend(handles=_handles(seeds, chance, pixels), loc="outside lower center", ncols=2)

    best = cells.loc[cells["mean"].idxmax()]
    alt = (
        f"{title}: accuracy of {len(cells)} schemes with 95 % intervals; highest "
        f"{name_of(best['scheme'])}, {best['mean']:.1f} %"
    )
    caption = (
        "Thick: 95 % interval over test tasks, for these trained models. Thin: over training seeds "
        "and tasks, for the method." if seeds > 1 else
        "95 % intervals over test tasks of one trained model each: how much another training "
        "would differ is not in them."
    )  # fmt: skip
    return draw(slug("accuracy", name), caption, alt, 1.45 + 0.27 * len(cells), plot)


def percent(axes: Any) -> None:
    """Keeps the axis within what an accuracy can be; intervals that are wider reach its edge."""
    low, high = axes.get_xlim()
    axes.set_xlim(max(low, -1.5), min(high, 101.5))


def references(axes: Any, chance: float | None, pixels: float | None) -> None:
    """Lines where guessing and raw pixels stand."""
    if chance is not None:
        axes.axvline(chance, color=MUTED, linewidth=1.0, linestyle=":")
    if pixels is not None:
        axes.axvline(pixels, color=MUTED, linewidth=1.0, linestyle="--")


def _handles(seeds: int, chance: float | None, pixels: float | None) -> list[Any]:
    from matplotlib.lines import Line2D

    made = [Line2D([], [], color=INK, linewidth=4.5, alpha=0.45, label="95 %, over test tasks")]
    if seeds > 1:
        made.append(Line2D([], [], color=INK, linewidth=1.4, label="95 %, over seeds and tasks"))
        made.append(Line2D([], [], color=MUTED, marker="|", linestyle="", label="one seed"))
    if chance is not None:
        made.append(Line2D([], [], color=MUTED, linewidth=1, linestyle=":", label="guessing"))
    if pixels is not None:
        made.append(Line2D([], [], color=MUTED, linewidth=1, linestyle="--", label="raw pixels"))
    return made
