"""Evaluations whose number is of the items alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn

from tnverify.power.sound.learners.common import INPUTS, network
from tnverify.power.sound.learners.register import sound

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

_ITEMS, _WAY = 23, 4


class _Items:
    """Items with labels, and a network that tells them apart a little."""

    def __init__(self) -> None:
        draws = torch.Generator().manual_seed(7)
        self.labels = torch.randint(0, _WAY, (_ITEMS,), generator=draws)
        self.items = torch.randn(_ITEMS, INPUTS, generator=draws)
        self.items[:, :_WAY] += nn.functional.one_hot(self.labels, _WAY)
        self.net = network(INPUTS, 16, _WAY, seed=30)

    def __len__(self) -> int:
        return _ITEMS


def _cut(order: Sequence[int], size: int) -> list[list[int]]:
    return [list(order[start : start + size]) for start in range(0, len(order), size)]


@sound(kind="evaluation")
class RightOverAll(_Items):
    """Counts what is right, and divides by how many there were."""

    def __call__(self, order: Sequence[int], batch_size: int) -> float:
        right = 0
        with torch.no_grad():
            for batch in _cut(order, batch_size):
                guess = self.net(self.items[batch]).argmax(1)
                right += int((guess == self.labels[batch]).sum())
        return right / len(order)


@sound(kind="evaluation")
class LossWeightedBySize(_Items):
    """The mean loss of each batch, weighted by its size: equal up to rounding."""

    def __call__(self, order: Sequence[int], batch_size: int) -> float:
        total = 0.0
        with torch.no_grad():
            for batch in _cut(order, batch_size):
                loss = nn.functional.cross_entropy(self.net(self.items[batch]), self.labels[batch])
                total += len(batch) * float(loss)
        return total / len(order)


@sound(kind="evaluation")
class RecallOverAll(_Items):
    """Recall by class, from counts that are kept over all batches."""

    def __call__(self, order: Sequence[int], batch_size: int) -> float:
        counts = torch.zeros(_WAY, 2)
        with torch.no_grad():
            for batch in _cut(order, batch_size):
                guess = self.net(self.items[batch]).argmax(1)
                for g, c in zip(guess.tolist(), self.labels[batch].tolist(), strict=True):
                    counts[c] += torch.tensor([float(g == c), 1.0])
        return float((counts[:, 0] / counts[:, 1].clamp_min(1)).mean())


@sound(kind="evaluation")
class PredictionsByItem(_Items):
    """Predictions, put where their items are, of items and labels that can be handed in."""

    def __call__(
        self,
        order: Sequence[int],
        batch_size: int,
        *,
        items: Tensor | None = None,
        labels: Tensor | None = None,
    ) -> Tensor:
        given = self.items if items is None else items
        answers = torch.zeros(_ITEMS, _WAY)
        with torch.no_grad():
            for batch in _cut(order, batch_size):
                answers[batch] = self.net(given[batch])
        return answers


@sound(kind="evaluation")
class WorkersShareItems(_Items):
    """Deals items out among workers, none of them twice."""

    def __call__(self, order: Sequence[int], batch_size: int, *, workers: int = 1) -> float:
        right = 0
        with torch.no_grad():
            for worker in range(workers):
                for batch in _cut(order[worker::workers], batch_size):
                    guess = self.net(self.items[batch]).argmax(1)
                    right += int((guess == self.labels[batch]).sum())
        return right / len(order)
