"""Bodies: shapes, and that a scheme reaches every normalisation in them."""

from __future__ import annotations

import pytest
import torch

from tnverify.analyses.learners import SCHEMES, conv4, normalized, resnet18
from tnverify.norms import Layer


@pytest.mark.parametrize(("side", "left"), [(16, 1), (28, 1), (32, 2), (84, 5)])
def test_conv4_pools_down_to_a_flat_map(side: int, left: int) -> None:
    body = conv4(channels=3, width=6, side=side)
    assert body(torch.zeros(2, 3, side, side)).shape == (2, 6 * left * left)
    assert body.features == 6 * left * left


@pytest.mark.parametrize("side", [4, 28, 84])
def test_strided_conv4_ends_with_a_mean(side: int) -> None:
    body = conv4(channels=1, width=6, side=side, reduce="stride")
    assert body(torch.zeros(2, 1, side, side)).shape == (2, 6)
    assert body.features == 6


def test_a_side_that_leaves_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="16 pixels or more, not 15"):
        conv4(channels=1, width=4, side=15)


@pytest.mark.parametrize("side", [28, 84])
def test_resnet18_has_eighteen_weighted_layers(side: int) -> None:
    body = resnet18(channels=3, width=4)
    assert body(torch.zeros(2, 3, side, side)).shape == (2, 32)
    assert body.features == 32
    convolutions = [m for m in body.modules() if isinstance(m, torch.nn.Conv2d)]
    beside = [m for m in convolutions if m.kernel_size == (1, 1)]
    assert (len(convolutions) - len(beside), len(beside)) == (17, 3)  # and the head


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_scheme_is_everywhere(scheme: str) -> None:
    network = normalized(resnet18(channels=1, width=4), scheme).eval()
    layers = [m for m in network.modules() if isinstance(m, Layer)]
    assert len(layers) == 20
    assert {m.scheme for m in layers} == {scheme}
    assert not any(isinstance(m, torch.nn.BatchNorm2d) for m in network.modules())
    outputs, state = network.condition(torch.rand(3, 1, 28, 28))
    assert network.normalize(torch.rand(2, 1, 28, 28), state).shape == (2, 32)
    assert outputs.shape == (3, 32)
