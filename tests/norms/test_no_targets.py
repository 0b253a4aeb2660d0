"""No targets: nothing to normalise, and nothing that reaches a gradient."""

from __future__ import annotations

import pytest
import torch

from tnverify.norms import BY_SCHEME


@pytest.mark.parametrize("scheme", sorted(BY_SCHEME))
def test_an_empty_target_set_has_zero_gradients(scheme: str) -> None:
    layer = BY_SCHEME[scheme](2).double().eval()
    context = torch.arange(12, dtype=torch.float64).reshape(3, 2, 2, 1)
    _, state = layer.condition(context)
    targets = context[:0].clone().requires_grad_()
    outputs = layer.normalize(targets, state)
    assert outputs.shape == (0, 2, 2, 1)
    learned = [p for p in layer.parameters() if p.requires_grad]
    if learned:
        found = torch.autograd.grad(outputs.sum(), learned, allow_unused=True)
        assert all(g is None or not g.any() for g in found), scheme
