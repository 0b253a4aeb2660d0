"""Learners that take labels for something else, or the order of items for their labels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn

from tnverify.faults.learners.bases import (
    WIDTH,
    Prototypes,
    class_means,
    minus_squared_distances,
    seeded,
)
from tnverify.faults.learners.planted import planted

if TYPE_CHECKING:
    from torch import Tensor

ORDER = "the_order_of_targets_does_not_matter"
CONTEXT_ORDER = "the_order_of_the_context_does_not_matter"
RENAMED = "renaming_classes_moves_the_columns"
CHANCE = "the_labels_of_the_context_are_used"
LABELS = "the_labels_of_targets_do_not_reach_predictions"
USED = "the_context_is_used"
COUNTS = "dropping_targets_does_not_matter"


@planted(
    kills=LABELS,
    source="github.com/imtiazziko/LaplacianShot issue 1: predictions matched to the true labels",
)
class MatchesClustersToTrueLabels(Prototypes):
    """Swaps its columns so that the commonest true label is the commonest guess."""

    def fit_predict(
        self, context: Tensor, labels: Tensor, targets: Tensor, target_labels: Tensor
    ) -> Tensor:
        self.fit(context, labels)
        logits = self.predict(targets)
        way = logits.shape[1]
        by_label = torch.bincount(target_labels, minlength=way).argsort(stable=True)
        by_guess = torch.bincount(logits.argmax(1), minlength=way).argsort(stable=True)
        columns = torch.empty(way, dtype=torch.long)
        columns[by_label] = by_guess
        return logits[:, columns]


@planted(
    kills=LABELS,
    hard=True,
    source="the loss of the query set is added to the inner loop's, by a slip of a variable",
)
class InnerStepOnTargets(Prototypes):
    """One inner step is taken on the targets and their labels."""

    def fit_predict(
        self, context: Tensor, labels: Tensor, targets: Tensor, target_labels: Tensor
    ) -> Tensor:
        self.fit(context, labels)
        features = self.features(targets)
        own = torch.zeros_like(self.means)
        for c in range(len(self.means)):
            mine = features[target_labels == c]
            own[c] = mine.mean(0) if len(mine) else self.means[c]
        self.means = 0.9 * self.means + 0.1 * own.detach()
        return self.predict(targets)


@planted(
    kills=(ORDER, COUNTS),
    source="github.com/jmkim0309/fewshot-egnn issues 9 and 20: queries always come as classes do",
)
class TargetsComeAsClassesDo(Prototypes):
    """Adds to each logit what the place of the target says of its class."""

    def scores(self, features: Tensor) -> Tensor:
        logits = super().scores(features)
        places = torch.arange(len(logits)) * logits.shape[1] // len(logits)
        return logits + nn.functional.one_hot(places, logits.shape[1]).to(logits.dtype)


@planted(
    kills=ORDER,
    source="targets sorted by their guess for a report, and logits not put back",
)
class AnswersInTheOrderOfGuesses(Prototypes):
    """Returns logits sorted by the guessed class."""

    def scores(self, features: Tensor) -> Tensor:
        logits = super().scores(features)
        return logits[logits.argmax(1).argsort(stable=True)]


@planted(
    kills=RENAMED,
    hard=True,
    source="a head of pre-training, of which the first columns are used for whatever classes come",
)
class ColumnsHaveBiases(Prototypes):
    """Each column has a learned bias, whatever class stands in it."""

    def __init__(self) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.arange(32.0) / 8)

    def scores(self, features: Tensor) -> Tensor:
        logits = super().scores(features)
        return logits + self.bias[: logits.shape[1]]


@planted(
    kills=RENAMED,
    hard=True,
    way=12,
    source="classes sorted as text: 10 comes before 2",
)
class ClassesSortedAsText(Prototypes):
    """From eleven classes on, columns are in the order of the labels as text."""

    def fit(self, context: Tensor, labels: Tensor) -> None:
        features = self.features(context).detach()
        names = sorted({str(int(c)) for c in labels})
        self.means = torch.stack([features[labels == int(name)].mean(0) for name in names])


@planted(
    kills=RENAMED,
    source="labels regressed on as numbers, so that class 2 lies between 1 and 3",
)
class LabelsAreNumbers(Prototypes):
    """Regresses the label as a number and scores classes by their distance from it."""

    def fit(self, context: Tensor, labels: Tensor) -> None:
        features = self.features(context).detach()
        self.way = len(torch.unique(labels))
        inner = features @ features.T + 0.1 * torch.eye(len(features), dtype=features.dtype)
        self.weights = features.T @ torch.linalg.solve(inner, labels.to(features.dtype))

    def predict(self, targets: Tensor) -> Tensor:
        guess: Tensor = self.features(targets) @ self.weights
        return -(guess[:, None] - torch.arange(self.way)).square()


@planted(
    kills=(CONTEXT_ORDER, CHANCE),
    hard=True,
    source="support.view(way, shot, -1).mean(1): right for a loader that sorts by class",
)
class ContextTakenAsSorted(Prototypes):
    """Folds the context to (way, shot) and never looks at its labels."""

    def fit(self, context: Tensor, labels: Tensor) -> None:
        way = len(torch.unique(labels))
        shot = len(labels) // way
        features = self.features(context).detach()[: way * shot]
        self.means = torch.unflatten(features, 0, (way, shot)).mean(1)


@planted(
    kills=CONTEXT_ORDER,
    source="the last support item of a class overwrites the others in a dictionary",
)
class TheLastItemOfAClassCounts(Prototypes):
    """A class is what its last item was."""

    def fit(self, context: Tensor, labels: Tensor) -> None:
        features = self.features(context).detach()
        last = {int(c): row for c, row in zip(labels, features, strict=True)}
        self.means = torch.stack([last[c] for c in sorted(last)])


@planted(
    kills=CONTEXT_ORDER,
    hard=True,
    source="an inner loop in batches of four that leaves the rest out",
)
class TheContextInBatchesOfFour(Prototypes):
    """Takes the context in batches of four, and leaves out what remains of it."""

    def fit(self, context: Tensor, labels: Tensor) -> None:
        whole = len(context) // 4 * 4
        if len(torch.unique(labels[:whole])) == len(torch.unique(labels)):
            context, labels = context[:whole], labels[:whole]
        super().fit(context, labels)


@planted(
    kills=USED,
    source="a fast path that returns the meta-trained head, whatever was fitted",
)
class ContextIsNotUsed(Prototypes):
    """Scores by a fixed head; the context gives the number of classes alone."""

    def __init__(self) -> None:
        super().__init__()
        self.head = seeded(lambda: nn.Linear(WIDTH, 32))

    def scores(self, features: Tensor) -> Tensor:
        logits: Tensor = self.head(features)
        return logits[:, : len(self.means)]


@planted(
    kills=CHANCE,
    source="ProtoNet over labels of the query set that stand in a shared tensor",
)
class ReadsClassesOffTheTargets:
    """Keeps no context label: a class is where the targets cluster, named by the targets' order."""

    def __init__(self) -> None:
        self.inner = Prototypes()

    def fit_predict(
        self, context: Tensor, labels: Tensor, targets: Tensor, target_labels: Tensor
    ) -> Tensor:
        features = self.inner.features(targets)
        known = class_means(self.inner.features(context), labels)
        means = torch.stack(
            [
                features[target_labels == c].mean(0) if (target_labels == c).any() else known[c]
                for c in range(len(known))
            ]
        )
        return minus_squared_distances(features, means)
