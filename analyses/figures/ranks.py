"""Average ranks, with the bars of a critical-difference diagram and the paper's ranks beside."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tnverify.analyses.figures.drawing import Picture, draw, slug
from tnverify.analyses.figures.looks import INK, MUTED, PAPER, look_of, name_of
from tnverify.analyses.statistics import not_told_apart

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def rank_diagram(
    schemes: Sequence[str],
    mean_ranks: Sequence[float],
    difference: float,
    title: str,
    name: str,
    *,
    cells: int,
    counted: str,
) -> Picture:
    """Demšar's diagram: schemes on a line of mean ranks, bars over those that Nemenyi's test
    does not tell apart (within `difference`)."""
    order = sorted(range(len(schemes)), key=lambda i: mean_ranks[i])
    bars = not_told_apart(mean_ranks, difference)
    half = (len(order) + 1) // 2

    def plot(figure: Any) -> None:
        axes = figure.subplots()
        first, last = 1.0, float(len(schemes))
        room = (last - first) * 0.38
        top = 0.55 + 0.32 * len(bars)
        for level, bar in enumerate(bars):
            ends = [mean_ranks[i] for i in (bar[0], bar[-1])]
            y = 0.35 + 0.32 * level
            axes.plot([ends[0] - 0.05, ends[1] + 0.05], [y, y], color=INK, linewidth=4, alpha=0.6,
                      solid_capstyle="round")  # fmt: skip
        for place, i in enumerate(order):
            left = place < half
            y = -0.75 * ((place if left else len(order) - 1 - place) + 1)
            edge = first - room if left else last + room
            look = look_of(schemes[i])
            axes.plot([mean_ranks[i], mean_ranks[i], edge], [0, y, y], color=look.colour,
                      linewidth=1.2)  # fmt: skip
            axes.plot(mean_ranks[i], 0, look.marker, color=look.colour, markeredgecolor=PAPER,
                      markersize=8, clip_on=False, zorder=3)  # fmt: skip
            axes.text(edge, y + 0.12, f"{name_of(schemes[i])}  {mean_ranks[i]:.2f}",
                      ha="left" if left else "right", va="bottom", fontsize=9)  # fmt: skip
        axes.plot([first, first + difference], [top + 0.3] * 2, color=MUTED, linewidth=1.4,
                  marker="|")  # fmt: skip
        axes.text(first + difference / 2, top + 0.4, f"critical difference {difference:.2f}",
                  ha="center", va="bottom", color=MUTED, fontsize=8.5)  # fmt: skip
        axes.axhline(0, color=MUTED, linewidth=0.8, xmin=0, xmax=1)
        axes.set_xlim(first - room - 0.1, last + room + 0.1)
        axes.set_ylim(-0.75 * (half + 0.6), top + 1.3)
        step = 1 if len(schemes) < 13 else 2
        axes.set_xticks(range(1, len(schemes) + 1, step))
        axes.set_yticks([])
        axes.spines["left"].set_visible(False)
        axes.set_xlabel(f"mean rank over {cells} test cells, 1 the best   ({counted})")
        axes.set_title(title)

    alt = f"{title}: " + ", ".join(f"{name_of(schemes[i])} {mean_ranks[i]:.2f}" for i in order)
    caption = (
        "Bars join schemes that Nemenyi's test does not tell apart at 5 %, over the test cells as "
        "they are; with few cells it tells little apart."
    )
    return draw(slug("ranks", name), caption, alt, 1.8 + 0.24 * half + 0.13 * len(bars), plot)


def beside_paper(
    here: Mapping[str, float], paper: Mapping[str, float], title: str, name: str, source: str,
    counted: str,
) -> Picture:  # fmt: skip
    """Average ranks by Meta-Dataset's rule, here and as the paper prints them, scheme by scheme."""
    schemes = [s for s in here if s in paper]

    def plot(figure: Any) -> None:
        from matplotlib.lines import Line2D

        axes = figure.subplots()
        for place, scheme in enumerate(schemes):
            look = look_of(scheme)
            axes.plot([here[scheme], paper[scheme]], [place, place], color=MUTED, linewidth=0.8)
            axes.plot(here[scheme], place, look.marker, color=look.colour, markeredgecolor=PAPER,
                      markersize=7.5)  # fmt: skip
            axes.plot(paper[scheme], place, "o", markerfacecolor=PAPER, markeredgecolor=INK,
                      markersize=6)  # fmt: skip
        axes.set_yticks(range(len(schemes)), [name_of(s) for s in schemes])
        axes.set_ylim(len(schemes) - 0.4, -0.6)
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
        axes.grid(axis="x")
        axes.set_xlabel(f"average rank, 1 the best   ({counted})")
        axes.set_title(title)
        handles = [
            Line2D([], [], color=INK, marker="s", linestyle="", label="here"),
            Line2D([], [], color=INK, marker="o", linestyle="", markerfacecolor=PAPER,
                   label=f"paper, {source}"),
        ]  # fmt: skip
        figure.legend(handles=handles, loc="outside lower center", ncols=2)

    alt = f"{title}: " + ", ".join(
        f"{name_of(s)} {here[s]:.2f} here and {paper[s]:.2f} in the paper" for s in schemes
    )
    caption = (
        "By the paper's rule, under which schemes share a rank that intervals do not part. Other "
        "data, networks and budgets than the paper's: the order compares, the values do not."
    )
    return draw(slug("ranks-beside-paper", name), caption, alt, 1.4 + 0.27 * len(schemes), plot)
