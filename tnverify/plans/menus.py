"""The values that plans are made of, each list with the plainest first.

A value that stands several times is drawn as often. All are exact in half precision.
"""

from __future__ import annotations

EXPONENTS: tuple[int, ...] = (*(0,) * 11, 1, -1, 4, -6, -20, 20)
"""Powers of two that values are multiplied by."""

OFFSETS: tuple[float, ...] = (*(0.0,) * 8, 1.0, -1.0, 3.0, -10.0, 100.0, 1000.0, 1e4)
"""Ratios of mean to deviation."""

WEIGHTS: tuple[float, ...] = (1.0, 2.0, 0.5, -1.0, 3.0, -2.5, 0.125, 0.0)
"""Weights of channels; zero is the last."""

BIASES: tuple[float, ...] = (0.0, 1.0, -1.0, 0.5, -2.25, 4.0)
"""Biases of channels."""

LOGITS: tuple[float, ...] = (0.0, 0.0, 0.5, -0.5, 1.0, -1.0, 2.0, -2.0)
"""Two of these add up to the argument of alpha, which then is within (0.01, 0.99)."""

EXTREMES: tuple[float, ...] = (6.0, -6.0, 8.0, -8.0, 16.0, -16.0, 12.0, -12.0)
"""Arguments of alpha that take it beyond (0.01, 0.99)."""

PASTS: tuple[int, ...] = (0, 1, 1, 1, 1, 2, 2, 2)
"""Numbers of earlier tasks, where there may be any."""

SPREADS: tuple[float, ...] = (0.0, 0.0, 0.5, 0.875)
"""How far parameters without a handle are moved, as a share of their initial values."""

OVERRIDES: tuple[float, ...] = (0.0, 1.0, -1.0, 0.5, -2.0, 8.0, 100.0, -1000.0)
"""Single values put in place."""

OVERRIDE_COUNTS: tuple[int, ...] = (0, 0, 0, 0, 0, 0, 0, 1, 2, 3)
"""Numbers of such values."""
