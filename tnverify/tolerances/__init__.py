"""How a law compares: exactly, or within a rounding bound that is derived, never picked."""

from tnverify.tolerances.bound import TOO_WIDE, rounding_bound, too_wide, unit
from tnverify.tolerances.comparison import (
    expect,
    expect_close,
    expect_finite,
    expect_gradient,
    expect_same,
    not_claimed,
    says_nothing,
    shown,
    violate,
)
from tnverify.tolerances.measure import Measure, measuring

__all__ = [
    "TOO_WIDE",
    "Measure",
    "expect",
    "expect_close",
    "expect_finite",
    "expect_gradient",
    "expect_same",
    "measuring",
    "not_claimed",
    "rounding_bound",
    "says_nothing",
    "shown",
    "too_wide",
    "unit",
    "violate",
]
