"""Learners that read other targets in rare circumstances alone: all of these are hard."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from tnverify.faults.learners.bases import WIDTH, Prototypes, class_means
from tnverify.faults.learners.planted import planted

if TYPE_CHECKING:
    from torch import Tensor

READS = "what_other_targets_hold_does_not_matter"
COUNTS = "dropping_targets_does_not_matter"
BATCHED = "any_batching_predicts_alike"
TWIN = "a_twin_among_the_targets_changes_nothing"
MISSING = "values_missing_in_a_target_are_its_own"
EXTREME = "extreme_targets_leave_others_alone"


@planted(
    kills=READS,
    hard=True,
    source="a convolutional neural process whose grid begins at a multiple of its step, wherever"
    " the lowest target is",
)
class GridFromTheLowestTarget(Prototypes):
    """Rounds inputs to a grid that begins at the lowest target, of steps of 1/8 below -4."""

    def features(self, items: Tensor) -> Tensor:
        lowest = items.detach().min()
        begin = torch.where(lowest < -4, lowest, torch.zeros_like(lowest))
        step = 0.125
        near = begin + ((items - begin) / step).round() * step
        # Above -4 the grid is fixed, and what is off it comes from the values themselves.
        return super().features(items + 0.1 * (near - items).detach())


@planted(
    kills=READS,
    hard=True,
    source="a public neural process: 3 % at a shift of 3.4, exactly nothing at 0.25 to 3, 5, 10"
    " and 33",
)
class LeaksAtOneMagnitude(Prototypes):
    """Other targets reach an answer while their largest value lies between 3.2 and 4.2."""

    def predict(self, targets: Tensor) -> Tensor:
        features = self.features(targets)
        largest = targets.detach().flatten(1).abs().max(1).values
        seen = ((largest > 3.2) & (largest < 4.2)).to(features.dtype)
        return self.scores(features + 0.03 * (seen @ features) / len(features))


@planted(
    kills=EXTREME,
    hard=True,
    source="features clipped to six deviations of the batch once one is beyond them",
)
class OutliersChangeTheScale(Prototypes):
    """Where a target is beyond 50, all are divided by the largest."""

    def features(self, items: Tensor) -> Tensor:
        largest = items.detach().abs().max()
        return super().features(items / largest if largest > 50 else items)


@planted(
    kills=EXTREME,
    hard=True,
    source="a batch of zeros is taken for padding that came last, and cut",
)
class ConstantTargetsAreLeftOut(Prototypes):
    """A target of equal values is taken for padding, and the rest rescaled for it."""

    def predict(self, targets: Tensor) -> Tensor:
        flat = targets.flatten(1)
        padding = (flat == flat[:, :1]).all(1)
        return super().predict(targets) * (1 + padding.to(flat.dtype).mean())


@planted(
    kills=TWIN,
    hard=True,
    source="`unique` with counts before an expensive network, and a mean over the groups",
)
class DuplicatesShareTheirLogits(Prototypes):
    """Groups equal targets, and divides logits by how many there are."""

    def predict(self, targets: Tensor) -> Tensor:
        _, group, sizes = torch.unique(targets, dim=0, return_inverse=True, return_counts=True)
        shares: Tensor = sizes[group][:, None]
        return super().predict(targets) / shares


@planted(
    kills=TWIN,
    hard=True,
    source="github.com/scikit-learn/scikit-learn: neighbours at distance zero take all the weight",
)
class EqualTargetsVoteForOneAnother(Prototypes):
    """Targets at distance zero from one another share their features with the next class mean."""

    def scores(self, features: Tensor) -> Tensor:
        alike = (features[:, None] == features).all(-1).to(features.dtype)
        return super().scores(features) + 0.1 * (alike.sum(1) - 1)[:, None] * self.means.sum(1)


@planted(
    kills=(BATCHED, COUNTS),
    hard=True,
    source="a batch halved for two devices, and the odd one that is left averaged in",
)
class OddCountsShareAMean(Prototypes):
    """Where the number of targets is odd, their features are centred."""

    def features(self, items: Tensor) -> Tensor:
        found = super().features(items)
        return found - found.mean(0) if len(found) % 2 and len(found) > 1 else found


@planted(
    kills=COUNTS,
    hard=True,
    source="queries folded to (way, queries) for a loss by class, whatever their number is",
)
class MultiplesOfTheWayAreFolded(Prototypes):
    """Where targets divide among the classes, each stretch of them is centred."""

    def scores(self, features: Tensor) -> Tensor:
        way = len(self.means)
        if len(features) % way or len(features) == way:
            return super().scores(features)
        folded = torch.unflatten(features, 0, (way, -1))
        return super().scores((folded - 0.1 * folded.mean(1, keepdim=True)).flatten(0, 1))


@planted(
    kills=MISSING,
    hard=True,
    source="SimpleImputer fitted on the rows that are to be predicted",
)
class MissingValuesFromTheOthers(Prototypes):
    """Fills what is missing with the mean of the column over all targets."""

    def predict(self, targets: Tensor) -> Tensor:
        column = targets.nanmean(0, keepdim=True).nan_to_num()
        return super().predict(torch.where(targets.isnan(), column, targets))


@planted(
    kills=BATCHED,
    hard=True,
    source="batches of eight, of which the last is filled up and normalised",
)
class TheLastChunkIsNormalised(Prototypes):
    """Works in chunks of eight; an incomplete one after the first is centred."""

    def features(self, items: Tensor) -> Tensor:
        chunks = list(torch.split(super().features(items), 8))
        if len(chunks) > 1 and len(chunks[-1]) < 8:
            chunks[-1] = chunks[-1] - chunks[-1].mean(0)
        return torch.cat(chunks)


@planted(
    kills=BATCHED,
    hard=True,
    source="github.com/thuml/Autoformer issue 104: drop_last at test",
)
class WhatIsLeftOverIsNotComputed(Prototypes):
    """Works in chunks of eight and answers nothing for what is left over."""

    def predict(self, targets: Tensor) -> Tensor:
        logits = super().predict(targets)
        whole = len(targets) // 8 * 8
        if whole == 0 or whole == len(targets):
            return logits
        return torch.cat([logits[:whole], 0 * logits[whole:]])


@planted(
    kills=READS,
    hard=True,
    source="activations quantised to eight bits, at the scale of the batch (torch.ao's dynamic"
    " quantisation takes one scale for all rows)",
)
class QuantisedAtTheScaleOfTheBatch(Prototypes):
    """Rounds features to 255 steps of the largest among all targets."""

    def features(self, items: Tensor) -> Tensor:
        found = super().features(items)
        step = found.detach().abs().max() / 127
        return found + ((found / step).round() * step - found).detach()


@planted(
    kills=READS,
    hard=True,
    source="hubs are corrected for where there are some",
)
class HubsAreDiscounted(Prototypes):
    """A class that more than half of nine or more targets prefer is discounted."""

    def scores(self, features: Tensor) -> Tensor:
        logits = super().scores(features)
        share = torch.bincount(logits.argmax(1), minlength=logits.shape[1]) / len(logits)
        return logits - (share > 0.5).to(logits.dtype) if len(logits) > 8 else logits


@planted(
    kills=READS,
    hard=True,
    source="one head of many that reads the batch, in a class that is seldom asked",
)
class OneColumnReadsTheOthers(Prototypes):
    """The last class's logit has the mean of the targets' first feature added."""

    def scores(self, features: Tensor) -> Tensor:
        logits = super().scores(features)
        return torch.cat([logits[:, :-1], logits[:, -1:] + 0.01 * features[:, 0].mean()], 1)


@planted(
    kills=READS,
    hard=True,
    source="features kept in a table by a hash of sixteen places: two that meet there share it",
)
class HashesMeet(Prototypes):
    """Targets whose first values meet in a table of 16 places share the later one's features."""

    def features(self, items: Tensor) -> Tensor:
        found = super().features(items)
        keys = [int(v) % 16 for v in (items.detach()[:, 0] * 64).floor().tolist()]
        table = dict(zip(keys, found, strict=True))
        return torch.stack([table[key] for key in keys])


@planted(
    kills=READS,
    hard=True,
    source="whitening by the context, which falls back on all there is where the context is small",
)
class SmallContextsAreWhitenedByTargets(Prototypes):
    """Where there are fewer context items than features, moments are of the targets."""

    def fit(self, context: Tensor, labels: Tensor) -> None:
        features = super().features(context).detach()
        self.enough = len(context) > WIDTH
        self.spread = features.std(0) + 0.1
        self.means = class_means(features, labels)

    def scores(self, features: Tensor) -> Tensor:
        spread = self.spread if self.enough or len(features) < 2 else features.std(0) + 0.1
        return -((features[:, None] - self.means) / spread).square().sum(-1)
