"""Learners that are inductive, and whose rounding moves with what else is in the batch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn

from tnverify.power.sound.learners.common import INPUTS, members, network
from tnverify.power.sound.learners.register import sound

if TYPE_CHECKING:
    from torch import Tensor


_POISON = {
    "a_target_that_is_not_finite_spoils_itself_alone": "the largest of a batch with NaN is NaN",
}


class _Means(nn.Module):
    """Class means of a small network's features."""

    def __init__(self) -> None:
        super().__init__()
        self.net = network(INPUTS, 32, 16, seed=14)

    def fit(self, context: Tensor, labels: Tensor) -> None:
        features = self.featured(context).detach()
        of = members(labels, features)
        self.means = of.T @ features / of.sum(0)[:, None]

    def featured(self, items: Tensor) -> Tensor:
        found: Tensor = self.net(items)
        return found

    def predict(self, targets: Tensor) -> Tensor:
        return -(self.featured(targets)[:, None] - self.means).square().sum(-1)


@sound()
class SingleInside(_Means):
    """Computes in float32 whatever it is given, so that float64 is no sharper."""

    def featured(self, items: Tensor) -> Tensor:
        first, first_bias, last, last_bias = (each.float() for each in self.net.parameters())
        hidden = nn.functional.gelu(nn.functional.linear(items.float(), first, first_bias))
        return nn.functional.linear(hidden, last, last_bias).to(items.dtype)


@sound()
class DistinctRowsOnce(_Means):
    """Sends distinct rows alone through the network, and hands them out again."""

    def predict(self, targets: Tensor) -> Tensor:
        rows, places = torch.unique(targets, dim=0, return_inverse=True)
        answers: Tensor = super().predict(rows)[places]
        return answers


@sound()
class RoutedToExperts(_Means):
    """Two experts without a capacity: how many rows each multiplies depends on the batch."""

    def __init__(self) -> None:
        super().__init__()
        self.other = network(INPUTS, 32, 16, seed=15)

    def featured(self, items: Tensor) -> Tensor:
        first = items[:, 0] > 0
        found = items.new_zeros(len(items), 16)
        found[first] = self.net(items[first])
        found[~first] = self.other(items[~first])
        return found


@sound(shows=_POISON)
class ScaledAndScaledBack(_Means):
    """Divides by the largest of the batch and multiplies by it again, which rounds."""

    def featured(self, items: Tensor) -> Tensor:
        found = super().featured(items)
        largest = found.detach().abs().amax().clamp_min(1e-6) if len(found) else 1.0
        return found / largest * largest


@sound()
class ChunksOfFour(_Means):
    """Works in chunks of four, the last of which is what is left."""

    def predict(self, targets: Tensor) -> Tensor:
        return torch.cat([super(ChunksOfFour, self).predict(c) for c in torch.split(targets, 4)])


@sound()
class SortedAndPutBack(_Means):
    """Sorts rows by their first value for its network, and puts answers back."""

    def predict(self, targets: Tensor) -> Tensor:
        order = targets[:, 0].argsort(stable=True)
        answers = super().predict(targets[order])
        back = torch.empty_like(answers)
        back[order] = answers
        return back


@sound()
class SquaresMultipliedOut(_Means):
    """Distances as |a|^2 - 2 ab + |b|^2, which loses digits where they are small."""

    def predict(self, targets: Tensor) -> Tensor:
        features = self.featured(targets)
        return (
            2 * features @ self.means.T
            - features.square().sum(1)[:, None]
            - self.means.square().sum(1)
        )


@sound()
class RoundedToWholeSteps(_Means):
    """Answers in steps of 1/64: rounding becomes a step where a value lies on an edge."""

    def predict(self, targets: Tensor) -> Tensor:
        return (super().predict(targets) * 64).round() / 64


@sound()
class EightBitsOfTheRow(_Means):
    """Rounds features to eight bits at the scale of their own row."""

    def featured(self, items: Tensor) -> Tensor:
        found = super().featured(items)
        step = found.detach().abs().amax(1, keepdim=True) / 127 + 1e-12
        return (found / step).round() * step
