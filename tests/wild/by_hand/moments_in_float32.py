"""Norms that take their moments, or all, in float32: a change that float64 keeps leaves them."""

import torch
from public_layers import LlamaRMSNorm

x = torch.randn(4, 8, dtype=torch.float64)
x = x.float().double()
moved = x * (1 + 2.0**-30)
layer = LlamaRMSNorm(8).double()
assert torch.equal(layer(x), layer(moved)), "the input is cast to float32"
assert layer(x).dtype == torch.float64
print("LlamaRMSNorm computes in float32")
