"""Copies of tensors, laid out as the originals are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import Tensor


def copied(values: Tensor) -> Tensor:
    """Return a copy with the values, strides, storage offset and size of storage of `values`.

    Gradients pass through it. A tensor that requires a gradient and is laid out in no plain way
    is returned as it is: no differentiable copy has such a layout.
    """
    if values.is_contiguous() and values.storage_offset() == 0:
        return values.clone()
    if values.requires_grad:
        dense = values.clone()
        return dense if dense.stride() == values.stride() else values
    return _with_its_storage(values)


def _with_its_storage(values: Tensor) -> Tensor:
    storage = values.untyped_storage().clone()  # type: ignore[no-untyped-call]  # torch types it not
    empty = torch.empty(0, dtype=values.dtype, device=values.device)
    return empty.set_(storage, values.storage_offset(), values.shape, values.stride())
