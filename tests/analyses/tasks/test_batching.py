"""Which targets are predicted together."""

from __future__ import annotations

import pytest
import torch

from tnverify.analyses.tasks import COMPANIES, batches

LABELS = torch.tensor([0, 0, 2, 1, 2, 2])


def test_all_class_and_item() -> None:
    assert [b.tolist() for b in batches(LABELS, "all")] == [[0, 1, 2, 3, 4, 5]]
    assert [b.tolist() for b in batches(LABELS, "class")] == [[0, 1], [3], [2, 4, 5]]
    assert [b.tolist() for b in batches(LABELS, "item")] == [[0], [1], [2], [3], [4], [5]]


@pytest.mark.parametrize("company", COMPANIES)
def test_predictions_are_put_back_in_their_places(company: str) -> None:
    # How a learner uses them: predict by batch, write by place.
    logits = torch.full((6,), -1)
    for places in batches(LABELS, company):  # type: ignore[arg-type]  # parametrised
        assert places.dtype == torch.int64
        logits[places] = LABELS[places] * 10
    assert logits.tolist() == (LABELS * 10).tolist()


def test_a_class_without_targets_has_no_batch() -> None:
    assert len(batches(torch.tensor([3, 3]), "class")) == 1


def test_no_targets() -> None:
    none = torch.tensor([], dtype=torch.int64)
    assert [len(b) for b in batches(none, "all")] == [0]
    assert batches(none, "class") == batches(none, "item") == []


def test_other_words_are_refused() -> None:
    with pytest.raises(ValueError, match="one of all, class, item, not 'pair'"):
        batches(LABELS, "pair")  # type: ignore[arg-type]  # wrong on purpose
