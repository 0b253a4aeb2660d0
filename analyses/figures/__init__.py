"""Figures of the analyses, by matplotlib: each takes frames and returns a `Picture`.

A picture is SVG for the page and PNG for slides, drawn once. Every scheme has the same colour,
marker and name in all of them (`looks.LOOKS`), told apart without colour too; every figure has
axes with units, a legend, and says how many tasks and seeds stand behind it.
"""

from __future__ import annotations

from tnverify.analyses.figures.drawing import Picture

__all__ = ["Picture"]
