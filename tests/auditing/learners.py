"""Small learners, predictors and evaluations that tests audit."""

from __future__ import annotations

import os

import torch
from torch import nn


class Nearest:
    """The nearest class mean: sound."""

    def fit(self, context, labels):
        self.means = torch.stack([context[labels == c].flatten(1).mean(0) for c in range(5)])

    def predict(self, targets):
        return -torch.cdist(targets.flatten(1), self.means)


class Centred(Nearest):
    """Centres targets by their mean: reads other targets."""

    def predict(self, targets):
        return super().predict(targets - targets.mean(0))


class FarOutliers(Nearest):
    """Reads other targets where one of them is far from all data alone."""

    def predict(self, targets):
        far = torch.relu(targets.abs().max() - 100)
        return super().predict(targets) * (1 + far)


class Normalised(nn.Module):
    """Batch norm left in training mode, named by its path."""

    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.ReLU())

    def forward(self, support, support_labels, query):
        means = self.features(support)
        means = torch.stack([means[support_labels == c].mean(0) for c in range(5)])
        return -torch.cdist(self.features(query), means)


class InEvaluation(Normalised):
    """The same, called as it should be."""

    def forward(self, support, support_labels, query):
        self.eval()
        return super().forward(support, support_labels, query)


class Remembers(Nearest):
    """Counts its tasks and lets the count in."""

    tasks = 0

    def fit(self, context, labels):
        super().fit(context, labels)
        self.tasks += 1
        self.means = self.means + self.tasks / 8


class Peeks:
    """Is handed target labels and lets them in."""

    def __call__(self, support, support_labels, query, query_labels):
        means = torch.stack([support[support_labels == c].mean(0) for c in range(5)])
        return -torch.cdist(query, means) + 0.1 * nn.functional.one_hot(query_labels, 5)


class Squeezes(Nearest):
    """Answers one target with one row too few."""

    def predict(self, targets):
        return super().predict(targets).squeeze()


class Forgets(Nearest):
    """Ignores what it is shown."""

    def fit(self, context, labels):
        torch.manual_seed(3)
        self.means = torch.randn(5, context.flatten(1).shape[1])


class TiesDecide(Nearest):
    """Rounds its scores to whole steps: discontinuous, and sound."""

    def predict(self, targets):
        return super().predict(targets).mul(4).round()


class TellsClasses(Nearest):
    """Returns classes, no scores: sound."""

    def predict(self, targets):
        return super().predict(targets).argmax(1)


class DrawsDifferently(Nearest):
    """Adds noise that no seed repeats."""

    def predict(self, targets):
        found = super().predict(targets)
        noise = torch.Generator()
        noise.seed()
        return found + 0.1 * torch.rand(found.shape, generator=noise)


class EndsItsProcess(Nearest):
    """Ends its process where there is one target."""

    def predict(self, targets):
        if len(targets) == 1:
            os._exit(7)
        return super().predict(targets)


class WrongAccuracy(Nearest):
    """Its accuracy compares what broadcasts."""

    def accuracy(self, targets):
        way, queries = targets.shape[:2]
        guess = self.predict(targets.flatten(0, 1)).view(way, queries, -1).argmax(2)
        labels = torch.arange(way).view(way, 1, 1).expand(way, queries, 1)
        return float((guess == labels.squeeze()).float().mean())


class RightAccuracy(WrongAccuracy):
    """Its accuracy keeps shapes."""

    def accuracy(self, targets):
        way, queries = targets.shape[:2]
        guess = self.predict(targets.flatten(0, 1)).view(way, queries, -1).argmax(2)
        return float((guess == torch.arange(way)[:, None]).float().mean())


class Cumulative:
    """Each target reads those before it: online."""

    def __call__(self, support, labels, query):
        means = torch.stack([support[labels == c].mean(0) for c in range(5)])
        past = query.cumsum(0) / torch.arange(1, len(query) + 1)[:, None]
        return -torch.cdist(query - past, means)


class Embeds(nn.Module):
    """A predictor without a context: sound."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(6, 4)

    def forward(self, x):
        return self.layer(x).relu()


class Whitens(Embeds):
    """A predictor that scales by its batch."""

    def forward(self, x):
        found = super().forward(x)
        return found / (1 + found.std())


class TakesSureTargetsForLabels(Nearest):
    """Moves class means to targets that it is sure of, beyond what data are."""

    def predict(self, targets):
        flat = targets.flatten(1)
        far = (flat @ self.means.T).max(1).values > 60
        means = self.means + 0.1 * flat[far].mean(0) if bool(far.any()) else self.means
        return flat @ means.T


class DrawsMasks(Embeds):
    """Leaves dropout on: not a leak, and not the same twice."""

    def forward(self, x):
        return nn.functional.dropout(super().forward(x) + 1, 0.5, training=True)


class NotANumber(Nearest):
    """Answers NaN."""

    def predict(self, targets):
        return super().predict(targets) * torch.nan


class _Data:
    def __init__(self):
        torch.manual_seed(5)
        self.items, self.labels = torch.randn(11, 4), torch.arange(11) % 3
        self.weights = torch.randn(4, 3)

    def __len__(self):
        return 11

    def right(self, batch):
        guess = (self.items[batch] @ self.weights).argmax(1)
        return (guess == self.labels[batch]).double()


class CountsRight(_Data):
    """The share of right items: sound."""

    def __call__(self, order, batch_size):
        total = sum(
            float(self.right(order[n : n + batch_size]).sum())
            for n in range(0, len(order), batch_size)
        )
        return total / len(order)


class MeansOfMeans(_Data):
    """The mean of the batches' means."""

    def __call__(self, order, batch_size):
        starts = range(0, len(order), batch_size)
        return float(
            torch.stack([self.right(order[n : n + batch_size]).mean() for n in starts]).mean()
        )


class IgnoresItsOrder(_Data):
    """Evaluates everything, whatever it is asked."""

    def evaluate(self, order, batch_size):
        return float(self.right(torch.arange(11)).mean())


def nothing_to_audit(path):
    """Neither learner nor predictor nor evaluation."""
    return open(path)  # noqa: PTH123 - never called with a path


class ReturnsItsLoss(nn.Module):
    """Tells nothing but a loss; reads other targets."""

    def forward(self, support, support_labels, query, query_labels):
        means = torch.stack([support[support_labels == c].mean(0) for c in range(5)])
        logits = -torch.cdist(query - query.mean(0), means)
        return nn.functional.cross_entropy(logits, query_labels)


class EncodesTexts:
    """Embeds texts by the mean of their words: sound."""

    def encode(self, sentences):
        assert all(isinstance(each, str) for each in sentences)
        table = torch.randn(31, 4, generator=torch.Generator().manual_seed(1))
        places = [[sum(map(ord, word)) % 31 for word in each.split()] for each in sentences]
        return [table[place].mean(0).tolist() for place in places]


class PadsTexts(EncodesTexts):
    """Divides by the longest of the texts."""

    def encode(self, sentences):
        longest = max(len(each.split()) for each in sentences)
        pairs = zip(super().encode(sentences), sentences, strict=True)
        return [[v * len(s.split()) / longest for v in row] for row, s in pairs]


class SixPlusLabels(nn.Module):
    """Takes items of six values beside the labels of five classes."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(11, 5)

    def forward(self, context, labels, targets):
        told = torch.cat([context, nn.functional.one_hot(labels, 5).to(context)], 1)
        asked = torch.cat([targets, targets.new_zeros(len(targets), 5)], 1)
        return self.layer(asked) * self.layer(told).mean(0)


class TakesMany(Nearest):
    """Refuses one item a class."""

    def fit(self, context, labels):
        if len(context) <= 5:
            raise ValueError("more items than classes are needed")
        super().fit(context, labels)


class LabelsOptional(Nearest):
    """Names its labels `y`, with a default."""

    def fit(self, X, y=None):  # noqa: N803 - as scikit-learn names it
        super().fit(X, y)
