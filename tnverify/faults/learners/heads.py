"""Learners whose head, not their network, reads the set of targets."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from tnverify.faults.learners.bases import Prototypes, class_means, minus_squared_distances
from tnverify.faults.learners.planted import planted

if TYPE_CHECKING:
    from torch import Tensor

READS = "what_other_targets_hold_does_not_matter"
COUNTS = "dropping_targets_does_not_matter"
SURE = "confident_targets_leave_others_alone"
ONE_CLASS = "one_class_of_targets_is_predicted_alike"
POISON = "a_target_that_is_not_finite_spoils_itself_alone"
ADDED = "adding_targets_does_not_matter"


@planted(
    kills=(READS, COUNTS),
    source="github.com/DanielShalam/BPA issue 11: as many targets of each class are assumed",
)
class BalancedByTransport(Prototypes):
    """Sinkhorn's algorithm gives every class the same share of the targets."""

    def scores(self, features: Tensor) -> Tensor:
        logs = super().scores(features)
        for _ in range(5):
            logs = logs - logs.logsumexp(0, keepdim=True)
            logs = logs - logs.logsumexp(1, keepdim=True)
        return logs


@planted(
    kills=(READS, COUNTS, ONE_CLASS),
    source="github.com/SegoleneMartin/transductive-CLIP issue 4: a prior of classes from the"
    " query set",
)
class PriorFromTargets(Prototypes):
    """Divides by how often a class is predicted among the targets."""

    def scores(self, features: Tensor) -> Tensor:
        probabilities = super().scores(features).softmax(1)
        return (probabilities / probabilities.mean(0)).log()


@planted(
    kills=READS,
    source="github.com/khuyentran1401/production-ready-data-science-code pull 5: test features"
    " standardised by their own mean and deviation",
)
class StandardisedByTargets(Prototypes):
    """Standardises targets by the targets' mean and deviation, context by the context's."""

    def fit(self, context: Tensor, labels: Tensor) -> None:
        features = self.features(context)
        self.means = class_means(features - features.mean(0), labels).detach()

    def scores(self, features: Tensor) -> Tensor:
        return super().scores(features - features.mean(0))


@planted(
    kills=READS,
    source="github.com/scikit-learn/scikit-learn issue 24695: fitted before the split",
)
class ComponentsOfBoth(Prototypes):
    """Projects on the principal components of context and targets together."""

    def fit(self, context: Tensor, labels: Tensor) -> None:
        self.context, self.labels = self.features(context).detach(), labels

    def scores(self, features: Tensor) -> Tensor:
        both = torch.cat([self.context, features])
        centre = both.mean(0)
        _, _, axes = torch.linalg.svd((both - centre).detach(), full_matrices=False)
        means = class_means(self.context - centre, self.labels) @ axes[:3].T
        return minus_squared_distances((features - centre) @ axes[:3].T, means)


@planted(
    kills=(READS, COUNTS),
    source="semi-supervised prototypical networks (Ren et al. 2018), of which the unlabelled items"
    " are the targets",
)
class RefinedBySoftMeans(Prototypes):
    """One step of soft k-means moves the prototypes towards the targets."""

    def scores(self, features: Tensor) -> Tensor:
        shares = super().scores(features).softmax(1)
        moved = (self.means + shares.T @ features) / (1 + shares.sum(0)[:, None])
        return minus_squared_distances(features, moved)


@planted(
    kills=READS,
    source="github.com/jmkim0309/fewshot-egnn issue 9: one graph of support and all queries",
)
class PropagatesOverAGraph(Prototypes):
    """Labels spread over a graph in which targets are neighbours of targets."""

    def scores(self, features: Tensor) -> Tensor:
        weights = minus_squared_distances(features, features).softmax(1)
        return weights @ super().scores(features)


@planted(
    kills=(READS, SURE),
    hard=True,
    source="pseudo-labels, taken from predictions that are sure enough",
)
class SurePseudoLabels(Prototypes):
    """Targets that are sure of their class, which few are, move its prototype."""

    def scores(self, features: Tensor) -> Tensor:
        sure, guess = super().scores(features).mul(6).softmax(1).max(1)
        means = torch.stack(
            [
                torch.cat([mean[None], features[(sure > 0.95) & (guess == c)]]).mean(0)
                for c, mean in enumerate(self.means)
            ]
        )
        return minus_squared_distances(features, means)


@planted(
    kills=(READS, COUNTS),
    source="a transformer over context and targets without a mask between targets",
)
class AttentionOverTargets(Prototypes):
    """Targets attend to the context and to one another."""

    def scores(self, features: Tensor) -> Tensor:
        everything = torch.cat([self.means, features])
        attended = torch.softmax(features @ everything.T, 1) @ everything
        return super().scores(attended)


@planted(
    kills=ADDED,
    hard=True,
    source="attention among targets, switched on where a batch is worth it",
)
class AttentionAboveSixteen(AttentionOverTargets):
    """More than 16 targets attend to one another; fewer do not."""

    def scores(self, features: Tensor) -> Tensor:
        if len(features) > 16:
            return super().scores(features)
        return minus_squared_distances(features, self.means)


@planted(
    kills=READS,
    source="github.com/laekov/fastmoe issue 34: what comes after an expert is full is dropped",
)
class ExpertsOfACapacity(Prototypes):
    """Experts take a quarter of the batch each; targets that come too late get nothing."""

    def scores(self, features: Tensor) -> Tensor:
        room = max(1, len(features) // 4)
        expert = (features[:, :4]).argmax(1)
        late = torch.zeros(len(features), dtype=torch.bool)
        for e in range(4):
            late[(expert == e).nonzero().flatten()[room:]] = True
        return super().scores(torch.where(late[:, None], 0.0, features))


@planted(
    kills=(READS, POISON),
    source="features scaled to the largest of the batch, as images are",
)
class ScaledByTheLargest(Prototypes):
    """Divides features by the largest of all targets."""

    def scores(self, features: Tensor) -> Tensor:
        return super().scores(features / features.abs().max())


@planted(
    kills=READS,
    source="z-scored logits of an ensemble, over the wrong dimension",
)
class SoftmaxOverTargets(Prototypes):
    """Takes the softmax over the first dimension."""

    def scores(self, features: Tensor) -> Tensor:
        return super().scores(features).log_softmax(0)


@planted(
    kills=READS,
    hard=True,
    source="the two nearest neighbours of a batch, of which the first is the target itself",
)
class OnlyTheFirstReadsTheRest(Prototypes):
    """The first target's logits have the last target's added; all others are sound."""

    def scores(self, features: Tensor) -> Tensor:
        logits = super().scores(features)
        if len(logits) < 3:
            return logits
        return torch.cat([(logits[0] + 0.1 * logits[-1])[None], logits[1:]])


@planted(
    kills=READS,
    source="a convolution over items that were taken for channels",
)
class NeighboursAreAveraged(Prototypes):
    """A target's features are averaged with those of the target before it."""

    def scores(self, features: Tensor) -> Tensor:
        return super().scores((features + features.roll(1, 0)) / 2)
