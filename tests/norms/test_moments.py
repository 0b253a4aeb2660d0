"""The moments of larger sets follow from those of instances."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch

from tnverify.norms import BY_SCHEME
from tnverify.norms.blend import Blend, used_moments
from tnverify.norms.kernels import dispatch, small
from tnverify.norms.kernels.plain import as_planes, batch_moments, instance_moments
from tnverify.norms.moments import Moments, bessel, merge, moments_dtype, over_groups, pool
from tnverify.tolerances import expect_close
from tnverify.tolerances.bound import unit


def drawn(*shape: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(sum(shape))
    # Means that differ between items and channels, so that the between-mean term matters.
    apart = torch.randn((*shape[:2], *(1,) * (len(shape) - 2)), generator=generator)
    return (torch.randn(shape, generator=generator) + 3 * apart).double()


def expect_moments(actual: Moments, values: torch.Tensor) -> None:
    """`actual` are the moments over the last dimension of `values`."""
    mean, var, count = values.mean(-1), values.var(-1, correction=0), values.shape[-1]
    scale = values.abs().max()
    bound = unit(torch.float64) * (8 + count) * (1 + scale)
    expect_close(actual.mean, mean.expand_as(actual.mean), bound, "mean")
    expect_close(actual.var, var.expand_as(actual.var), bound * (1 + scale), "variance")
    assert int(actual.count) == count


@pytest.mark.parametrize("shape", [(3, 4, 5), (3, 4, 2, 3), (3, 4), (3, 4, 1, 1)], ids=str)
def test_batch_layer_and_group_moments(shape) -> None:
    x = drawn(*shape)
    items = x.reshape(3, 4, -1)
    instance = instance_moments(x)
    expect_moments(instance, items)
    expect_moments(batch_moments(x), items.transpose(0, 1).flatten(1)[None])
    expect_moments(over_groups(instance, 1), items.flatten(1)[:, None])
    groups = items.reshape(3, 2, -1)
    expect_moments(over_groups(instance, 2), groups)
    assert over_groups(instance, 4) is instance


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32], ids=str)
def test_moments_of_few_digits_are_taken_in_float32(dtype) -> None:
    x = drawn(3, 4, 25).to(dtype)
    came, exact = instance_moments(x), instance_moments(x.double())
    scale = x.double().abs().max()
    for actual, expected in zip(came[:2], exact[:2], strict=True):
        bound = unit(torch.float32) * (8 + 25) * (1 + scale) ** 2
        expect_close(actual.double(), expected, bound.expand_as(expected), str(dtype))


def test_merged_moments_are_those_of_the_union() -> None:
    first, second = drawn(3, 4, 5), drawn(1, 4, 7)
    union = torch.cat([x.transpose(0, 1).flatten(1) for x in (first, second)], dim=1)[None]
    expect_moments(merge(batch_moments(first), batch_moments(second)), union)


def test_pooling_carries_the_between_mean_term() -> None:
    """Worked by hand: means 0 and 2, variances 1 and 3, alpha 0.5 (eqs. (10), (11))."""
    first, second = (
        Moments(torch.tensor([[m]]), torch.tensor([[v]]), 1) for m, v in ((0.0, 1.0), (2.0, 3.0))
    )
    pooled = pool(0.5, first, second)
    assert (pooled.mean.item(), pooled.var.item()) == (1.0, 3.0)


def test_the_unbiased_factor_of_one_value_is_finite() -> None:
    assert [bessel(n) for n in (1, 2, 5)] == [1.0, 2.0, 1.25]
    assert [bessel(torch.tensor(float(n))).item() for n in (1, 2, 5)] == [1.0, 2.0, 1.25]


def test_moments_of_half_precision_are_float32_and_of_float32_wider() -> None:
    for dtype, moments in (
        (torch.bfloat16, torch.float32), (torch.float16, torch.float32),
        (torch.float32, torch.float64), (torch.float64, torch.float64),
    ):  # fmt: skip
        assert batch_moments(drawn(3, 4, 5).to(dtype)).mean.dtype == moments


def test_moments_on_devices_without_float64_are_float32() -> None:
    """Asked of stand-ins: no such device need be here."""
    for device, dtype, expected in (
        ("mps", torch.float32, torch.float32), ("mps", torch.bfloat16, torch.float32),
        ("cuda", torch.float32, torch.float64), ("cuda", torch.float16, torch.float32),
    ):  # fmt: skip
        assert moments_dtype(SimpleNamespace(device=torch.device(device), dtype=dtype)) is expected


@pytest.mark.parametrize("spatial", [(), (3,)], ids=["no pixels", "pixels"])
@pytest.mark.parametrize("way", ["few", "plain", "fast"])
@pytest.mark.parametrize("scheme", BY_SCHEME)
def test_what_a_task_state_holds_is_in_the_dtype_of_moments(
    scheme, way, spatial, monkeypatch
) -> None:
    """Its counts too: bfloat16 cannot tell 257 items from 256."""
    monkeypatch.setattr(small, "FEW", 1024 if way == "few" else 0)
    if way == "plain":
        monkeypatch.setattr(dispatch, "_plainly", lambda x: True)
    for dtype, wide in (
        (torch.bfloat16, torch.float32), (torch.float32, torch.float64),
        (torch.float64, torch.float64),
    ):  # fmt: skip
        layer = BY_SCHEME[scheme](1).eval()
        _, state = layer.condition(drawn(257, 1, *spatial).to(dtype))
        leaves = torch.utils._pytree.tree_leaves(state)
        assert [leaf.dtype for leaf in leaves] == [wide] * len(leaves)
        assert state.size == 257
        if len(leaves) > 1:
            assert state.moments.count == 257 * (3 if spatial else 1)
            assert state.moments.mean.shape == state.moments.var.shape == (1, 1)


@pytest.mark.parametrize("shape", [(3, 4), (3, 4, 1), (3, 4, 2, 2)], ids=str)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16], ids=str)
def test_moments_are_of_the_dtype_of_moments_however_many_pixels(shape, dtype) -> None:
    mean, var, _ = instance_moments(drawn(*shape).to(dtype))
    assert mean.dtype == var.dtype == moments_dtype(torch.empty(0, dtype=dtype))


def test_what_broadcasts_over_pixels_has_the_dtype_of_the_pixels() -> None:
    """A wider one would make every value of an activation wide."""
    x = torch.zeros(2, 3, 4, 5)
    assert as_planes(torch.zeros(1, 3, dtype=torch.float64), x).dtype == x.dtype
    assert as_planes(torch.zeros(1, 3), x).shape == (1, 3, 1, 1)


def test_a_blend_of_nothing_and_one_without_alpha_are_mistakes_of_the_layer() -> None:
    instance = instance_moments(drawn(3, 4, 5))
    with pytest.raises(AssertionError, match=r"^a blend of two has an alpha"):
        used_moments(Blend("batch", groups=4), instance)
    with pytest.raises(AssertionError, match=r"^a blend has a base, groups, or both"):
        used_moments(Blend(), instance)
