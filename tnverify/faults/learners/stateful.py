"""Learners that remember: earlier targets or earlier tasks reach later answers."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from tnverify.faults.learners.bases import (
    WIDTH,
    Prototypes,
    class_means,
    minus_squared_distances,
    small_network,
)
from tnverify.faults.learners.planted import planted

if TYPE_CHECKING:
    from torch import Tensor

TWICE = "predicting_twice_gives_the_same"
TASKS = "another_task_in_between_does_not_matter"
TENTH = "a_used_learner_answers_like_a_fresh_one"
LEFT = "predicting_leaves_parameters_and_buffers"
FRESH = "other_predictions_in_between_do_not_matter"


@planted(
    kills=(FRESH, TWICE),
    hard=True,
    source="test-time adaptation that answers first and learns after",
)
class AnswersBeforeItUpdates(Prototypes):
    """Answers, then moves its prototypes a little towards the targets."""

    def predict(self, targets: Tensor) -> Tensor:
        answer = super().predict(targets)
        self.means = self.means + 0.1 * (self.features(targets).mean(0) - self.means).detach()
        return answer


@planted(
    kills=(FRESH, TWICE, LEFT),
    source="github.com/DequanWang/tent issue 3: the last batch's update improves the next",
)
class AdaptsAtTestTime(Prototypes):
    """Takes a step that lowers the entropy of each batch, and keeps it."""

    def predict(self, targets: Tensor) -> Tensor:
        with torch.enable_grad():
            logits = super().predict(targets)
            entropy = -(logits.softmax(1) * logits.log_softmax(1)).sum(1).mean()
            slopes = torch.autograd.grad(entropy, list(self.body.parameters()))
        with torch.no_grad():
            for weight, slope in zip(self.body.parameters(), slopes, strict=True):
                weight.sub_(0.05 * slope)
        return logits.detach()


@planted(
    kills=(TASKS, TENTH),
    hard=True,
    source="prototypes smoothed over episodes, which was meant for training",
)
class PrototypesFromEarlierTasks(Prototypes):
    """Averages prototypes with those of the last task, where that had as many classes."""

    def fit(self, context: Tensor, labels: Tensor) -> None:
        earlier = getattr(self, "means", None)
        super().fit(context, labels)
        if earlier is not None and earlier.shape == self.means.shape:
            self.means = (self.means + earlier) / 2


@planted(
    kills=TASKS,
    source="easyfsl's Finetune: the head's optimiser works on prototypes that predict then reads;"
    " github.com/AntreasAntoniou/FewShotContinualLearning pull 2: weights not copied by task",
)
class FinetunesForGood:
    """Fine-tunes its network in place, so that the next task starts from this one's end."""

    def __init__(self) -> None:
        self.net = small_network()

    def fit(self, context: Tensor, labels: Tensor) -> None:
        with torch.enable_grad():
            for _ in range(3):
                features = self.net(context)
                means = class_means(features, labels)
                places = torch.unique(labels, return_inverse=True)[1]
                loss = cross_entropy(minus_squared_distances(features, means), places)
                slopes = torch.autograd.grad(loss, list(self.net.parameters()))
                with torch.no_grad():
                    for weight, slope in zip(self.net.parameters(), slopes, strict=True):
                        weight.sub_(0.1 * slope)
        self.means = class_means(self.net(context), labels).detach()

    def predict(self, targets: Tensor) -> Tensor:
        return minus_squared_distances(self.net(targets), self.means)


@planted(
    kills=TWICE,
    source="github.com/sicara/easy-few-shot-learning: Finetune takes its steps in forward, from"
    " where the last call left the prototypes",
)
class FinetunesInPredict(Prototypes):
    """Takes steps on the context in every prediction, from where the last one ended."""

    def fit(self, context: Tensor, labels: Tensor) -> None:
        super().fit(context, labels)
        self.context = self.features(context).detach()
        self.places = torch.unique(labels, return_inverse=True)[1]

    def predict(self, targets: Tensor) -> Tensor:
        with torch.enable_grad():
            means = self.means.clone().requires_grad_()
            logits = minus_squared_distances(self.context, means)
            (slope,) = torch.autograd.grad(cross_entropy(logits, self.places), [means])
        self.means = self.means - 0.1 * slope
        return super().predict(targets)


@planted(
    kills=TASKS,
    source="scikit-learn's warm_start, left on",
)
class WarmStartedHead(Prototypes):
    """A head of a few gradient steps that starts where the last task's ended."""

    def fit(self, context: Tensor, labels: Tensor) -> None:
        features = self.features(context).detach()
        places = torch.unique(labels, return_inverse=True)[1]
        way = int(places.max()) + 1
        start = getattr(self, "head", None)
        if start is None or len(start) != way:
            start = features.new_zeros(way, WIDTH)
        for _ in range(5):
            here = start.clone().requires_grad_()
            with torch.enable_grad():
                (slope,) = torch.autograd.grad(cross_entropy(features @ here.T, places), [here])
            start = start - slope
        self.head = start

    def scores(self, features: Tensor) -> Tensor:
        return features @ self.head.T


@planted(
    kills=FRESH,
    hard=True,
    source="embeddings kept by the shape of what they are of",
)
class EmbeddingsKeptByShape(Prototypes):
    """Keeps the targets' features by shape, and takes them out for others of it."""

    def fit(self, context: Tensor, labels: Tensor) -> None:
        super().fit(context, labels)
        self.kept: dict[tuple[int, ...], Tensor] = {}

    def predict(self, targets: Tensor) -> Tensor:
        key = (*targets.shape, targets.dtype.itemsize)
        if key not in self.kept:
            self.kept[key] = self.features(targets)
        return self.scores(self.kept[key])


@planted(
    kills=(TASKS, TENTH),
    hard=True,
    source="an adapted model kept by the labels of its context",
)
class TasksKeptByTheirLabels(Prototypes):
    """Takes up what it learned from the last context that had the same labels."""

    def __init__(self) -> None:
        super().__init__()
        self.kept: dict[tuple[object, ...], Tensor] = {}

    def fit(self, context: Tensor, labels: Tensor) -> None:
        key = (*labels.tolist(), context.dtype.itemsize)
        if key not in self.kept:
            super().fit(context, labels)
            self.kept[key] = self.means
        self.means = self.kept[key]


@planted(
    kills=TENTH,
    hard=True,
    source="a temperature that is annealed over episodes, at test too",
)
class AnnealsOverTasks(Prototypes):
    """After four tasks its temperature begins to fall."""

    def __init__(self) -> None:
        super().__init__()
        self.tasks = 0

    def fit(self, context: Tensor, labels: Tensor) -> None:
        super().fit(context, labels)
        self.tasks += 1

    def scores(self, features: Tensor) -> Tensor:
        return super().scores(features) * max(1.0, self.tasks / 4)


@planted(
    kills=FRESH,
    hard=True,
    source="a queue of past features against hubs, once it is full",
)
class QueueOfPastTargets(Prototypes):
    """Centres features by a queue of those of earlier targets, as soon as it has 12."""

    def __init__(self) -> None:
        super().__init__()
        self.queue: list[Tensor] = []

    def predict(self, targets: Tensor) -> Tensor:
        features = self.features(targets)
        past = torch.stack(self.queue).mean(0).to(features) if len(self.queue) >= 12 else 0.0
        self.queue = [*self.queue, *features.detach()][-64:]
        return self.scores(features - 0.1 * past)


@planted(
    kills=(FRESH, TWICE),
    source="a recurrent network whose hidden state is kept from batch to batch",
)
class HiddenStateIsCarried(Prototypes):
    """A recurrent layer begins where it ended in the last prediction."""

    def __init__(self) -> None:
        super().__init__()
        self.last: Tensor | None = None

    def predict(self, targets: Tensor) -> Tensor:
        features = self.features(targets)
        begun = features if self.last is None else features + 0.1 * self.last.to(features)
        self.last = features[-1].detach()
        return self.scores(begun)


@planted(
    kills=TASKS,
    hard=True,
    source="momentum of the inner optimiser, kept from task to task",
)
class MomentumIsKept(Prototypes):
    """The inner loop's momentum goes on from the last task."""

    def __init__(self) -> None:
        super().__init__()
        self.momentum: Tensor | None = None

    def fit(self, context: Tensor, labels: Tensor) -> None:
        super().fit(context, labels)
        features = self.features(context).detach()
        places = torch.unique(labels, return_inverse=True)[1]
        with torch.enable_grad():
            means = self.means.clone().requires_grad_()
            loss = cross_entropy(minus_squared_distances(features, means), places)
            (slope,) = torch.autograd.grad(loss, [means])
        past = self.momentum
        if past is not None and past.shape == slope.shape:
            slope = slope + 0.9 * past.to(slope)
        self.momentum = slope
        self.means = self.means - 0.1 * slope


@planted(
    kills=TWICE,
    source="dropout at test, for an ensemble that nobody averages",
)
class DropoutAtTest(Prototypes):
    """Drops features in predictions, with the global random state."""

    def predict(self, targets: Tensor) -> Tensor:
        return self.scores(nn.functional.dropout(self.features(targets), 0.2, training=True))


@planted(
    kills=FRESH,
    hard=True,
    source="self-training that adds its surest answers to the context",
)
class AddsTargetsToTheContext(Prototypes):
    """The surest target of each prediction is a context item from then on."""

    def predict(self, targets: Tensor) -> Tensor:
        features = self.features(targets)
        logits = self.scores(features)
        best = logits.softmax(1).max(1).values.argmax()
        changed = self.means.clone()
        guess = logits[best].argmax()
        changed[guess] = 0.8 * changed[guess] + 0.2 * features[best].detach()
        self.means = changed
        return logits


@planted(
    kills=TASKS,
    source="github.com/wyharveychen/CloserLookFewShot issue 56 asks whether the head is made anew;"
    " here it is not",
)
class ClonesWhatItAdapted:
    """Clone and adapt, but the clone of the first task is the model of the second."""

    def __init__(self) -> None:
        self.net = small_network()

    def fit(self, context: Tensor, labels: Tensor) -> None:
        adapted = copy.deepcopy(self.net)
        with torch.no_grad():
            for weight in adapted.parameters():
                weight.mul_(1 + 0.01 * context.mean())
        self.means = class_means(adapted(context), labels).detach()
        self.net = adapted

    def predict(self, targets: Tensor) -> Tensor:
        return minus_squared_distances(self.net(targets), self.means)


@planted(
    kills="equal_worlds_answer_alike",
    hard=True,
    source="numpy.random.default_rng() without a seed, in a learner that is said to be seeded",
)
class DrawsFromTheSystem(Prototypes):
    """Projects features by numbers that no seed reaches."""

    def fit(self, context: Tensor, labels: Tensor) -> None:
        super().fit(context, labels)
        self.along = torch.as_tensor(np.random.default_rng().normal(size=WIDTH))

    def scores(self, features: Tensor) -> Tensor:
        return super().scores(features) + 0.01 * features @ self.along.to(features)[:, None]


@planted(
    kills="saved_and_loaded_it_answers_alike",
    hard=True,
    source="a random projection that is a plain attribute, which state_dict leaves out",
)
class ProjectionIsNotSaved(Prototypes):
    """A random projection belongs to the learner, and to no parameter or buffer."""

    def __init__(self) -> None:
        super().__init__()
        self.along = (torch.randn(WIDTH, WIDTH),)

    def features(self, items: Tensor) -> Tensor:
        return super().features(items) @ self.along[0].to(items)
