"""Copies are laid out as what they copy, and share no memory with it."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from tnverify.subjects.copies import copied

BASE = torch.arange(48.0).reshape(2, 4, 2, 3)
LAYOUTS = {
    "plain": BASE,
    "channels last": BASE.contiguous(memory_format=torch.channels_last),
    "offset": BASE[1:],
    "strided": BASE[..., ::2],
    "expanded": BASE[:1].expand(5, -1, -1, -1),
    "empty": BASE[:0],
}


@pytest.mark.parametrize("values", LAYOUTS.values(), ids=LAYOUTS)
def test_a_copy_has_values_strides_and_offset_and_memory_of_its_own(values: Tensor) -> None:
    twin = copied(values)
    assert torch.equal(twin, values)
    assert (twin.stride(), twin.storage_offset()) == (values.stride(), values.storage_offset())
    assert not values.numel() or twin.data_ptr() != values.data_ptr()


def test_gradients_pass_through_a_copy() -> None:
    values = BASE.clone().requires_grad_()
    copied(values).square().sum().backward()
    assert torch.equal(values.grad, 2 * BASE)
