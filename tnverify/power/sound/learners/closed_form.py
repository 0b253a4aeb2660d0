"""Learners whose head is solved for: ridge, Gaussian process, discriminants, softmax."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn

from tnverify.power.sound.learners.common import INPUTS, members, network
from tnverify.power.sound.learners.register import sound

if TYPE_CHECKING:
    from torch import Tensor


@sound()
class RidgeHead(nn.Module):
    """Ridge regression on the context's labels (Bertinetto et al. 2019), in its dual form."""

    def __init__(self) -> None:
        super().__init__()
        self.net = network(INPUTS, 16, 10, seed=4)

    def fit(self, context: Tensor, labels: Tensor) -> None:
        features = self.net(context)
        inner = features @ features.T + torch.eye(len(features), dtype=features.dtype)
        self.head = features.T @ torch.linalg.solve(inner, members(labels, features))

    def predict(self, targets: Tensor) -> Tensor:
        logits: Tensor = self.net(targets) @ self.head
        return logits


@sound()
class GaussianProcess:
    """The posterior mean of a Gaussian process for each class, by a Cholesky factor."""

    def fit(self, context: Tensor, labels: Tensor) -> None:
        self.context = context
        kernel = self._kernel(context) + 0.1 * torch.eye(len(context), dtype=context.dtype)
        factor = torch.linalg.cholesky(kernel)
        self.weights = torch.cholesky_solve(members(labels, context), factor)

    def predict(self, targets: Tensor) -> Tensor:
        return self._kernel(targets) @ self.weights

    def _kernel(self, rows: Tensor) -> Tensor:
        return torch.exp(-(rows[:, None] - self.context).square().sum(-1) / 4)


@sound()
class LogisticByNewton:
    """Softmax regression of the context, by steps that are solved for in double precision."""

    def fit(self, context: Tensor, labels: Tensor) -> None:
        rows = torch.cat([context, torch.ones_like(context[:, :1])], 1).double()
        wanted = members(labels, rows)
        head = rows.new_zeros(rows.shape[1], wanted.shape[1])
        bound = rows.T @ rows / 2 + torch.eye(rows.shape[1], dtype=rows.dtype)
        for _ in range(20):
            slope = rows.T @ (torch.softmax(rows @ head, 1) - wanted) + head
            head = head - torch.linalg.solve(bound, slope)
        self.head = head.to(context.dtype)

    def predict_proba(self, targets: Tensor) -> Tensor:
        rows = torch.cat([targets, torch.ones_like(targets[:, :1])], 1)
        return torch.softmax(rows @ self.head, 1)


@sound()
class LinearDiscriminants:
    """Linear discriminants with one covariance, of features standardised by the context."""

    def __init__(self) -> None:
        self.net = network(INPUTS, 8, seed=5)

    def fit(self, context: Tensor, labels: Tensor) -> None:
        features = self.net(context).detach()
        self.centre, self.scale = features.mean(0), features.std(0, correction=0) + 0.1
        features = (features - self.centre) / self.scale
        of = members(labels, features)
        means = of.T @ features / of.sum(0)[:, None]
        apart = features - of @ means
        within = apart.T @ apart / len(features) + 0.5 * torch.eye(8, dtype=features.dtype)
        self.head = torch.linalg.solve(within, means.T)
        self.offset = -(means.T * self.head).sum(0) / 2

    def predict(self, targets: Tensor) -> Tensor:
        features = (self.net(targets) - self.centre) / self.scale
        logits: Tensor = features @ self.head + self.offset
        return logits
