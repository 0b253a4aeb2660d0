"""The rounding bound and its limit, worked by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from tnverify.oracle import SetAnswer
from tnverify.tolerances import TOO_WIDE, rounding_bound, too_wide, unit


def by_hand() -> SetAnswer:
    """One output with y = 3, kappa = 5, n = 8, alpha = 1/4 and dy/dalpha = -8."""
    one = np.ones((1, 1, 1, 1))
    return SetAnswer(
        outputs=one * -2.0,
        normalized=one * -3.0,
        mean=one,
        var=one,
        kappa=one * 5.0,
        count=8,
        dy_dalpha=one * -8.0,
        alpha=one * 0.25,
    )


def test_the_formula_by_hand() -> None:
    u = 2.0**-10
    got = rounding_bound(
        by_hand(), weight=[-2.0], bias=[-4.0], unit=u, scale=-2.0, offset=1.0, size=3
    )
    sums = u * (16 * 9 + 60)  # u ((8 + 8) (1 + 3 + 5) + 4 * 5 * 3)
    variance = 3 * 8 * 25 * u * u  # 3 * 8 (5 u)^2
    blend = 8 * u * (1.0 + 2.625)  # 4 alpha = 1; 2 alpha (1 - alpha) = 0.375, times 2 * 3 + 1
    assert got.shape == (1, 1, 1, 1)
    assert got.item() == 2 * (sums + variance + blend) + (2 * u + 2.0**-53) * 4


def test_a_lost_variance_counts_whole() -> None:
    """n (u kappa)^2 is at most one: beyond it the variance has no digit left."""
    one = np.ones((1, 1, 1, 1))
    lost = replace(by_hand(), kappa=one * 2.0**40, dy_dalpha=one * 0.0)
    got = rounding_bound(lost, weight=None, bias=None, unit=2.0**-24)
    assert got.item() == 2.0**-24 * (16 * (1 + 3 + 2.0**40) + 12 * 2.0**40) + 3


def test_half_precision_storage_adds_half_an_ulp_of_the_output() -> None:
    plain, stored = (
        rounding_bound(
            by_hand(), weight=None, bias=None, unit=unit(torch.float32), storage_unit=storage
        )
        for storage in (0.0, unit(torch.float16))
    )
    assert stored.item() - plain.item() == 2.0**-11 * 2.0  # |output| is 2
    near_zero = replace(by_hand(), outputs=np.zeros((1, 1, 1, 1)))
    subnormal = rounding_bound(
        near_zero, weight=None, bias=None, unit=0.0, storage_unit=unit(torch.float16)
    )
    zero = rounding_bound(near_zero, weight=None, bias=None, unit=0.0)
    # Half of 2**-24, the spacing of float16 around zero.
    assert subnormal.item() - zero.item() == 2.0**-25


def test_units_are_half_an_ulp_at_one() -> None:
    assert [
        unit(dtype) for dtype in (torch.float16, torch.bfloat16, torch.float32, torch.float64)
    ] == [2.0**-11, 2.0**-8, 2.0**-24, 2.0**-53]
    with pytest.raises(TypeError):
        unit(torch.int32)


def test_too_wide_a_bound_says_nothing() -> None:
    ours = by_hand()
    limit = np.full((1, 1, 1, 1), TOO_WIDE * (1 + 3) * 2)  # y is -3, the weight -2
    assert not too_wide(limit, ours, weight=[-2.0])
    assert too_wide(limit * 1.001, ours, weight=[-2.0])
    assert too_wide(limit, ours, weight=[-1.9])
    assert too_wide(limit, ours, weight=None)
    two = np.concatenate([limit / 100, limit], axis=3)
    assert too_wide(two, replace(ours, normalized=np.zeros_like(two), outputs=two), weight=[-2.0])


def test_a_zero_weight_is_never_too_wide_and_nan_always_is() -> None:
    ours = by_hand()
    assert not too_wide(np.full((1, 1, 1, 1), 1e-3), ours, weight=[0.0])
    for weight in ([0.0], [1.0]):
        assert too_wide(np.full((1, 1, 1, 1), np.nan), ours, weight=weight)
        assert too_wide(np.full((1, 1, 1, 1), np.inf), ours, weight=weight)


def test_without_weight_bias_alpha_or_storage_only_the_sums_are_left() -> None:
    u = 2.0**-10
    sums = u * (16 * 9 + 60) + 3 * 8 * 25 * u * u
    blend = 8 * u  # 8 u 4 alpha: alpha of scale and offset zero still has a sigmoid's error
    got = rounding_bound(by_hand(), weight=None, bias=None, unit=u)
    assert got.item() == sums + blend
    # A scale without a context adds nothing, nor a context without a scale; an offset does,
    # whatever its sign.
    assert rounding_bound(by_hand(), weight=None, bias=None, unit=u, scale=2.0).item() == got.item()
    assert rounding_bound(by_hand(), weight=None, bias=None, unit=u, size=3).item() == got.item()
    for offset in (3.0, -3.0):
        moved = rounding_bound(by_hand(), weight=None, bias=None, unit=u, offset=offset)
        assert moved.item() == sums + 8 * u * (1 + 0.375 * 3)


@pytest.mark.parametrize("rank", [0, 1, 2, 3])
def test_weight_and_bias_are_those_of_the_outputs_own_channel(rank: int) -> None:
    shape = (3, 2, *(2,) * rank)
    ones, none = np.ones(shape), np.zeros(shape)
    two = SetAnswer(
        outputs=ones,
        normalized=none,
        mean=none,
        var=ones,
        kappa=none,
        count=0,
        dy_dalpha=none,
        alpha=none,
    )
    got = rounding_bound(two, weight=[2.0, -0.5], bias=[0.0, -4.0], unit=2.0**-10)
    assert got.shape == shape
    assert (got[:, 0] == 2 * 8 * 2.0**-10).all()
    assert (got[:, 1] == 0.5 * 8 * 2.0**-10 + (2 * 2.0**-10 + 2.0**-53) * 4).all()
    limit = TOO_WIDE * ones
    assert not too_wide(limit, two, weight=[1.0, -1.0])
    assert too_wide(limit, two, weight=[1.0, 0.5])
    assert not too_wide(limit, two, weight=[1.0, 0.0])


def test_the_bias_is_taken_in_float64_whatever_its_dtype() -> None:
    u, wide = 2.0**-10, float(np.float32(3.3))
    got = [
        rounding_bound(by_hand(), weight=[0.0], bias=bias, unit=u).item()
        for bias in (np.asarray([3.3], np.float32), [wide])
    ]
    assert got == [(2 * u + 2.0**-53) * wide] * 2


def test_without_a_weight_a_bound_is_too_wide_beyond_a_tenth_of_one_and_the_value() -> None:
    limit = np.full((1, 1, 1, 1), TOO_WIDE * (1 + 3))
    assert not too_wide(limit, by_hand(), weight=None)
    assert too_wide(limit * 1.001, by_hand(), weight=None)


def test_a_reference_that_overflows_has_a_bound_that_is_too_wide_and_no_warning() -> None:
    one = np.ones((1, 1, 1, 1))
    for poisoned in (
        replace(by_hand(), kappa=one * 1e308),
        replace(by_hand(), normalized=one * 0, kappa=one * np.inf),
        replace(by_hand(), normalized=one * np.inf),
        replace(by_hand(), outputs=one * np.nan, normalized=one * np.nan),
    ):
        bound = rounding_bound(poisoned, weight=[0.0], bias=None, unit=1.0)
        assert not np.isfinite(bound).any()
        assert too_wide(bound, poisoned, weight=[0.0])


def test_an_infinite_reference_is_too_wide_for_any_weight() -> None:
    infinite = replace(by_hand(), normalized=np.full((1, 1, 1, 1), np.inf))
    bound = rounding_bound(infinite, weight=[2.0], bias=None, unit=2.0**-53)
    assert too_wide(bound, infinite, weight=[2.0])
