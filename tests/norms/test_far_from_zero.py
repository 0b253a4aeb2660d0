"""What decides about accuracy: how far values lie from zero, in their own deviations."""

from __future__ import annotations

import pytest
import torch

from tnverify.norms import BY_SCHEME
from tnverify.norms.kernels import between, dispatch, small, sweeps
from tnverify.tolerances.bound import unit

WAYS = {"asks": (0, 2**17), "centres": (2**31, 2**17), "in blocks": (0, 16)}
"""From how many values on it asks how far they lie, and how many are a block."""


@pytest.fixture(params=[*WAYS, "plainly", "few"])
def way(request, monkeypatch) -> None:
    """Each way to the same outputs, taken whatever the size is."""
    monkeypatch.setattr(small, "FEW", 10**6 if request.param == "few" else 0)
    if request.param == "plainly":
        monkeypatch.setattr(dispatch, "_plainly", lambda x: True)
    elif request.param != "few":
        least, block = WAYS[request.param]
        monkeypatch.setattr(between, "SMALL", least)
        monkeypatch.setattr(sweeps, "BLOCK", block)


def drawn(*shape: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator, dtype=torch.float64)


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("together", [True, False], ids=["all", "all but one"])
@pytest.mark.parametrize(
    "scheme", ["meta_bn", "layer_norm", "reptile_norm", "tasknorm_i", "tasknorm_l"]
)
@pytest.mark.parametrize(
    ("mean", "deviation"),
    [
        (1.0, 1e-3),
        (-1.0, 0.02),
        (10_000.0, 1.0),
        (-9.0, 1.0),
        (300.0, 30.0),
        (0.0, 1e3),
        (100_000.0, 1.0),
    ],
    ids=str,
)
def test_outputs_are_good_to_a_few_ulps_whatever_the_deviation_is(
    scheme, mean, deviation, together
) -> None:
    """Also where deviations are smaller than eps, or one channel lies elsewhere than the others."""
    layer = BY_SCHEME[scheme](4)
    means = torch.tensor([mean if together else 0.0, mean, mean, mean]).view(-1, 1, 1)
    sets = [(drawn(8, 4, 5, 5, seed=seed) * deviation + means).float() for seed in (0, 1)]
    outputs, state = layer.condition(sets[0])
    came = torch.cat([outputs, layer.normalize(sets[1], state)])
    exact, exact_state = layer.double().condition(sets[0].double())
    expected = torch.cat([exact, layer.normalize(sets[1].double(), exact_state)])
    ulps = torch.finfo(torch.float32).eps * float(expected.detach().abs().max())
    assert (came - expected).abs().max() <= 6 * ulps


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("scheme", ["meta_bn", "instance_norm", "tasknorm_i", "tasknorm_l"])
@pytest.mark.parametrize(("mean", "deviation"), [(0.5, 1.0), (10_000.0, 1.0), (1.0, 1e-3)], ids=str)
def test_derivatives_are_good_to_a_few_digits_whatever_the_deviation_is(
    scheme, mean, deviation
) -> None:
    layer = BY_SCHEME[scheme](4)
    sets = [(drawn(6, 4, 5, 5, seed=seed) * deviation + mean).float() for seed in (0, 1)]
    weights = [drawn(6, 4, 5, 5, seed=seed) for seed in (2, 3)]
    found = []
    for dtype in (torch.float32, torch.float64):
        leaves = [x.to(dtype).requires_grad_() for x in sets]
        outputs, state = layer.to(dtype).condition(leaves[0])
        came = (outputs, layer.normalize(leaves[1], state))
        loss = sum((w.to(dtype) * part).sum() for w, part in zip(weights, came, strict=True))
        wanted = [*leaves, *layer.parameters()]
        found.append(torch.autograd.grad(loss, wanted, allow_unused=True, materialize_grads=True))
    for i, (actual, expected) in enumerate(zip(*found, strict=True)):
        scale = expected.abs().max() + 1
        # Sums of 150 values of any sign: a hundred roundings of the largest of them.
        assert (actual - expected).abs().max() <= 100 * unit(torch.float32) * scale, i
