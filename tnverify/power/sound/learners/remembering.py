"""Learners that keep something, rightly: what it is of is part of its key."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn

from tnverify.power.sound.learners.common import INPUTS, members, network
from tnverify.power.sound.learners.register import sound

if TYPE_CHECKING:
    from torch import Tensor


@sound()
class EmbeddingsKeptByContent:
    """Keeps features of rows by their bytes, and computes each row by itself."""

    def __init__(self) -> None:
        self.net = network(INPUTS, 16, 8, seed=18)
        self.kept: dict[tuple[bytes, torch.dtype], Tensor] = {}

    def featured(self, items: Tensor) -> Tensor:
        return torch.stack([self._row(row) for row in items])

    def _row(self, row: Tensor) -> Tensor:
        key = (row.detach().numpy().tobytes(), next(self.net.parameters()).dtype)
        if key not in self.kept or row.requires_grad:
            with torch.set_grad_enabled(row.requires_grad):
                self.kept[key] = self.net(row[None])[0]
        return self.kept[key]

    def fit(self, context: Tensor, labels: Tensor) -> None:
        features = self.featured(context)
        of = members(labels, features)
        self.means = of.T @ features / of.sum(0)[:, None]

    def predict(self, targets: Tensor) -> Tensor:
        return -(self.featured(targets)[:, None] - self.means).square().sum(-1)


@sound()
class HeadMadeOnFirstUse:
    """Solves for its head when the first target comes, and keeps it until the next context."""

    def __init__(self) -> None:
        self.head: Tensor | None = None

    def fit(self, context: Tensor, labels: Tensor) -> None:
        self.context, self.of, self.head = context, members(labels, context), None

    def predict(self, targets: Tensor) -> Tensor:
        if self.head is None:
            inner = self.context @ self.context.T
            inner = inner + torch.eye(len(inner), dtype=inner.dtype)
            self.head = self.context.T @ torch.linalg.solve(inner, self.of)
        return targets @ self.head


@sound()
class SwitchesBackToTraining(nn.Module):
    """Is in train(), predicts in eval(), and switches back."""

    def __init__(self) -> None:
        super().__init__()
        first, act, last = network(INPUTS, 16, 8, seed=19)
        self.net = nn.Sequential(first, nn.BatchNorm1d(16), act, nn.Dropout(0.3), last)

    def featured(self, items: Tensor) -> Tensor:
        was = self.training
        self.eval()
        with torch.no_grad():
            found: Tensor = self.net(items)
        self.train(was)
        return found

    def fit(self, context: Tensor, labels: Tensor) -> None:
        features = self.featured(context)
        of = members(labels, features)
        self.means = of.T @ features / of.sum(0)[:, None]

    def predict(self, targets: Tensor) -> Tensor:
        return -(self.featured(targets)[:, None] - self.means).square().sum(-1)
