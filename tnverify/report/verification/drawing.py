"""A task as small maps of cells: what the page draws of it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

MOST_VALUES = 160
"""A set with more values than these is not drawn: nobody could read it."""


@dataclass(frozen=True, slots=True)
class Cell:
    """A value as it is written, and the class that colours it: p0 to p9, n1 to n9, or x."""

    text: str
    tone: str


@dataclass(frozen=True, slots=True)
class Grid:
    """One map of an item: rows of cells, and what it is called where an item has several."""

    label: str
    rows: tuple[tuple[Cell, ...], ...]


@dataclass(frozen=True, slots=True)
class Item:
    label: str
    grids: tuple[Grid, ...]


@dataclass(frozen=True, slots=True)
class Drawn:
    """A set of items; `name` is what a reader calls it."""

    name: str
    items: tuple[Item, ...]


def drawn(context: list[Any], targets: list[Any]) -> tuple[Drawn, ...]:
    """Both sets, coloured on one scale; empty where there is nothing to draw, or too much."""
    values = [*_values(context), *_values(targets)]
    if not values or len(values) > MOST_VALUES:
        return ()
    largest = max((abs(v) for v in values if math.isfinite(v)), default=0.0)
    sets = (("context", "item", context), ("targets", "target", targets))
    return tuple(
        Drawn(name, tuple(_item(f"{one} {n}", item, largest) for n, item in enumerate(items)))
        for name, one, items in sets
        if items
    )


def _item(label: str, item: Any, largest: float) -> Item:
    channels = item if isinstance(item, list) else [item]
    depth = _depth(channels[0]) if channels else 0
    if depth <= 1:
        # Vectors are a row, sequences a row a channel: one map shows all of it.
        rows = [channels] if depth == 0 else channels
        return Item(label, (_grid("", rows, largest),))
    named = len(channels) > 1
    grids = []
    for number, channel in enumerate(channels):
        called = f"channel {number}" if named else ""
        slices = channel if depth == 3 else [channel]
        for place, one in enumerate(slices):
            part = f"slice {place}" if len(slices) > 1 else ""
            grids.append(_grid(", ".join(filter(None, (called, part))), one, largest))
    return Item(label, tuple(grids))


def _grid(label: str, rows: list[Any], largest: float) -> Grid:
    return Grid(label, tuple(tuple(_cell(value, largest) for value in row) for row in rows))


def _cell(value: Any, largest: float) -> Cell:
    number = float(value)
    if not math.isfinite(number):
        return Cell("NaN" if math.isnan(number) else "∞" if number > 0 else "−∞", "x")
    share = round(9 * abs(number) / largest) if largest else 0
    sign = "n" if number < 0 and share else "p"
    return Cell(written(number), f"{sign}{share}")


def written(number: float) -> str:
    """A number in at most a few characters."""
    text = f"{number:.4g}".replace("-", "−")
    return text.replace("e+0", "e").replace("e−0", "e−").replace("e+", "e")


def _values(nested: Any) -> list[float]:
    if isinstance(nested, list):
        return [value for each in nested for value in _values(each)]
    return [float(nested)]


def _depth(nested: Any) -> int:
    return 1 + _depth(nested[0]) if isinstance(nested, list) and nested else 0
