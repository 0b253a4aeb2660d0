"""What layers are made of where nothing is said, and what comes of every option."""

from __future__ import annotations

import pytest
import torch

from tnverify.norms import BY_SCHEME, BatchRenorm, GroupNorm
from tnverify.norms.alpha import BlendingLayer
from tnverify.norms.kernels import dispatch, small
from tnverify.norms.running import RunningLayer
from tnverify.tolerances import expect_close, expect_same
from tnverify.tolerances.bound import unit

schemes = pytest.mark.parametrize("scheme", BY_SCHEME)


@schemes
def test_what_a_layer_is_made_with_where_nothing_is_said(scheme) -> None:
    layer = BY_SCHEME[scheme](3)
    assert (layer.channels, layer.eps, layer.unbiased, layer.training) == (3, 1e-5, False, True)
    assert torch.equal(layer.weight, torch.ones(3))
    assert torch.equal(layer.bias, torch.zeros(3))
    if isinstance(layer, RunningLayer):
        assert layer.momentum == 0.1
        assert torch.equal(layer.running_mean, torch.zeros(3))
        assert torch.equal(layer.running_var, torch.ones(3))
        assert layer.num_batches_tracked.dtype is torch.long
        assert layer.num_batches_tracked == 0
    if isinstance(layer, BatchRenorm):
        assert (layer.r_max, layer.d_max) == (3.0, 5.0)
    if isinstance(layer, BlendingLayer):
        assert layer.alpha is None
        assert torch.equal(layer.scale, torch.zeros(()))
        assert torch.equal(layer.offset, torch.zeros(()))
        assert layer.scale.data_ptr() != layer.offset.data_ptr()


@schemes
def test_options_are_those_of_every_layer(scheme) -> None:
    layer = BY_SCHEME[scheme](3, eps=0.25, affine=False, unbiased=True)
    assert (layer.eps, layer.weight, layer.bias, layer.unbiased) == (0.25, None, None, True)
    if isinstance(layer, RunningLayer):
        assert BY_SCHEME[scheme](3, momentum=0.5).momentum == 0.5
        assert BY_SCHEME[scheme](3, momentum=None).momentum is None
    if isinstance(layer, BlendingLayer):
        wide = BY_SCHEME[scheme](3, per_channel=True)
        assert wide.scale.shape == wide.offset.shape == (3,)
        free = BY_SCHEME[scheme](3, alpha="free", per_channel=True)
        assert torch.equal(free.alpha, torch.full((3,), 0.5))
        assert free.scale is free.offset is None


def test_the_limits_of_batch_renormalisation_may_be_one_and_zero() -> None:
    layer = BatchRenorm(3, r_max=1.0, d_max=0.0)
    assert (layer.r_max, layer.d_max) == (1.0, 0.0)


def test_groups_are_at_most_32_and_divide_the_channels() -> None:
    found = {channels: GroupNorm(channels).num_groups for channels in (9, 66, 70, 96)}
    assert found == {9: 3, 66: 22, 70: 14, 96: 32}


@schemes
@pytest.mark.parametrize("form", ["functional", "free"])
def test_everything_lies_where_it_is_asked_to_in_the_dtype_asked_for(scheme, form) -> None:
    options = {"alpha": form} if issubclass(BY_SCHEME[scheme], BlendingLayer) else {}
    layer = BY_SCHEME[scheme](3, device="meta", dtype=torch.float64, **options)
    tensors = dict(layer.named_parameters()) | dict(layer.named_buffers())
    assert {"weight", "bias"} <= set(tensors)
    for name, value in tensors.items():
        assert value.device.type == "meta", name
        assert value.dtype in (torch.float64, torch.long), name
        assert (value.dtype is torch.long) == (name == "num_batches_tracked"), name


@schemes
def test_one_channel_of_one_value_is_a_context(scheme) -> None:
    """Of no spread, so it comes out as the bias, but where no moments of it are used."""
    layer = BY_SCHEME[scheme](1).eval()
    outputs, state = layer.condition(torch.full((1, 1), 0.5))
    assert outputs.shape == (1, 1)
    assert state.size == 1
    assert layer.normalize(torch.full((2, 1), 0.25), state).isfinite().all()
    if scheme not in ("none", "conventional_bn", "batch_renorm", "tasknorm_r"):
        assert outputs.item() == 0.0


@schemes
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
@pytest.mark.parametrize("way", ["few", "plain", "fast"])
def test_a_layer_in_half_precision_computes_in_float32(scheme, dtype, way, monkeypatch) -> None:
    """Weight, bias and alpha are of few digits then, and no others are lost."""
    monkeypatch.setattr(small, "FEW", 1024 if way == "few" else 0)
    if way == "plain":
        monkeypatch.setattr(dispatch, "_plainly", lambda x: True)
    generator = torch.Generator().manual_seed(0)
    half = BY_SCHEME[scheme](4, dtype=dtype).eval()
    with torch.no_grad():
        for parameter in half.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=generator).to(dtype) / 4)
    wide = BY_SCHEME[scheme](4).eval()
    wide.load_state_dict(half.state_dict())
    sets = [torch.randn(n, 4, 30, generator=generator).to(dtype) for n in (5, 2)]
    outputs = []
    for layer in (half, wide):
        came, state = layer.condition(sets[0])
        outputs.append(torch.cat([came, layer.normalize(sets[1], state)]))
    assert outputs[0].dtype is dtype
    expect_same(*outputs, f"{scheme} in {dtype} and as wide as its parameters")
    came, state = wide.double().condition(sets[0].double())
    exact = torch.cat([came, wide.normalize(sets[1].double(), state)]).detach()
    # The result is rounded to few digits once, and nothing before it.
    bound = unit(dtype) * exact.abs() + 100 * unit(torch.float32) * (1 + exact.abs())
    expect_close(outputs[0].detach().double(), exact, bound, f"{scheme} in {dtype} and in float64")
