"""timm's filter response norm squares half-precision values before it widens them to float32."""

import torch
from timm.layers import FilterResponseNormTlu2d

layer = FilterResponseNormTlu2d(2)
x = torch.tensor([300.0, -300.0]).expand(1, 2, 2, 2)
wide, half = layer(x).detach(), layer(x.half()).detach()
assert wide.abs().amax() > 0.99, "the values have a root mean square of 300"
assert float(half.abs().amax()) == 0.0, "the square of 300 is infinite in float16"
print(f"{float(wide.amax()):.3f} of float32 input, {float(half.amax()):.3f} of float16 input")
