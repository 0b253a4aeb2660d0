"""Class-imbalanced targets."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from marked_images import marked_split

from tnverify.analyses.tasks import FixedShots, TaskSource
from tnverify.analyses.tasks.counts import long_tailed


@pytest.mark.parametrize(
    ("way", "most", "ratio", "counts"),
    [
        (5, 15, 1.0, [15, 15, 15, 15, 15]),
        (3, 16, 4.0, [16, 8, 4]),
        (2, 15, 15.0, [15, 1]),
        (5, 16, 16.0, [16, 8, 4, 2, 1]),
        (4, 2, 100.0, [2, 1, 1, 1]),
        (1, 7, 10.0, [7]),
    ],
)
def test_numbers_fall_geometrically(way: int, most: int, ratio: float, counts: list[int]) -> None:
    assert long_tailed(way, most, ratio).tolist() == counts


def test_an_imbalanced_task_has_the_context_of_the_balanced_one() -> None:
    split = marked_split([21] * 12)
    balanced = TaskSource(split, FixedShots(5, 5, 16), seed=0)
    imbalanced = TaskSource(split, FixedShots(5, 5, 16, imbalance=16.0), seed=0)
    rich = []
    for number in range(20):
        one, other = balanced[number], imbalanced[number]
        assert one.classes == other.classes
        assert torch.equal(one.context, other.context)
        assert torch.bincount(other.target_labels).tolist() == [16, 8, 4, 2, 1]
        rich.append(other.classes[0])
    assert len(set(rich)) > 5  # which class is rich is random


def test_the_rich_class_is_any_class() -> None:
    split = marked_split([21] * 4)
    source = TaskSource(split, FixedShots(4, 1, 10, imbalance=10.0), seed=0)
    counts = np.bincount([source[n].classes[0] for n in range(200)], minlength=4)
    assert counts.min() > 25  # 50 expected, with a deviation of 6
