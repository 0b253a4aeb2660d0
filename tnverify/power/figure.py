"""The kill matrix as a figure, with the curve of tasks to detection below it."""

from __future__ import annotations

import importlib.util
import math
from typing import TYPE_CHECKING, Any

from tnverify.power.score import curve, score
from tnverify.report.words import count

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tnverify.catalogue import Catalogue
    from tnverify.power.census import Census
    from tnverify.power.rows import Row

FORMATS = (".png", ".svg", ".pdf")
_TICKS = (1, 2, 4, 8, 16, 32, 64, 128, 256)


class MissingExtraError(Exception):
    """Matplotlib is not installed; the message says what to install."""


def check_drawable() -> None:
    """Raise MissingExtraError unless figures can be drawn."""
    if importlib.util.find_spec("matplotlib") is None:
        raise MissingExtraError(
            "figures are drawn by matplotlib, which is not installed:"
            " pip install '.[analyses]' in a clone"
        )


def write_figure(
    census: Census, catalogue: Catalogue, path: Path, what: str = "planted fault"
) -> None:
    """Draw the census into `path`, whose ending chooses the format. Raises OSError.

    `what` is the word for one of its rows.
    """
    import matplotlib as mpl

    # Letters stay letters, and the same census gives the same bytes.
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "tnverify", "font.size": 7}):
        figure = _drawn(census, catalogue, what)
        dates = {".svg": {"Date": None}, ".pdf": {"CreationDate": None}}
        figure.savefig(path, dpi=200, metadata=dates.get(path.suffix))


def _drawn(census: Census, catalogue: Catalogue, what: str) -> Any:
    from matplotlib.figure import Figure

    rows = census.matrix
    laws = list(catalogue)
    height = 1.2 + len(laws) * 0.115
    figure = Figure(figsize=(11, height + 2.4), layout="constrained")
    above, below = figure.subplots(2, 1, height_ratios=(height, 2.0))
    _matrix(above, figure, rows, laws, what)
    _curve(below, census, what.rpartition(" ")[2])
    return figure


def _matrix(axes: Any, figure: Any, rows: Sequence[Row], laws: Sequence[Any], what: str) -> None:
    """Laws down, faults across, each kill coloured by the task that it took."""
    import numpy as np
    from matplotlib import colormaps
    from matplotlib.colors import LogNorm

    place = {law.name: number for number, law in enumerate(laws)}
    tasks = np.full((len(laws), len(rows)), np.nan)
    for column, row in enumerate(rows):
        for kill in row.kills:
            tasks[place[kill.law], column] = kill.task
    most = max((kill.task for row in rows for kill in row.kills), default=1)
    drawn = axes.imshow(
        tasks, aspect="auto", interpolation="nearest", norm=LogNorm(1, max(2, most)),
        cmap=colormaps["viridis"],
    )  # fmt: skip
    axes.set_yticks(range(len(laws)), [law.name for law in laws], fontsize=5)
    _separated(axes.axhline, [law.family for law in laws])
    centres = _separated(axes.axvline, [row.family for row in rows])
    # Names of narrow groups would run into each other.
    narrow = (
        min((sum(row.family == family for row in rows) for family in centres), default=0)
        < len(rows) / 20
    )
    axes.set_xticks(
        list(centres.values()),
        [family.replace("_", "\n") for family in centres],
        rotation=45 if narrow else 0,
    )
    axes.tick_params(length=0)
    axes.set_xlabel(f"{what}s, by {'family' if 'fault' in what else 'kind'}")
    axes.set_title(f"Which law kills which {what}, and at which task", loc="left")
    word = what.rpartition(" ")[2]
    bar = figure.colorbar(drawn, ax=axes, pad=0.01, aspect=60)
    ticks = [tick for tick in _TICKS if tick <= most]
    bar.set_ticks(ticks, labels=[str(tick) for tick in ticks])
    bar.minorticks_off()
    bar.set_label(f"task that first showed the {word} to the law")


def _separated(line: Any, families: Sequence[str]) -> dict[str, float]:
    """Lines between families; returns where the middle of each is."""
    centres = {}
    for family in dict.fromkeys(families):
        first = families.index(family)
        number = families.count(family)
        centres[family] = first + (number - 1) / 2
        if first:
            line(first - 0.5, color="0.75", linewidth=0.5)
    return centres


def _curve(axes: Any, census: Census, what: str) -> None:
    """The share of faults caught within a number of tasks."""
    from matplotlib.ticker import MultipleLocator

    shares = curve(census.rows, census.profile.corpus)
    found = score(census.profile, census.rows)
    axes.step(range(1, len(shares) + 1), shares, where="post", color="C0")
    axes.set_xscale("log", base=2)
    ticks = [tick for tick in _TICKS if tick <= len(shares)]
    axes.set_xticks(ticks, [str(tick) for tick in ticks])
    axes.set_xlim(1, max(2, len(shares)))
    lowest = min(shares, default=0.0)
    axes.set_ylim(min(math.floor(lowest * 10) / 10, 0.9), 1.01)
    axes.yaxis.set_major_locator(MultipleLocator(0.05))
    axes.yaxis.set_major_formatter(lambda share, _: f"{share:.0%}")
    axes.grid(visible=True, color="0.9")
    axes.set_xlabel("tasks tried")
    axes.set_ylabel(f"{what}s caught")
    seeds = count(len(census.seeds), "seed")
    half = "" if found.median is None else f", half of them by task {found.median:g}"
    axes.set_title(
        f"{found.caught} of {found.reachable} {what}s are caught{half} (profile"
        f" {census.profile.name}, {seeds})",
        loc="left",
    )
