"""What counts as a row a target."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from tnverify.auditing.driving.outputs import NotRows, rows_of


@pytest.mark.parametrize(
    ("answer", "shape"),
    [
        (torch.zeros(4, 3), (4, 3)),
        (torch.zeros(1, 4, 3), (4, 3)),
        (np.zeros((4, 3), dtype=np.float32), (4, 3)),
        ([[0.0, 1.0, 2.0]] * 4, (4, 3)),
        ([[0.0, 1.0, 2.0, 3.0]] * 4, (4, 4)),
        ([0, 1, 1, 0], (4,)),
        (["a", "b", "a", "c"], (4,)),
        ([torch.zeros(2)] * 4, (4, 2)),
        ([torch.zeros(2), torch.zeros(3), torch.zeros(1), torch.zeros(2)], (4, 3)),
        ({"loss": torch.tensor(1.0), "logits": torch.zeros(4, 2)}, (4, 2)),
        ((torch.zeros(4, 2), torch.tensor(0.5)), (4, 2)),
        ((torch.tensor(0.5), torch.zeros(4, 2)), (4, 2)),
    ],
)
def test_answers_with_a_row_a_target(answer: object, shape: tuple[int, ...]) -> None:
    assert tuple(rows_of(answer, 4).shape) == shape


@pytest.mark.parametrize(
    "answer", [None, torch.zeros(3, 4), torch.tensor(1.0), 0.5, "text", SimpleNamespace(), {}]
)
def test_answers_without(answer: object) -> None:
    with pytest.raises(NotRows, match="an answer to 4 targets"):
        rows_of(answer, 4)


def test_equal_names_are_equal_numbers() -> None:
    first, second = rows_of(["x", "y"], 2), rows_of(["y", "x"], 2)
    assert first.tolist() == second.flip(0).tolist()
