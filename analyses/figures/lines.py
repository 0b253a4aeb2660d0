"""Curves: of validation while training, of learned alpha, of accuracy against shot or damage."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tnverify.analyses.figures.drawing import Picture, counted, draw, slug
from tnverify.analyses.figures.looks import INK, LAYERS, MUTED, look_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd


def validation_curves(
    curves: pd.DataFrame, title: str, name: str, *, against: str, tasks: int
) -> Picture:
    """Mean validation accuracy over seeds against iterations or seconds of training, a line a
    scheme; faint lines are single seeds where there are several."""
    seeds = int(curves["seed"].nunique())
    schemes = list(dict.fromkeys(curves["scheme"]))

    def plot(figure: Any) -> None:
        axes = figure.subplots()
        for scheme in schemes:
            look, mine = look_of(scheme), curves[curves["scheme"] == scheme]
            if seeds > 1:
                for _, one in mine.groupby("record"):
                    axes.plot(one[against], one["accuracy"], color=look.colour, linewidth=0.7,
                              alpha=0.25)  # fmt: skip
            mean = mine.groupby("iteration")[["seconds", "accuracy"]].mean().reset_index()
            axes.plot(mean[against], mean["accuracy"], color=look.colour, linestyle=look.line,
                      marker=look.marker, markevery=max(1, len(mean) // 6),
                      label=look.name)  # fmt: skip
        axes.grid(visible=True)
        units = "iterations of training" if against == "iteration" else "seconds of training"
        axes.set_xlabel(f"{units}   ({counted_validation(tasks, seeds)})")
        axes.set_ylabel("validation accuracy, %")
        axes.set_xlim(left=0)
        axes.set_title(title)
        figure.legend(loc="outside lower center", ncols=3)

    alt = f"{title}: validation accuracy of {len(schemes)} schemes against {against}s of training"
    caption = "Thick: the mean over seeds. Faint: single seeds." if seeds > 1 else "One seed each."
    height = 3.1 + 0.2 * -(-len(schemes) // 3)
    return draw(slug("curves", name, against), caption, alt, height, plot)


def counted_validation(tasks: int, seeds: int) -> str:
    return f"{tasks} validation tasks a point, {seeds} seed{'s' if seeds != 1 else ''}"


def against_levels(
    cells: pd.DataFrame,
    column: str,
    title: str,
    name: str,
    *,
    label: str,
    caption: str,
    logarithmic: bool = False,
) -> Picture:
    """Accuracy with intervals against the numbers in `column`, a line a scheme (rows of
    `estimates.cells`)."""
    import numpy as np

    schemes = list(dict.fromkeys(cells["scheme"]))
    tasks, seeds = int(cells["test_tasks"].min()), int(cells["seeds"].max())
    places = sorted(cells[column].unique())

    def plot(figure: Any) -> None:
        axes = figure.subplots()
        spread = 0.012 * (np.log(places[-1] / places[0]) if logarithmic else places[-1] - places[0])
        for number, scheme in enumerate(schemes):
            look = look_of(scheme)
            mine = cells[cells["scheme"] == scheme].sort_values(column)
            aside = spread * (number - (len(schemes) - 1) / 2)
            at = mine[column] * np.exp(aside) if logarithmic else mine[column] + aside
            axes.errorbar(
                at, mine["mean"], yerr=[mine["mean"] - mine["low"], mine["high"] - mine["mean"]],
                color=look.colour, linestyle=look.line, marker=look.marker, elinewidth=1.1,
                label=look.name,
            )  # fmt: skip
        if logarithmic:
            axes.set_xscale("log")
            axes.minorticks_off()
        low, high = axes.get_ylim()
        axes.set_ylim(max(low, -1.5), min(high, 101.5))
        axes.set_xticks(places, [f"{place:g}" for place in places])
        axes.grid(visible=True)
        axes.set_xlabel(f"{label}\n({counted(tasks, seeds)} a point)")
        axes.set_ylabel("accuracy, %")
        axes.set_title(title)
        figure.legend(loc="outside lower center", ncols=3)

    alt = f"{title}: accuracy of {len(schemes)} schemes against {label}"
    height = 3.2 + 0.2 * -(-len(schemes) // 3)
    return draw(slug(name), caption, alt, height, plot)


def alpha_curves(
    here: pd.DataFrame, paper: pd.DataFrame | None, title: str, name: str, *, seeds: int
) -> Picture:
    """Learned alpha against the context's size: a line a layer (`place`, `layer`,
    `context_size`, `alpha`), the paper's digitised figure 3 dashed beside."""
    layers = here[["place", "layer"]].drop_duplicates().sort_values("place")
    shown: Sequence[int] = _at_most(list(layers["place"]), 8)

    def plot(figure: Any) -> None:
        from matplotlib.lines import Line2D

        axes = figure.subplots()
        handles = []
        for number, place in enumerate(shown):
            look = LAYERS[round(number * (len(LAYERS) - 1) / max(1, len(shown) - 1))]
            colour = look.colour
            mine = here[here["place"] == place]
            for _, one in mine.groupby("record"):
                axes.plot(one["context_size"], one["alpha"], color=colour, linewidth=0.7, alpha=0.4)
            mean = mine.groupby("context_size")["alpha"].mean()
            marker = look.marker
            axes.plot(mean.index, mean, color=colour, marker=marker, markersize=4.5)
            layer = layers.loc[layers["place"] == place, "layer"].iloc[0]
            handles.append(Line2D([], [], color=colour, marker=marker, label=layer))
        if paper is not None:
            for _, one in paper.groupby("layer"):
                axes.plot(one["context_size"], one["alpha"], color=MUTED, linewidth=1.1,
                          linestyle="--")  # fmt: skip
            label = "paper, fig. 3 (4 layers)"
            handles.append(Line2D([], [], color=MUTED, linestyle="--", label=label))
        axes.axhline(0.5, color=INK, linewidth=0.8, linestyle=":")
        handles.append(Line2D([], [], color=INK, linestyle=":", label="where alpha starts"))
        axes.set_xscale("log")
        sizes = [s for s in (1, 2, 5, 10, 20, 50, 100, 200, 500) if s <= here["context_size"].max()]
        axes.set_xticks(sizes, [str(s) for s in sizes])
        axes.minorticks_off()
        axes.set_ylim(0, 1.02)
        axes.grid(visible=True)
        axes.set_xlabel(
            f"items in the context (log scale)\n({seeds} seed{'s' if seeds != 1 else ''}; read off "
            "the trained layers, no test tasks)"
        )
        axes.set_ylabel("learned alpha (weight of the context)")
        axes.set_title(title)
        figure.legend(handles=handles, loc="outside lower center", ncols=2)

    alt = f"{title}: learned alpha of {len(shown)} layers against the number of context items"
    caption = "Alpha 1: the context's moments alone; 0: the item's own alone. Faint: single seeds."
    if paper is not None:
        caption += " Dashed: CNAPs on Meta-Dataset, read off the paper's figure."
    return draw(slug("alpha", name), caption, alt, 3.5 + 0.2 * -(-(len(shown) + 2) // 2), plot)


def _at_most(places: list[int], number: int) -> list[int]:
    """At most `number` of `places`, spread evenly, the first and the last among them."""
    if len(places) <= number:
        return places
    return [places[round(i * (len(places) - 1) / (number - 1))] for i in range(number)]
