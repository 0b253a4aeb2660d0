"""The oracle against exact arithmetic: rationals for moments, fifty digits for roots."""

from __future__ import annotations

from decimal import Decimal, localcontext
from fractions import Fraction

import numpy as np
import pytest

from tnverify.oracle import Alpha, Moments, alpha_of, answer

U, EPS_USED = 2.0**-53, 1e-5
EPS = Decimal(EPS_USED)  # exactly the float that is used, not the decimal 0.00001


def exact_moments(values: list[float]) -> tuple[Fraction, Fraction]:
    """Mean and biased variance as rationals."""
    fractions = [Fraction(value) for value in values]
    mean = sum(fractions, Fraction()) / len(fractions)
    return mean, sum(((f - mean) ** 2 for f in fractions), Fraction()) / len(fractions)


def as_decimal(value: Fraction) -> Decimal:
    return Decimal(value.numerator) / Decimal(value.denominator)


def one_channel(values: list[float]) -> np.ndarray:
    return np.array(values).reshape(1, 1, -1)


ILL = [
    [1e16, 1.0, -1e16, 3.0],  # a plain sum loses the 1 or the 3
    [1e8 + 0.25, 1e8 - 0.5, 1e8, 1e8 + 1.0, 1e8 + 0.125],  # E[x^2] - E[x]^2 loses everything
    [1e4 + value * 2.0**-20 for value in (1.0, 2.5, -3.0, 0.75, 11.0, -2.0)],
    [0.1] * 7,  # the rounded mean is not 0.1, yet nothing deviates
]


@pytest.mark.parametrize("values", ILL)
def test_moments_are_good_to_a_rounding(values: list[float]) -> None:
    mean, var = exact_moments(values)
    got = answer("instance_norm", one_channel(values), one_channel(values)).context
    # One rounding of the sum and one of the division.
    assert abs(Fraction(got.mean.item()) - mean) <= 2 * Fraction(U) * abs(mean)
    # Differences, their squares, the sum and the division: under eight roundings in all. What
    # is left where all values are equal is the square of a rounding of the mean's remainder.
    floor = Fraction(U) ** 4 * mean**2
    assert abs(Fraction(got.var.item()) - var) <= 8 * Fraction(U) * var + floor


@pytest.mark.parametrize("values", ILL)
def test_outputs_do_not_suffer_from_cancellation(values: list[float]) -> None:
    """y is good to a few roundings of 1 + |y|, whatever the mean-to-deviation ratio."""
    mean, var = exact_moments(values)
    got = answer("instance_norm", one_channel(values), one_channel(values)).context.normalized
    with localcontext() as precise:
        precise.prec = 50
        deviation = (as_decimal(var) + EPS).sqrt()
        for ours, value in zip(got.ravel().tolist(), values, strict=True):
            y = (as_decimal(Fraction(value) - mean)) / deviation
            assert abs(Decimal(ours) - y) <= 12 * Decimal(U) * (1 + abs(y))


CONTEXT = np.random.default_rng(3).normal(size=(3, 2, 2)) + 100.0
TARGETS = np.random.default_rng(4).normal(size=(2, 2, 2)) - 50.0


def blended(
    alpha: Decimal, item: int, channel: int, scheme: str, far: float = 0.0
) -> list[Decimal]:
    """Eqs. (10) and (11) in fifty digits for one item and channel, all values moved by `far`."""
    context, targets = CONTEXT + far, TARGETS + far
    batch = exact_moments(context[:, channel].ravel().tolist())
    own = (
        exact_moments(
            (targets[item, channel] if scheme == "tasknorm_i" else targets[item]).ravel().tolist()
        )
        if scheme != "tasknorm_r"
        else (Fraction(7), Fraction(3))
    )
    (batch_mean, batch_var), (own_mean, own_var) = (
        (as_decimal(mean), as_decimal(var)) for mean, var in (batch, own)
    )
    rest = 1 - alpha
    mean = alpha * batch_mean + rest * own_mean
    var = alpha * (batch_var + (batch_mean - mean) ** 2) + rest * (own_var + (own_mean - mean) ** 2)
    deviation = (var + EPS).sqrt()
    return [(Decimal(x) - mean) / deviation for x in targets[item, channel].tolist()]


@pytest.mark.parametrize("scheme", ["tasknorm_i", "tasknorm_l", "tasknorm_r"])
@pytest.mark.parametrize("alpha", [0.0, 2.0**-30, 0.25, 0.9, 1.0])
def test_blend_and_its_derivative_by_alpha(scheme: str, alpha: float) -> None:
    """Values against fifty digits, dy/dalpha against differences so fine that they are exact."""
    got = answer(
        scheme,
        CONTEXT,
        TARGETS,
        alpha=Alpha(np.array(alpha), np.array(1.0 - alpha)),
        running=Moments([7.0, 7.0], [3.0, 3.0]),
    ).targets
    with localcontext() as precise:
        precise.prec = 60
        step = Decimal(10) ** -20
        for item, channel in np.ndindex(2, 2):
            middle = blended(Decimal(alpha), item, channel, scheme)
            above = blended(Decimal(alpha) + step, item, channel, scheme)
            below = blended(Decimal(alpha) - step, item, channel, scheme)
            for pixel in range(2):
                y, slope = middle[pixel], (above[pixel] - below[pixel]) / (2 * step)
                ours = got.normalized[item, channel, pixel]
                # A rounding in each of the two terms of y, whose sizes are |y| and the distance
                # of the means over the deviation, and a handful in the moments.
                terms = abs(y) + 150 / Decimal(got.var[item, channel].item()).sqrt()
                assert abs(Decimal(ours) - y) <= 12 * Decimal(U) * (1 + terms)
                spread = Decimal(got.var[item, channel].item())
                # The closed form is a sum of two terms, each a product of such factors.
                sizes = 150 / spread.sqrt() + abs(y) * (4 + 150**2) / spread
                difference = abs(Decimal(got.dy_dalpha[item, channel, pixel]) - slope)
                assert difference <= 32 * Decimal(U) * (1 + sizes)


@pytest.mark.parametrize("scheme", ["tasknorm_i", "tasknorm_l"])
def test_blends_of_values_far_from_zero_keep_their_digits(scheme: str) -> None:
    """Both means round by far more than y may err, so what their rounding left must count."""
    far = 2.0**40
    got = answer(scheme, CONTEXT + far, TARGETS + far, alpha=0.75).targets
    with localcontext() as precise:
        precise.prec = 60
        for item, channel in np.ndindex(2, 2):
            exact = blended(Decimal("0.75"), item, channel, scheme, far)
            apart = 150 / Decimal(got.var[item, channel].item()).sqrt()
            for ours, y in zip(got.normalized[item, channel].tolist(), exact, strict=True):
                assert abs(Decimal(ours) - y) <= 12 * Decimal(U) * (1 + abs(y) + apart)


def test_nothing_is_blended_elsewhere() -> None:
    for scheme in ("meta_bn", "instance_norm", "reptile_norm", "none"):
        got = answer(scheme, CONTEXT, TARGETS).targets
        assert not got.dy_dalpha.any()
        assert not got.alpha.any()


@pytest.mark.parametrize("logit", [-745.0, -40.0, -1.5, 0.0, 0.3, 17.0, 40.0, 700.0])
def test_alpha_and_its_complement_are_both_accurate(logit: float) -> None:
    got = alpha_of(logit / 4, 0.0, 4)
    with localcontext() as precise:
        precise.prec = 700
        alpha = 1 / (1 + (-Decimal(logit)).exp())
        # exp is good to a rounding or two; the smallest numbers are multiples of 2**-1074.
        for ours, exact in ((got.value, alpha), (got.complement, 1 - alpha)):
            assert abs(Decimal(ours.item()) - exact) <= 6 * Decimal(U) * exact + Decimal(2.0**-1074)


@pytest.mark.parametrize(("scale", "value", "complement"), [(1e308, 1.0, 0.0), (-1e308, 0.0, 1.0)])
def test_alpha_saturates_without_overflow(scale: float, value: float, complement: float) -> None:
    got = alpha_of([scale, 0.0], [scale, 0.0], 1)
    assert got.value.tolist() == [value, 0.5]
    assert got.complement.tolist() == [complement, 0.5]
    assert np.isnan(alpha_of(float("nan"), 0.0, 1).value)
