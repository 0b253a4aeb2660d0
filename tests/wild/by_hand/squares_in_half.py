"""StyleGAN's pixel norm squares in the dtype of its input: float16 holds no square of 4096."""

import torch
from public_layers import PixelNorm

x = torch.tensor([4096.0, -4096.0]).view(1, 2, 1, 1)
wide, half = PixelNorm()(x), PixelNorm()(x.half())
assert float(wide.abs().amin()) > 0.99
assert float(half.abs().amax()) == 0.0
print(wide.flatten(), half.flatten())
