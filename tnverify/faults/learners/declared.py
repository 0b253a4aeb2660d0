"""Subjects that are not what they declare themselves to be."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from tnverify.faults.learners.bases import Prototypes
from tnverify.faults.learners.planted import planted

if TYPE_CHECKING:
    from torch import Tensor


@planted(
    claims="transductive",
    kills="a_transductive_learner_reads_other_targets",
    hard=True,
    source="a refinement of prototypes whose result is thrown away",
)
class TransductiveInNameAlone(Prototypes):
    """Refines its prototypes by the targets, and scores by the old ones."""

    def scores(self, features: Tensor) -> Tensor:
        refined = self.means + 0.1 * (features.mean(0) - self.means)
        logits = super().scores(features)
        return logits if refined.isfinite().all() else 0 * logits


@planted(
    kind="predictor",
    claims="online",
    kills="reset_forgets_what_was_predicted",
    source="a reset that restores the weights and forgets the running mean",
)
class ResetForgetsHalf(Prototypes):
    """A running mean that reset() leaves as it was."""

    def __init__(self) -> None:
        super().__init__()
        self.mean = torch.zeros(8)

    def reset(self) -> None:
        """Begin anew, but for the mean."""

    def forward(self, items: Tensor) -> Tensor:
        answers = []
        for row in self.features(items):
            answers.append(row - self.mean.to(row))
            self.mean = 0.9 * self.mean.to(row) + 0.1 * row.detach()
        return torch.stack(answers)


@planted(
    claims="bitwise",
    kills="a_target_alone_is_predicted_alike",
    hard=True,
    source="torch's matrix product takes other kernels for other numbers of rows",
)
class BitwiseByMatrixProduct:
    """Says that not a bit depends on the number of targets, and multiplies them in one product."""

    def __init__(self) -> None:
        draws = torch.Generator().manual_seed(0)
        self.first = torch.randn(6, 512, generator=draws)
        self.last = torch.randn(512, 8, generator=draws)

    def features(self, items: Tensor) -> Tensor:
        return torch.tanh(items @ self.first.to(items)) @ self.last.to(items)

    def fit(self, context: Tensor, labels: Tensor) -> None:
        features = self.features(context)
        self.means = torch.stack([features[labels == c].mean(0) for c in torch.unique(labels)])

    def predict(self, targets: Tensor) -> Tensor:
        return self.features(targets) @ self.means.T
