"""A batch of one item leaves NaN in the running variance of sb3_contrib's renorm, for good."""

import torch
from sb3_contrib.common.torch_layers import BatchRenorm1d

layer = BatchRenorm1d(3)
layer(torch.randn(1, 3))
layer(torch.randn(64, 3))
assert layer.ra_var.isnan().all()
assert layer.eval()(torch.randn(4, 3)).isnan().all()
print(layer.ra_var)
