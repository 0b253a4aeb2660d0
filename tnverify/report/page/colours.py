"""Colours that every page and figure shares: on light paper, and on dark."""

from __future__ import annotations

INK, MUTED, GRID, PAPER = "#1d2228", "#59616b", "#d9dde2", "#fefefe"
"""Text and axes, lesser text, grid lines, and what lies behind all of it."""

ON_DARK = {INK: "#f0f3f6", MUTED: "#a9b2bd", GRID: "#363d46", PAPER: "#14181d"}
"""What these are on dark paper."""

GOOD, BAD, UNSURE = ("#1a7a36", "#66c983"), ("#cf4318", "#ff8f66"), ("#7d6200", "#e3bf4c")
"""What turned out well, badly, or not at all."""

Colours = list[tuple[str, str, str]]
"""The name of each variable of a page, and what it is on light and on dark paper."""


def ground() -> Colours:
    """The variables for text, lines and paper."""
    named = (("--ink", INK), ("--muted", MUTED), ("--grid", GRID), ("--paper", PAPER))
    return [(name, light, ON_DARK[light]) for name, light in named]


def tones() -> Colours:
    """The variables for how something turned out."""
    return [("--good", *GOOD), ("--bad", *BAD), ("--unsure", *UNSURE)]
