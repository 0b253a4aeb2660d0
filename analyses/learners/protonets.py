"""Prototypical networks: a target is of the class whose mean feature is nearest."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor, nn

from .learner import Predict, class_means

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tnverify.norms import TaskNetwork


class ProtoNets(nn.Module):
    """Prototypical networks (Snell et al. 2017): logits are minus squared Euclidean distances
    to the classes' mean features."""

    def __init__(self, network: TaskNetwork) -> None:
        super().__init__()
        self.network = network

    def adapted(self, context: Tensor, labels: Tensor, way: int) -> Predict:
        features, state = self.network.condition(context)
        prototypes = class_means(features, labels, way)

        def predict(targets: Tensor) -> Tensor:
            return minus_squared_distances(self.network.normalize(targets, state), prototypes)

        return predict

    def trained(self) -> Iterator[nn.Parameter]:
        return self.parameters()


def minus_squared_distances(features: Tensor, prototypes: Tensor) -> Tensor:
    """(items, way) of features (items, features) and prototypes (way, features)."""
    return -(features[:, None] - prototypes).square().sum(-1)
