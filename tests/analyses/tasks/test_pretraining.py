"""Plain labelled batches."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from marked_images import classes_of, marked_split, rows_of

from tnverify.analyses.tasks import LabelledBatches, Style

SPLIT = marked_split([7, 5, 12], first=40)


def test_an_epoch_goes_through_the_split() -> None:
    batches = LabelledBatches(SPLIT, 6, seed=0)
    assert len(batches) == 4
    orders = []
    for epoch in range(2):
        rows = []
        for i in range(4):
            images, labels = batches[4 * epoch + i]
            assert images.shape == (6, 1, 4, 4)
            found = rows_of(images)
            assert labels.tolist() == classes_of(SPLIT, found).tolist()
            rows.extend(found.tolist())
        assert sorted(rows) == list(range(40, 64))
        orders.append(rows)
    assert orders[0] != orders[1]
    assert orders[0] != sorted(orders[0])


def test_what_does_not_fill_a_batch_is_left_out() -> None:
    batches = LabelledBatches(SPLIT, 10, seed=0)
    assert len(batches) == 2
    first, second = (set(rows_of(batches[i][0]).tolist()) for i in range(2))
    assert len(first | second) == 20


def test_a_batch_is_a_function_of_its_number() -> None:
    one, other = (LabelledBatches(SPLIT, 6, seed=0, style=Style()) for _ in range(2))
    forward = [one[i] for i in range(9)]
    backward = [other[i] for i in range(8, -1, -1)][::-1]
    for (images, labels), (same, same_labels) in zip(forward, backward, strict=True):
        assert torch.equal(images, same)
        assert torch.equal(labels, same_labels)
    different = LabelledBatches(SPLIT, 6, seed=1)[0][0]
    assert not np.array_equal(rows_of(different), rows_of(LabelledBatches(SPLIT, 6, seed=0)[0][0]))


@pytest.mark.parametrize("size", [0, 25])
def test_impossible_sizes_are_refused(size: int) -> None:
    with pytest.raises(ValueError, match=f"between 1 and all 24 images, not {size}"):
        LabelledBatches(SPLIT, size, seed=0)


def test_numbers_below_zero_are_refused() -> None:
    with pytest.raises(IndexError, match="numbered from 0, not -1"):
        LabelledBatches(SPLIT, 6, seed=0)[-1]
