"""Learners whose normalisation layers take moments where they may not."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn.functional import cross_entropy

from tnverify.faults.learners.bases import (
    INPUTS,
    WIDTH,
    Prototypes,
    class_means,
    minus_squared_distances,
    seeded,
    small_network,
)
from tnverify.faults.learners.planted import planted

if TYPE_CHECKING:
    from torch import Tensor

READS = "what_other_targets_hold_does_not_matter"
COUNTS = "dropping_targets_does_not_matter"
GRADIENT = "no_gradient_reaches_another_target"
ADDED = "adding_targets_does_not_matter"
TASKS = "another_task_in_between_does_not_matter"
LEFT = "predicting_leaves_parameters_and_buffers"
TWICE = "predicting_twice_gives_the_same"


@planted(
    kills=(READS, COUNTS, LEFT),
    source="github.com/floodsung/LearningToCompare_FSL issue 12: no eval() in the test code",
)
class TrainingModeInPredict:
    """A prototypical network that is never switched to eval()."""

    def __init__(self) -> None:
        self.net = small_network(normalised=True)

    def fit(self, context: Tensor, labels: Tensor) -> None:
        with torch.no_grad():
            self.means = class_means(self.net(context), labels)

    def predict(self, targets: Tensor) -> Tensor:
        return minus_squared_distances(self.net(targets), self.means)


@planted(
    kills=(READS, COUNTS),
    source="github.com/cbfinn/maml issue 9: moments of the test batch at meta-test",
)
class TransductiveMaml:
    """MAML whose batch norm takes the moments of whatever batch it is given."""

    def __init__(self) -> None:
        self.net = seeded(
            lambda: nn.Sequential(
                nn.Linear(INPUTS, 16),
                nn.BatchNorm1d(16, track_running_stats=False),
                nn.ReLU(),
                nn.Linear(16, 5),
            )
        )

    def __call__(self, context: Tensor, labels: Tensor, targets: Tensor) -> Tensor:
        adapted = copy.deepcopy(self.net)
        with torch.enable_grad():
            loss = cross_entropy(adapted(context), labels)
            slopes = torch.autograd.grad(loss, list(adapted.parameters()))
        with torch.no_grad():
            for weight, slope in zip(adapted.parameters(), slopes, strict=True):
                weight.sub_(0.4 * slope)
        logits: Tensor = adapted(targets)
        return logits


@planted(
    kills=(LEFT, TASKS),
    hard=True,
    source="github.com/facebookresearch/higher issue 55: the model is kept in training mode, and"
    " what its running moments come to is nobody's business",
)
class MomentsMovedByTargets(Prototypes):
    """Normalises by running moments, then moves them by the targets that it has answered."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(WIDTH).eval()

    def features(self, items: Tensor) -> Tensor:
        found: Tensor = self.norm(super().features(items))
        return found

    def predict(self, targets: Tensor) -> Tensor:
        answer = super().predict(targets)
        with torch.no_grad():
            self.norm.train()(super().features(targets) if len(targets) > 1 else self.means)
            self.norm.eval()
        return answer


@planted(
    kills=(READS, COUNTS),
    source="github.com/khoiucd/LearningToCompare-Tensorflow issue 4: support and query go through"
    " the network in training mode, so that queries are normalised together",
)
class ContextAndTargetsTogether:
    """Sends context and targets through batch norm as one batch."""

    def __init__(self) -> None:
        self.net = small_network(normalised=True)
        for module in self.net.modules():
            if isinstance(module, nn.BatchNorm1d):
                module.momentum = 0.0

    def fit_predict(self, context: Tensor, labels: Tensor, targets: Tensor) -> Tensor:
        features = self.net(torch.cat([context, targets]))
        means = class_means(features[: len(context)], labels)
        return minus_squared_distances(features[len(context) :], means)


@planted(
    kills=(READS, COUNTS),
    source="github.com/DequanWang/tent: batch statistics at test, of a model that is in eval()",
)
class EvalModeWithoutRunningMoments(Prototypes):
    """In eval(), but with a batch norm that keeps no running moments."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(WIDTH, track_running_stats=False).eval()

    def features(self, items: Tensor) -> Tensor:
        found: Tensor = self.norm(super().features(items))
        return found


@planted(
    kills=READS,
    hard=True,
    source="blended moments, of which the batch's share was set too small to be seen",
)
class AMillionthOfTheBatch(Prototypes):
    """Adds a millionth of the mean of all targets, which looks like rounding in float32."""

    def predict(self, targets: Tensor) -> Tensor:
        features = self.features(targets)
        return self.scores(features + 1e-6 * features.mean(0))


@planted(
    kills=GRADIENT,
    hard=True,
    source="a share of the batch that is learned, and has come to almost nothing",
)
class ABillionthOfTheBatch(Prototypes):
    """Adds a billionth of the mean of all targets, which float32 has no digits for."""

    def predict(self, targets: Tensor) -> Tensor:
        features = self.features(targets)
        return self.scores(features + 1e-9 * features.mean(0))


@planted(
    kills=ADDED,
    hard=True,
    source="a batch of one cannot be normalised by itself, so it falls back on running moments",
)
class LargeBatchesByThemselves(Prototypes):
    """Normalises batches of 17 and more by their own moments, smaller ones by none."""

    def features(self, items: Tensor) -> Tensor:
        found = super().features(items)
        return found - found.mean(0) if len(found) > 16 else found


@planted(
    kills=READS,
    source="github.com/Han-Jia/UNICORN-MAML issue 2: batch norm is reset for each task, and then"
    " filled by the task's queries",
)
class ResetAndFilledByTargets(Prototypes):
    """Resets running moments in every call and fills them from the targets at once."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(WIDTH, momentum=None)

    def predict(self, targets: Tensor) -> Tensor:
        features = self.features(targets)
        self.norm.reset_running_stats()
        with torch.no_grad():
            self.norm.train()(torch.cat([features, self.means]))
        answer = self.scores(self.norm.eval()(features))
        self.norm.reset_running_stats()
        return answer


@planted(
    kills=(READS, COUNTS),
    source="pooled pixels as batch norm does, of images that are targets",
)
class LayerNormOverTheBatch(Prototypes):
    """Normalises each target over the whole batch: a norm over the dimensions (0, 1)."""

    def features(self, items: Tensor) -> Tensor:
        found = super().features(items)
        return found / found.square().mean().add(1e-5).sqrt()
