"""Comparing a derivative with differences of values, and telling kinks from wrong derivatives."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from tnverify.tolerances import expect_finite, expect_gradient, says_nothing

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from torch import Tensor

_RESOLVED = 2.0**-6
"""The two differences must agree to this share, else the step is not small against the
curvature and extrapolation promises nothing."""
_FAR = 8.0
"""How many steps away a bend is looked at again: a smooth one has grown by the square of it."""
_FINER = (2.0**-2, 2.0**-4, 2.0**-6)
"""Shares of the step at which a difference that disagrees with a slope is looked at again."""
_ROUNDED = 2.0**-40
"""Of a slope, this share may be its own sum's rounding."""
SHARP = "the outputs curve too sharply here for differences to tell their slope"
KINKED = "the outputs have a kink here: one-sided slopes differ, so there is none to compare with"
TIED = "the outputs have no slope here: those along two directions are not that along their sum"
STEPPED = "the outputs are steps of the inputs, flat at every value: they have no slope"
_STEPS_AT = (0.0, 1.0, -1.5)
"""Places, in deviations of the input, around which a function that is made of steps is flat."""
_FLAT = 0.9
"""The share of terms that stay as they are, of those that differ from place to place: the rest
may just be passing an edge."""


def expect_slope(
    slope: float,
    terms: Callable[[float], Tensor],
    *,
    step: float,
    rounding: float,
    what: str,
    halves: Callable[[], Sequence[Callable[[float], Tensor]]] = tuple,
) -> None:
    """`slope` is that of the sum of `terms` at zero, if the sum may err by `rounding`.

    Says nothing at a kink: where the two one-sided slopes differ, or where slopes along the
    `halves` of the direction do not add up to the whole's, as at ties under a median.
    """

    def value(at: float) -> float:
        return float(terms(at).sum())

    coarse = (value(step) - value(-step)) / (2 * step)
    fine = (value(step / 2) - value(-step / 2)) / step
    expect_finite(torch.tensor([coarse, fine]), "differences of outputs")
    noise = 3 * rounding / step
    if abs(coarse - fine) > _RESOLVED * abs(fine) + noise:
        says_nothing(SHARP)
    extrapolated = (4 * fine - coarse) / 3
    allowed = abs(coarse - fine) + noise + _ROUNDED * abs(fine)
    if abs(slope - extrapolated) > allowed:
        for share in _FINER:
            finer = (value(share * step) - value(-share * step)) / (2 * share * step)
            if abs(finer - extrapolated) > allowed + noise / share:
                says_nothing(SHARP)
        if abs(slope - extrapolated) <= jump(terms, step):
            says_nothing(KINKED)
        parts = [
            (float(half(step / 2).sum()) - float(half(-step / 2).sum())) / step for half in halves()
        ]
        if parts and abs(sum(parts) - fine) > _RESOLVED * abs(fine) + len(parts) * (
            allowed + noise
        ):
            says_nothing(TIED)
    expect_gradient(slope, extrapolated, allowed, what)


def jump(terms: Callable[[float], Tensor], step: float) -> float:
    """How much, at most, the slopes of all terms together jump within a step of zero.

    A kink bends a function by the distance to it, a curve by the square of the step: what a term
    bends beyond twice the share that its bend over eight steps leaves for one is a kink's.
    """
    centre = terms(0.0)

    def bent(by: float) -> Tensor:
        return (terms(by) - 2 * centre + terms(-by)).abs()

    return float((bent(step) - 2 * bent(_FAR * step) / _FAR**2).clamp_min(0).sum()) / step


def are_steps(terms: Callable[[float], Tensor], step: float) -> bool | None:
    """Tell whether the terms differ from place to place and are flat around each, as rounded values
    are; None where they are the same at all places.

    What backward hands through a rounding is no derivative, and is not meant to be.
    """
    places = torch.stack([terms(at) for at in _STEPS_AT])
    moved = (places != places[0]).any(0)
    if not moved.any():
        return None
    around = (terms(at + by) for at in _STEPS_AT for by in (step, -step))
    here = places.repeat_interleave(2, 0)
    return all(
        float((there == value)[moved].double().mean()) >= _FLAT
        for there, value in zip(around, here, strict=True)
    )
