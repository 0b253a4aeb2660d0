"""The oracle against numbers worked by hand, the arithmetic beside each. eps is 0 unless said."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tnverify.oracle import Moments, answer

# Two context items and one target, one channel, one pixel: context 1, 3; target 5.
CONTEXT = np.array([1.0, 3.0]).reshape(2, 1, 1, 1)
TARGET = np.array([5.0]).reshape(1, 1, 1, 1)
# Context moments: mean (1 + 3)/2 = 2, variance ((1-2)^2 + (3-2)^2)/2 = 1.


def test_meta_bn_normalises_both_sets_with_context_moments() -> None:
    got = answer("meta_bn", CONTEXT, TARGET, eps=0.0)
    assert got.context.outputs.ravel().tolist() == [-1.0, 1.0]  # (1-2)/1, (3-2)/1
    assert got.targets.outputs.ravel().tolist() == [3.0]  # (5-2)/1
    assert got.targets.kappa.ravel().tolist() == [5.0]  # max(|1|, |3|, |5|)/1
    assert (got.context.kappa.ravel().tolist(), got.targets.count) == ([3.0, 3.0], 2)


def test_eps_is_inside_the_root_and_the_affine_comes_last() -> None:
    # variance 1, eps 3: deviation 2, so y = (5-2)/2 = 1.5; times -4 plus 0.5.
    got = answer("meta_bn", CONTEXT, TARGET, eps=3.0, weight=[-4.0], bias=[0.5])
    assert got.targets.normalized.item() == 1.5
    assert got.targets.outputs.item() == -5.5


def test_unbiased_variance_divides_by_one_less() -> None:
    # ((1-2)^2 + (3-2)^2)/(2-1) = 2.
    got = answer("meta_bn", CONTEXT, TARGET, eps=0.0, variance="unbiased")
    assert got.targets.var.item() == 2.0
    assert got.targets.outputs.item() == 3 / math.sqrt(2)


def test_reptile_takes_the_moments_of_the_context_plus_the_target() -> None:
    # Values 1, 3, 5: mean 3, variance (4 + 0 + 4)/3 = 8/3; the context keeps mean 2, variance 1.
    got = answer("reptile_norm", CONTEXT, TARGET, eps=0.0)
    assert got.targets.mean.item() == 3.0
    assert got.targets.var.item() == 8 / 3
    assert got.targets.outputs.item() == 2 / math.sqrt(8 / 3)
    assert got.context.outputs.ravel().tolist() == [-1.0, 1.0]
    assert (got.context.count, got.targets.count) == (2, 3)


def test_reptile_takes_each_target_alone() -> None:
    two = np.array([5.0, 2.0]).reshape(2, 1, 1, 1)
    # With 2 instead of 5: values 1, 3, 2 have mean 2 and variance 2/3, so the target gives 0.
    got = answer("reptile_norm", CONTEXT, two, eps=0.0)
    assert got.targets.mean.ravel().tolist() == [3.0, 2.0]
    assert got.targets.outputs.ravel().tolist() == [2 / math.sqrt(8 / 3), 0.0]


def test_transductive_takes_the_moments_of_the_targets() -> None:
    # Targets 5, 9: mean 7, variance 4, so they give -1 and 1 whatever the context.
    got = answer("transductive_bn", CONTEXT, np.array([5.0, 9.0]).reshape(2, 1, 1, 1), eps=0.0)
    assert got.targets.outputs.ravel().tolist() == [-1.0, 1.0]
    assert got.context.outputs.ravel().tolist() == [-1.0, 1.0]


def test_tasknorm_i_pools_means_and_variances() -> None:
    # alpha 1/2; the target's own moments are 5 and 0.
    # mean (10): (2 + 5)/2 = 3.5; both means lie 1.5 from it.
    # variance (11): 1/2 (1 + 2.25) + 1/2 (0 + 2.25) = 2.75.
    got = answer("tasknorm_i", CONTEXT, TARGET, eps=0.0, alpha=0.5)
    assert got.targets.mean.item() == 3.5
    assert got.targets.var.item() == 2.75
    assert got.targets.outputs.item() == 1.5 / math.sqrt(2.75)
    # First context item: own moments 1 and 0; mean 1.5, variance 1/2 (1 + 1/4) + 1/2 (1/4) = 3/4.
    assert got.context.mean.ravel().tolist() == [1.5, 2.5]
    assert got.context.var.ravel().tolist() == [0.75, 0.75]
    # 3 is the largest that entered either item's moments, over the roots of these variances.
    assert got.context.kappa.ravel().tolist() == [3 / math.sqrt(0.75)] * 2
    assert got.targets.kappa.item() == 5 / math.sqrt(2.75)
    assert (got.context.count, got.targets.count) == (2, 2)


def test_tasknorm_l_pools_with_moments_over_channels() -> None:
    # Channels 0 and 1 of the context: (1, 3) and (0, 0). The target is (5, 1): layer mean 3,
    # layer variance 4. Channel 0, alpha 1/4: mean 1/4 * 2 + 3/4 * 3 = 2.75, distances 0.75 and
    # 0.25; variance 1/4 (1 + 0.5625) + 3/4 (4 + 0.0625) = 0.390625 + 3.046875 = 3.4375.
    context = np.array([[1.0, 0.0], [3.0, 0.0]])[:, :, None, None]
    got = answer(
        "tasknorm_l", context, np.array([[5.0, 1.0]])[:, :, None, None], eps=0.0, alpha=0.25
    )
    assert got.targets.mean[0, 0].item() == 2.75
    assert got.targets.var[0, 0].item() == 3.4375
    # 5 entered channel 1 too, by way of the layer moments.
    assert got.targets.kappa[0, 0].item() == 5 / math.sqrt(3.4375)
    assert got.targets.kappa[0, 1].item() == 5 / math.sqrt(4.6875)
    # Channel 1: mean 1/4 * 0 + 3/4 * 3 = 2.25; 1/4 (0 + 2.25^2) + 3/4 (4 + 0.75^2) = 4.6875.
    assert got.targets.mean[0, 1].item() == 2.25
    assert got.targets.var[0, 1].item() == 4.6875


def test_tasknorm_r_pools_with_running_moments() -> None:
    # Running mean 6, variance 2; alpha 1/2: mean 4, variance 1/2 (1 + 4) + 1/2 (2 + 4) = 5.5.
    got = answer("tasknorm_r", CONTEXT, TARGET, eps=0.0, alpha=0.5, running=Moments([6.0], [2.0]))
    assert got.targets.mean.item() == 4.0
    assert got.targets.var.item() == 5.5
    assert got.targets.outputs.item() == 1 / math.sqrt(5.5)
    assert got.targets.kappa.item() == 6 / math.sqrt(5.5)  # the running mean is the largest


@pytest.mark.parametrize("scheme", ["conventional_bn", "batch_renorm"])
def test_running_moments_normalise_both_sets(scheme: str) -> None:
    # Running mean 1, variance 4, eps 0: (5-1)/2 = 2 and (1-1)/2, (3-1)/2.
    got = answer(scheme, CONTEXT, TARGET, eps=0.0, running=Moments([1.0], [4.0], count=7))
    assert got.targets.outputs.item() == 2.0
    assert got.context.outputs.ravel().tolist() == [0.0, 1.0]
    assert got.targets.count == 7


def test_instance_layer_and_group_moments() -> None:
    # One item of four channels with two pixels: (0, 2), (4, 6), (1, 1), (-1, 3).
    item = np.array([[[0.0, 2.0], [4.0, 6.0], [1.0, 1.0], [-1.0, 3.0]]])
    empty = item[:0]
    instance = answer("instance_norm", item, empty).context
    assert instance.mean.ravel().tolist() == [1.0, 5.0, 1.0, 1.0]
    assert instance.var.ravel().tolist() == [1.0, 1.0, 0.0, 4.0]
    # Groups of two channels: (0, 2, 4, 6) has mean 3, variance (9+1+1+9)/4 = 5;
    # (1, 1, -1, 3) has mean 1, variance (0+0+4+4)/4 = 2.
    group = answer("group_norm", item, empty, groups=2).context
    assert group.mean.ravel().tolist() == [3.0, 3.0, 1.0, 1.0]
    assert group.var.ravel().tolist() == [5.0, 5.0, 2.0, 2.0]
    # All eight: sum 16, mean 2; squares (4+0+4+16+1+1+9+1) = 36, variance 4.5.
    layer = answer("layer_norm", item, empty).context
    assert layer.mean.ravel().tolist() == [2.0] * 4
    assert layer.var.ravel().tolist() == [4.5] * 4
    assert layer.kappa.ravel().tolist() == [6 / math.sqrt(4.5 + 1e-5)] * 4
    assert (instance.count, group.count, layer.count) == (2, 4, 8)


def test_none_leaves_values_to_the_affine() -> None:
    got = answer("none", CONTEXT, TARGET, weight=[2.0], bias=[1.0])
    assert got.targets.outputs.item() == 11.0
    assert got.context.normalized.ravel().tolist() == [1.0, 3.0]


def test_alpha_may_differ_between_channels() -> None:
    context = np.concatenate([CONTEXT, CONTEXT], axis=1)
    target = np.concatenate([TARGET, TARGET], axis=1)
    got = answer("tasknorm_i", context, target, eps=0.0, alpha=[1.0, 0.5])
    # alpha 1 is context batch normalisation: mean 2, variance 1; alpha 1/2 as above.
    assert got.targets.mean.ravel().tolist() == [2.0, 3.5]
    assert got.targets.alpha.ravel().tolist() == [1.0, 0.5]


@pytest.mark.parametrize("shape", [(), (1,), (2, 3), (2, 1, 2)])
def test_context_items_equal_reptile_at_the_matching_alpha(shape: tuple[int, ...]) -> None:
    """TaskNorm-I at alpha = n/(n+1) is Reptile normalisation (section 4.2), to 1 rounding of y."""
    context = np.random.default_rng(1).normal(size=(4, 2, *shape))
    targets = np.random.default_rng(2).normal(size=(3, 2, *shape))
    blend = answer("tasknorm_i", context, targets, alpha=4 / 5).targets
    reptile = answer("reptile_norm", context, targets).targets
    # Both are good to a few roundings; alpha = 0.8 itself is half a rounding off.
    few = 8 * 2.0**-53 * (1 + np.abs(reptile.normalized))
    assert (np.abs(blend.normalized - reptile.normalized) <= few).all()
    unbiased = [
        answer("tasknorm_i", context, targets, alpha=4 / 5, variance="unbiased").targets,
        answer("reptile_norm", context, targets, variance="unbiased").targets,
    ]
    # The identity is one of biased moments alone; over one pixel the blend is NaN.
    assert not (np.abs(unbiased[0].outputs - unbiased[1].outputs) <= few).all()


# One item of two channels and two pixels: 3, 1 in the first channel and 4, 7 in the second.
MAPS = np.array([3.0, 1.0, 4.0, 7.0]).reshape(1, 2, 1, 2)


def test_each_position_has_the_moments_of_its_channels() -> None:
    # Positions (3, 4): mean 3.5, deviation 0.5; (1, 7): mean 4, deviation 3.
    got = answer("per_pixel_layer_norm", MAPS, MAPS, eps=0.0).targets
    assert got.outputs.ravel().tolist() == [-1.0, -1.0, 1.0, 1.0]
    assert got.mean[0, 0].ravel().tolist() == [3.5, 4.0]
    assert got.count == 2


def test_root_mean_squares_take_nothing_off() -> None:
    # Position (3, 4): mean square 12.5; (1, 7): 25. The whole item: (9 + 1 + 16 + 49)/4 = 18.75.
    got = answer("rms_norm", MAPS, MAPS, eps=0.0).targets
    assert got.outputs.ravel().tolist() == [3 / math.sqrt(12.5), 0.2, 4 / math.sqrt(12.5), 1.4]
    whole = answer("item_rms_norm", MAPS, MAPS, eps=0.25).targets
    expected = [value / math.sqrt(19.0) for value in (3.0, 1.0, 4.0, 7.0)]
    assert whole.outputs.ravel().tolist() == expected


def test_frozen_moments_are_those_that_are_held() -> None:
    # (5 - 1)/sqrt(3 + 1) = 2.
    held = Moments(np.array([1.0]), np.array([3.0]))
    got = answer("frozen_bn", CONTEXT, TARGET, eps=1.0, running=held)
    assert got.targets.outputs.item() == 2.0
    assert got.context.outputs.ravel().tolist() == [0.0, 1.0]


@pytest.mark.parametrize("offset", [0.0, 1000.0])
def test_many_values_are_summed_to_within_the_roundings_that_are_told(offset: float) -> None:
    values = np.random.default_rng(5).normal(size=(2, 1, 130, 130)) + offset
    got = answer("meta_bn", values, values[:1], eps=0.0).context
    assert 0 < got.roundings < 64
    mean = math.fsum(values.ravel().tolist()) / values.size
    centred = (values - mean).ravel()
    var = math.fsum((centred * centred).tolist()) / values.size
    exact = (values - mean) / math.sqrt(var)
    room = (got.roundings + 8) * 2.0**-53 * (1 + np.abs(exact) + got.kappa)
    assert (np.abs(got.outputs - exact) <= room).all()
    few = answer("meta_bn", CONTEXT, TARGET).context
    assert few.roundings == 0
