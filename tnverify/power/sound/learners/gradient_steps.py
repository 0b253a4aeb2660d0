"""Learners that take gradient steps on the context, and keep none of them."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.func import functional_call
from torch.nn.functional import cross_entropy

from tnverify.power.sound.learners.common import INPUTS, network
from tnverify.power.sound.learners.register import sound

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor


_HEAD = {
    "renaming_classes_moves_the_columns": "its head was learnt for each column, as MAML's is",
}


def _with_norm(norm: Callable[[], nn.Module]) -> nn.Sequential:
    first, _, last = network(INPUTS, 16, 20, seed=6)
    return nn.Sequential(first, norm(), nn.ReLU(), last)


@sound()
class MamlWithGroupNorm:
    """MAML over group norm: two steps by functional_call, nothing of which stays."""

    def __init__(self) -> None:
        self.net = _with_norm(lambda: nn.GroupNorm(4, 16))

    def fit(self, context: Tensor, labels: Tensor) -> Callable[[Tensor], Tensor]:
        weights: dict[str, Tensor] = dict(self.net.named_parameters())
        with torch.enable_grad():
            for _ in range(2):
                logits = functional_call(self.net, weights, (context,))
                slopes = torch.autograd.grad(cross_entropy(logits, labels), list(weights.values()))
                weights = {
                    name: weight - 0.3 * slope
                    for (name, weight), slope in zip(weights.items(), slopes, strict=True)
                }
        return lambda targets: functional_call(self.net, weights, (targets,))


@sound()
class MamlWithMomentsOfTheContext:
    """MAML whose batch norm takes the context's moments, and the targets by these too."""

    def __init__(self) -> None:
        self.net = _with_norm(lambda: nn.BatchNorm1d(16, momentum=1.0))

    def fit(self, context: Tensor, labels: Tensor) -> None:
        adapted = copy.deepcopy(self.net).train()
        optimiser = torch.optim.SGD(adapted.parameters(), lr=0.2)
        with torch.enable_grad():
            cross_entropy(adapted(context), labels).backward()  # type: ignore[no-untyped-call]  # torch leaves it without types
            optimiser.step()
        with torch.no_grad():
            adapted(context)
        self.adapted = adapted.eval()

    def predict(self, targets: Tensor) -> Tensor:
        with torch.no_grad():
            logits: Tensor = self.adapted(targets)
        return logits


@sound()
class HeadFromZero:
    """Fine-tunes a head that is made anew each time, on features that stay (ANIL)."""

    def __init__(self) -> None:
        self.net = network(INPUTS, 16, 8, seed=7)

    def fit(self, context: Tensor, labels: Tensor) -> None:
        features = self.net(context).detach()
        places = torch.unique(labels, return_inverse=True)[1]
        head = torch.zeros(int(places.max()) + 1, 8, dtype=features.dtype, requires_grad=True)
        optimiser = torch.optim.Adam([head], lr=0.1)
        with torch.enable_grad():
            for _ in range(10):
                optimiser.zero_grad()
                cross_entropy(features @ head.T, places).backward()  # type: ignore[no-untyped-call]  # torch leaves it without types
                optimiser.step()
        self.head = head.detach()

    def predict(self, targets: Tensor) -> Tensor:
        logits: Tensor = self.net(targets) @ self.head.T
        return logits


@sound(shows=_HEAD)
class CloneAndAdapt(nn.Module):
    """clone() gives a copy, adapt(loss) moves it by one step: a call then predicts."""

    def __init__(self) -> None:
        super().__init__()
        self.net = network(INPUTS, 16, 5, seed=8)

    def clone(self) -> CloneAndAdapt:
        return copy.deepcopy(self)

    def adapt(self, loss: Tensor) -> None:
        slopes = torch.autograd.grad(loss, list(self.net.parameters()))
        with torch.no_grad():
            for weight, slope in zip(self.net.parameters(), slopes, strict=True):
                weight.sub_(0.1 * slope)

    def forward(self, items: Tensor) -> Tensor:
        logits: Tensor = self.net(items)
        return logits
