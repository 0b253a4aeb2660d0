"""What planted learners are made from: a small network, class means, and prototypes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from collections.abc import Callable

INPUTS = 6
"""Numbers of an item."""

WIDTH = 8
"""Numbers of an item's features."""


def seeded(make: Callable[[], nn.Module]) -> nn.Module:
    """What `make` makes, alike each time; the caller's random state is left as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)
        return make()


def small_network(*, normalised: bool = False) -> nn.Module:
    """Items (items, 6) to features (items, 8), with a batch norm in it where `normalised`."""
    middle: list[nn.Module] = [nn.BatchNorm1d(16)] if normalised else []
    return seeded(
        lambda: nn.Sequential(nn.Linear(INPUTS, 16), *middle, nn.Tanh(), nn.Linear(16, WIDTH))
    )


def class_means(features: Tensor, labels: Tensor) -> Tensor:
    """(classes, features): the mean of each class's items, classes in ascending order."""
    return torch.stack([features[labels == c].mean(0) for c in torch.unique(labels)])


def minus_squared_distances(features: Tensor, means: Tensor) -> Tensor:
    """(items, classes) of features (items, features) and means (classes, features)."""
    return -(features[:, None] - means).square().sum(-1)


class Prototypes(nn.Module):
    """A prototypical network; a defect is planted by what a subclass does otherwise."""

    means: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.body = small_network()
        self.eval()

    def features(self, items: Tensor) -> Tensor:
        found: Tensor = self.body(items)
        return found

    def fit(self, context: Tensor, labels: Tensor) -> None:
        self.means = class_means(self.features(context), labels).detach()

    def scores(self, features: Tensor) -> Tensor:
        """Logits of features (targets, 8): (targets, classes)."""
        return minus_squared_distances(features, self.means)

    def predict(self, targets: Tensor) -> Tensor:
        return self.scores(self.features(targets))
