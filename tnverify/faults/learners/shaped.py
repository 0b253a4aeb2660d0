"""Learners that go wrong at one size: a single target, one shot, one class, unequal classes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from tnverify.faults.learners.bases import Prototypes, class_means
from tnverify.faults.learners.planted import planted

if TYPE_CHECKING:
    from torch import Tensor

ALONE = "a_target_alone_is_predicted_alike"
FINITE = "contexts_of_any_size_give_finite_predictions"


@planted(
    kills=ALONE,
    source="github.com/open-edge-platform/anomalib issue 2883: squeeze() before the last batch of"
    " one",
)
class SqueezesASingleTarget(Prototypes):
    """A single target's logits come without their first dimension."""

    def scores(self, features: Tensor) -> Tensor:
        return super().scores(features).squeeze()


@planted(
    kills=ALONE,
    hard=True,
    source="github.com/jakesnell/prototypical-networks issue 33: one query a class broadcasts",
)
class OneTargetTakesAnotherPath(Prototypes):
    """A batch of one is scored by cosine, larger ones by distance."""

    def scores(self, features: Tensor) -> Tensor:
        if len(features) == 1:
            return torch.nn.functional.cosine_similarity(features, self.means)[None]
        return super().scores(features)


@planted(
    kills=ALONE,
    source="moments of one item are zero, so a batch of one is normalised by what it was trained"
    " with",
)
class AloneByTheContext(Prototypes):
    """A single target is centred by the context, several by none."""

    def fit(self, context: Tensor, labels: Tensor) -> None:
        super().fit(context, labels)
        self.centre = self.features(context).detach().mean(0)

    def scores(self, features: Tensor) -> Tensor:
        return super().scores(features - self.centre if len(features) == 1 else features)


@planted(
    kills=FINITE,
    hard=True,
    source="an unbiased deviation of one shot is NaN",
)
class DeviationOfOneShot(Prototypes):
    """Divides by the spread within classes, which one shot does not have."""

    def fit(self, context: Tensor, labels: Tensor) -> None:
        features = self.features(context).detach()
        self.means = class_means(features, labels)
        spreads = [features[labels == c].std(0) for c in torch.unique(labels)]
        self.spread = torch.stack(spreads).mean(0) + 0.1

    def scores(self, features: Tensor) -> Tensor:
        return super().scores(features) / self.spread.mean()


@planted(
    kills="the_accuracy_that_is_reported_is_that_of_its_predictions",
    hard=True,
    source="github.com/jakesnell/prototypical-networks issue 33: with one query a class the labels"
    " are squeezed, the comparison broadcasts, and accuracy is one in `way`",
)
class ReportsByASqueeze(Prototypes):
    """Its accuracy compares guesses (way, queries) with labels that lost an axis of one."""

    def accuracy(self, targets: Tensor) -> float:
        way, queries = targets.shape[:2]
        guess = self.predict(torch.flatten(targets, 0, 1)).argmax(1).reshape(way, queries)
        labels = torch.arange(way)[:, None].expand(way, queries).squeeze()
        return float((guess == labels).double().mean())


@planted(
    kills="predictions_are_numbers",
    source="torch.std of one item with its correction is NaN: one shot, scaled by its class",
)
class ScaledByOneShot(Prototypes):
    """Divides distances by the deviation within each class, which one item does not have."""

    def fit(self, context: Tensor, labels: Tensor) -> None:
        features = self.features(context).detach()
        self.means = class_means(features, labels)
        within = [features[labels == c].std(0) for c in sorted(set(labels.tolist()))]
        self.within = torch.stack(within).mean(0)

    def scores(self, features: Tensor) -> Tensor:
        return super().scores(features) / self.within.mean()
