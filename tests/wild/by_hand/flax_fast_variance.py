"""flax's batch norm takes E[x^2] - E[x]^2 by default: digits are lost in proportion to the squared
ratio of mean to deviation, and `use_fast_variance=False` keeps them."""

import jax
import numpy as np
from flax import nnx

jax.config.update("jax_enable_x64", True)
x = 1000 + np.linspace(-1, 1, 64).reshape(64, 1)
right = (x - x.mean()) / np.sqrt(x.var() + 1e-5)
for fast, least, most in ((True, 1e-11, 1e-6), (False, 0.0, 1e-12)):
    layer = nnx.BatchNorm(1, use_fast_variance=fast, rngs=nnx.Rngs(0))
    off = float(np.abs(np.asarray(layer(x)) - right).max())
    print(f"use_fast_variance={fast}: off by {off:.2g}")
    assert least <= off <= most
