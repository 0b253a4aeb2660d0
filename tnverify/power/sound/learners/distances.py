"""Learners that compare a target with what the context has: means, neighbours, spreads."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn.functional import cosine_similarity

from tnverify.power.sound.learners.common import INPUTS, members, network
from tnverify.power.sound.learners.register import sound

if TYPE_CHECKING:
    from torch import Tensor


@sound()
class NearestMean:
    """A prototypical network, distances by torch.cdist, which is another kernel above 25 rows."""

    def __init__(self) -> None:
        self.net = network(INPUTS, 16, 8)

    def fit(self, context: Tensor, labels: Tensor) -> NearestMean:
        with torch.no_grad():
            features = self.net(context)
            of = members(labels, features)
            self.means = of.T @ features / of.sum(0)[:, None]
        return self

    def predict(self, targets: Tensor) -> Tensor:
        with torch.no_grad():
            return -torch.cdist(self.net(targets), self.means)


@sound()
class CosineOfMeans:
    """Cosine to class means, at a temperature, in one call."""

    def __init__(self) -> None:
        self.net = network(INPUTS, 12, 8, seed=1)

    def __call__(self, context: Tensor, labels: Tensor, targets: Tensor) -> Tensor:
        features = self.net(context)
        of = members(labels, features)
        means = of.T @ features / of.sum(0)[:, None]
        return 10.0 * cosine_similarity(self.net(targets)[:, None], means, dim=-1)


@sound()
class NearestNeighbours:
    """Votes of the three nearest context items, which tie all the time."""

    def fit(self, context: Tensor, labels: Tensor) -> None:
        self.context, self.of = context, members(labels, context)

    def predict_proba(self, targets: Tensor) -> Tensor:
        apart = (targets[:, None] - self.context).square().sum(-1)
        nearest = apart.topk(min(3, len(self.context)), largest=False).indices
        return self.of[nearest].mean(1)


@sound()
class SpreadOfTheContext(nn.Module):
    """Distances scaled by the context's covariance, shrunk so that one shot is enough."""

    def __init__(self) -> None:
        super().__init__()
        self.net = network(INPUTS, 10, 6, seed=2)

    def fit(self, context: Tensor, labels: Tensor) -> None:
        features = self.net(context)
        of = members(labels, features)
        self.means = of.T @ features / of.sum(0)[:, None]
        within = features - of @ self.means
        spread = within.T @ within / len(features) + torch.eye(6, dtype=features.dtype)
        self.scale = torch.linalg.inv(spread)

    def predict(self, targets: Tensor) -> Tensor:
        apart = self.net(targets)[:, None] - self.means
        return -torch.einsum("tcf,fg,tcg->tc", apart, self.scale, apart)


@sound()
class MatchingNetwork(nn.Module):
    """Attention over context items, whose labels are what it sums."""

    def __init__(self) -> None:
        super().__init__()
        self.net = network(INPUTS, 8, seed=3)

    def fit_predict(self, context: Tensor, labels: Tensor, targets: Tensor) -> Tensor:
        keys = self.net(context)
        shares = torch.softmax(self.net(targets) @ keys.T, 1)
        return (shares @ members(labels, keys) + 1e-6).log()


@sound()
class OneClassDistance:
    """How far a target is from the context as a whole: one column, whatever the labels are."""

    def fit(self, context: Tensor, labels: Tensor) -> None:
        self.context = context
        self.scale = 1 + context.std(0, correction=0)

    def predict(self, targets: Tensor) -> Tensor:
        apart = (targets[:, None] - self.context) / self.scale
        return -apart.square().sum(-1).min(1).values[:, None]
