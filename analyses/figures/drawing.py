"""A figure begun and finished: its style, its two files, and its colours on dark paper."""

from __future__ import annotations

import io
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tnverify.analyses.figures.looks import GRID, INK, MUTED, PAPER, themed

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

WIDTH = 5.0
"""Inches: what a phone shows without the letters becoming too small."""

_MARGIN = 0.015
"""Of the width, on both sides of a title."""

_STYLE: Any = {
    "svg.fonttype": "none",  # letters stay letters: they are found, read aloud and themed
    "svg.hashsalt": "tnverify",  # the same records give the same bytes
    "font.size": 9.5,
    "font.family": "DejaVu Sans",
    "axes.titlesize": 10.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlepad": 8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "axes.axisbelow": True,
    "axes.facecolor": PAPER,
    "figure.facecolor": PAPER,
    "savefig.facecolor": PAPER,
    "text.color": INK,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "grid.color": GRID,
    "grid.linewidth": 0.8,
    "legend.frameon": False,
    "legend.fontsize": 8.5,
    "lines.linewidth": 1.7,
    "lines.markersize": 5.5,
}


@dataclass(frozen=True, slots=True)
class Picture:
    """A figure for a page: `svg` with colours of light paper, `png` the same for slides.

    `name` is its file's; `alt` says in words what it shows; `wide` asks for the page's width.
    """

    name: str
    alt: str
    caption: str
    svg: str
    png: bytes
    wide: bool = False

    def inline(self) -> str:
        """The SVG for an HTML page: sized by the page, its colours those of the page's theme."""
        text = self.svg[self.svg.index("<svg") :]
        text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
        # Two figures of a page must not share what they refer to.
        for attribute in (r'(id=")', r"(url\(#)", r'(xlink:href="#)'):
            text = re.sub(attribute + r"([^\")]+)", rf"\g<1>{self.name}-\g<2>", text)
        for colour, variable in themed().items():
            text = re.sub(re.escape(colour) + r"\b", f"var({variable})", text, flags=re.IGNORECASE)
        width, height = (float(v) for v in re.findall(r'(?:width|height)="([\d.]+)pt"', text)[:2])
        head = f'<svg role="img" aria-label="{_escaped(self.alt)}" viewBox="0 0 {width} {height}" '
        return head + re.sub(r'^<svg[^>]*?(xmlns:xlink="[^"]+")[^>]*>', r"\1>", text, count=1)

    def write(self, folder: Path) -> tuple[Path, Path]:
        """Writes NAME.svg and NAME.png; their paths."""
        folder.mkdir(parents=True, exist_ok=True)
        svg, png = folder / f"{self.name}.svg", folder / f"{self.name}.png"
        svg.write_text(self.svg, encoding="utf-8")
        png.write_bytes(self.png)
        return svg, png


def draw(
    name: str,
    caption: str,
    alt: str,
    height: float,
    plot: Callable[[Any], None],
    *,
    width: float = WIDTH,
) -> Picture:
    """The picture that `plot(figure)` makes on `width` by `height` inches."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(width, height), layout="constrained")
        plot(figure)
        _title_over_all(figure)
        svg, png = io.StringIO(), io.BytesIO()
        figure.savefig(svg, format="svg", metadata={"Date": None})
        figure.savefig(png, format="png", dpi=200)
    return Picture(name, alt, caption, svg.getvalue(), png.getvalue(), wide=width > WIDTH)


def _title_over_all(figure: Any) -> None:
    """Moves the title from the axes, which names of rows make narrow, to the figure's left edge,
    in letters of a size at which it ends before the right one."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    axes = figure.axes[0]
    words = axes.get_title(loc="left")
    axes.set_title("")
    title = figure.suptitle(words, x=_MARGIN, ha="left", fontsize=10.5, fontweight="bold")
    canvas: Any = FigureCanvasAgg(figure)  # some of it has no types
    needed = title.get_window_extent(canvas.get_renderer()).width
    there = (1 - 2 * _MARGIN) * figure.bbox.width
    title.set_fontsize(10.5 * min(1.0, there / max(needed, 1.0)))


def slug(*words: object) -> str:
    """A file's name out of words."""
    joined = "-".join(str(word) for word in words if word not in (None, ""))
    return re.sub(r"[^a-z0-9]+", "-", joined.lower()).strip("-")


def legend_below(figure: Any, handles: Sequence[Any], *, columns: int = 3) -> None:
    """A legend under the axes, where it hides nothing."""
    if handles:
        figure.legend(handles=handles, loc="outside lower center", ncols=columns)


def counted(tasks: int, seeds: int) -> str:
    """How much stands behind a figure, for its axis or caption."""
    return (
        f"{tasks:,} test task{'s' if tasks != 1 else ''}, {seeds} seed{'s' if seeds != 1 else ''}"
    )


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;")
