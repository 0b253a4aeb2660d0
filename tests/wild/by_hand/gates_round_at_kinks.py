"""A squeeze-and-excitation gate over an item whose mean is zero: its ReLU passes rounding of the
pooled sum on, or does not; outputs move by rounding alone, and no target reads another."""

import torch
from public_layers import SELayer

torch.manual_seed(0)
layer = SELayer(2).double()
item = torch.full((1, 2, 3, 2), -2048.0 / 3, dtype=torch.float64)
item[..., 2, 1] = 10240.0 / 3
plain, strided = layer(item), layer(item.to(memory_format=torch.channels_last))
print(f"apart by {float((plain - strided).abs().max()):.2g} of {float(plain.abs().max()):.0f}")
assert torch.allclose(plain, strided, rtol=1e-12)
both = torch.cat([item, torch.randn(3, 2, 3, 2, dtype=torch.float64)])
assert torch.allclose(layer(both)[:1], plain, rtol=1e-12)
