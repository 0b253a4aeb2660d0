"""The comparisons that laws make. Each raises Violation with the values, or returns nothing.

A comparison in which a value is not finite has failed: NaN slips through every
`difference > tolerance`, so these ask whether the values are within, never whether beyond.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NoReturn

import numpy as np
import torch

from tnverify.contract.outcomes import NotClaimed, SaysNothing, Symptom, Violation
from tnverify.tolerances.measure import note

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

_SHOWN = 6


def says_nothing(reason: str) -> NoReturn:
    """This task is no evidence for or against the law."""
    raise SaysNothing(reason)


def not_claimed(reason: str) -> NoReturn:
    """The subject does not promise what the law is about."""
    raise NotClaimed(reason)


def violate(
    message: str,
    *,
    symptom: Symptom = "value",
    expected: str | None = None,
    actual: str | None = None,
    effect: float | None = None,
) -> NoReturn:
    raise Violation(message, symptom=symptom, expected=expected, actual=actual, effect=effect)


def largest_difference(actual: Tensor, expected: Tensor) -> float | None:
    """The largest finite difference between two tensors of one shape; None where none is."""
    error = (actual.detach().double() - expected.detach().double()).abs()
    finite = error[torch.isfinite(error)]
    return float(finite.max()) if finite.numel() else None


def expect(condition: bool, message: str, *, symptom: Symptom = "value") -> None:
    """The condition holds; else a Violation with this message."""
    if not condition:
        violate(message, symptom=symptom)


def shown(values: Tensor, digits: int = 6) -> str:
    """A short rendering of a tensor's values: `[0, 1.5, nan, ... 12 in all]`."""
    flat = values.detach().flatten()
    head = ", ".join(f"{value:.{digits}g}" for value in flat[:_SHOWN].tolist())
    return f"[{head}{f', ... {flat.numel()} in all' if flat.numel() > _SHOWN else ''}]"


def _shown_apart(expected: Tensor, actual: Tensor, position: int) -> tuple[str, str]:
    """Both tensors shown so that they differ to the eye, as they do at `position` when flattened.

    A difference beyond the values that are shown is shown alone, with its place.
    """
    if position < _SHOWN:
        return _apart(lambda digits: (shown(expected, digits), shown(actual, digits)), 6)
    wanted, came = (float(each.detach().flatten()[position]) for each in (expected, actual))
    place = f" at [{_at(position, actual.shape)}]"
    return _apart(lambda d: (f"{wanted:.{d}g}{place}", f"{came:.{d}g}{place}"), 6)


def _numbers_apart(one: float, other: float) -> tuple[str, str]:
    """Two numbers that differ, with as many digits as it takes to see it: nine or more."""
    return _apart(lambda digits: (f"{one:.{digits}g}", f"{other:.{digits}g}"), 9)


def _apart(texts: Callable[[int], tuple[str, str]], fewest: int) -> tuple[str, str]:
    """The two texts with the fewest digits that tell them apart; no two floats share seventeen."""
    tried = (texts(digits) for digits in range(fewest, 18))
    return next((pair for pair in tried if pair[0] != pair[1]), texts(17))


def _at(position: int, shape: torch.Size) -> str:
    # numpy's: torch.unravel_index imports sympy, a quarter of a second in every run.
    return ", ".join(str(int(i)) for i in np.unravel_index(position, tuple(shape)))


def _same_form(actual: Tensor, expected: Tensor, what: str) -> None:
    if actual.shape != expected.shape:
        violate(
            f"{what}: shape {tuple(actual.shape)} where {tuple(expected.shape)} was expected",
            symptom="form",
            expected=str(tuple(expected.shape)),
            actual=str(tuple(actual.shape)),
        )


def expect_finite(values: Tensor, what: str) -> None:
    """No value is NaN or infinite."""
    finite = torch.isfinite(values)
    if not bool(finite.all()):
        first = int((~finite).flatten().nonzero()[0])
        violate(
            f"{what}: {int((~finite).sum())} of {values.numel()} values are not finite, first at"
            f" [{_at(first, values.shape)}]",
            symptom="not_finite",
            expected="finite values",
            actual=shown(values),
        )


def expect_same(actual: Tensor, expected: Tensor, what: str, *, symptom: Symptom = "value") -> None:
    """Bit for bit the same values (two NaN at one place are the same), and the same shape."""
    _same_form(actual, expected, what)
    if torch.equal(actual, expected):
        note(0.0, exact=True)
        return
    differ = (actual != expected) & ~(actual.isnan() & expected.isnan())
    if not bool(differ.any()):
        note(0.0, exact=True)
        return
    first = int(differ.flatten().nonzero()[0])
    before, after = expected.flatten()[first].item(), actual.flatten()[first].item()
    wanted, came = _shown_apart(expected, actual, first)
    violate(
        f"{what}: {int(differ.sum())} of {actual.numel()} values differ, first at"
        f" [{_at(first, actual.shape)}]: {after!r} where {before!r} was expected",
        symptom="not_finite" if symptom == "value" and after != after else symptom,
        expected=wanted,
        actual=came,
        effect=largest_difference(actual, expected),
    )


def expect_close(
    actual: Tensor,
    expected: Tensor,
    bound: Tensor | float,
    what: str,
    *,
    symptom: Symptom = "value",
) -> None:
    """Every value within its bound (elementwise, of a shape that broadcasts, in absolute units).

    `expected` may be of a wider dtype; the difference is taken in float64. The worst error as a
    share of its bound is noted as the law's margin. A value that is not finite has failed.
    """
    _same_form(actual, expected, what)
    if actual.numel() == 0:
        return
    wide_actual, wide_expected = actual.double(), expected.double()
    error = (wide_actual - wide_expected).abs()
    limit = torch.as_tensor(bound, dtype=torch.float64, device=error.device).expand_as(error)
    # Nearly always all is well, and one number shows it: what is not finite makes it NaN.
    worst = float((error / limit).max())
    if worst <= 1.0:  # pragma: no mutate: what follows decides alike, and later
        note(worst, exact=worst == 0.0 and _is_same(actual, expected))
        return
    expect_finite(actual, what)
    expect_finite(wide_expected, f"{what} (the other side of the comparison)")
    # An error of zero is within a bound of zero; 0/0 must not become NaN.
    share = torch.where(error == 0, torch.zeros_like(error), error / limit)
    worst = float(share.max())
    if worst <= 1.0:
        note(worst, exact=worst == 0.0 and _is_same(actual, expected))
        return
    position = int(torch.nan_to_num(share, nan=math.inf).argmax())
    came, wanted, explained = (
        float(each.flatten()[position]) for each in (wide_actual, wide_expected, limit)
    )
    note(worst, exact=False)
    came_text, wanted_text = _numbers_apart(came, wanted)
    expected_text, actual_text = _shown_apart(wide_expected, wide_actual, position)
    violate(
        f"{what}: at [{_at(position, error.shape)}] {came_text} where {wanted_text} was expected;"
        f" off by {abs(came - wanted):.3g}, rounding explains {explained:.3g}",
        symptom=symptom,
        expected=expected_text,
        actual=actual_text,
        effect=largest_difference(wide_actual, wide_expected),
    )


def _is_same(actual: Tensor, expected: Tensor) -> bool:
    """The same values of one dtype: no error, and no bound so wide that an error is none of it."""
    return actual.dtype == expected.dtype and torch.equal(actual, expected)


def expect_gradient(actual: float, expected: float, bound: float, what: str) -> None:
    """A derivative within its bound; NaN has failed. Notes the margin."""
    error = abs(actual - expected)
    share = 0.0 if error == 0 else (error / bound if bound > 0 else math.inf)
    if share <= 1.0:
        note(share, exact=error == 0)
        return
    came, wanted = _numbers_apart(actual, expected)
    violate(
        f"{what}: {came} where {wanted} was expected (within {bound:.3g})",
        symptom="gradient",
        expected=wanted,
        actual=came,
    )
