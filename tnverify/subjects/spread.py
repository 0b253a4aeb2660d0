"""Parameters that no handle names, moved away from their initial values as training moves them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from zlib import crc32

import torch

from tnverify.contract.task import uniforms
from tnverify.subjects.starting import tensors_of

if TYPE_CHECKING:
    from tnverify.contract.task import Task
    from tnverify.subjects.handles import Handles


def spread_out(layer: Any, handles: Handles, task: Task) -> None:
    """Move every trainable tensor without a handle by up to `spread` times its own values.

    No value changes its sign, since many a parameter makes sense on one side of zero alone. A
    tensor that is zero everywhere, as the last projection of a conditional norm often is, becomes
    uniform between minus and plus `spread`. The same task moves the same tensors alike.
    """
    named = {path for _, path in handles.paths}
    size = task.parameters.spread
    with torch.no_grad():
        for name, value in tensors_of(layer).items():
            if name in named or not value.requires_grad or not value.is_floating_point():
                continue
            drawn = 2 * uniforms(tuple(value.shape), task.salt, crc32(name.encode())) - 1
            lengths = value.abs() if bool(value.any()) else torch.ones_like(value)
            value.add_(lengths * torch.as_tensor(drawn).to(value), alpha=size)
