"""Layers of public code that give NaN: the gradient of a norm at zero, the unbiased variance of one
value; and one that answers vectors in another shape."""

import torch
from public_layers import ConvNeXtLayerNorm, L2Norm, SelfNorm, SwitchNorm2d

x = torch.zeros(1, 3, 2, 2, requires_grad=True)
(slope,) = torch.autograd.grad(L2Norm(3)(x).sum(), x)
assert slope.isnan().all(), "the root of a sum of squares has no slope at zero"

one = torch.randn(4, 3, 1, 1)
assert SelfNorm(3)(one).isnan().all()
assert SwitchNorm2d(3)(one).isnan().all()

assert ConvNeXtLayerNorm(3)(torch.randn(5, 3)).shape == (3, 5, 3), "by broadcasting, by accident"
print("as said")
