"""Learners that leave something else than they found: modes, random state, the caller's tensors."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn

from tnverify.faults.learners.bases import WIDTH, Prototypes
from tnverify.faults.learners.planted import planted

if TYPE_CHECKING:
    from torch import Tensor

LEFT = "predicting_leaves_parameters_and_buffers"
MODES = "predicting_leaves_modes_and_gradients"
WORLD = "predicting_draws_no_random_numbers"
INPUTS = "evaluation_leaves_its_inputs_as_they_were"


@planted(
    kills=MODES,
    source="github.com/fartashf/vsepp issue 4: training goes on in eval() after a validation",
)
class LeavesEvalMode(Prototypes):
    """Switches its dropout to eval() for a prediction, and not back."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(self.body, nn.Dropout(0.5))
        self.train()

    def fit(self, context: Tensor, labels: Tensor) -> None:
        was = self.training
        self.eval()
        super().fit(context, labels)
        self.train(was)

    def predict(self, targets: Tensor) -> Tensor:
        self.eval()
        return super().predict(targets)


@planted(kills=WORLD, hard=True, source="a seed set in every episode, to make it repeatable")
class SeedsTorch(Prototypes):
    """Sets torch's global seed in every fit."""

    def fit(self, context: Tensor, labels: Tensor) -> None:
        torch.manual_seed(1)
        super().fit(context, labels)


@planted(kills=WORLD, hard=True, source="a seed set in every episode, to make it repeatable")
class SeedsNumpy(Prototypes):
    """Sets NumPy's global seed in every prediction."""

    def predict(self, targets: Tensor) -> Tensor:
        np.random.seed(0)  # noqa: NPY002 - the global state is the defect
        return super().predict(targets)


@planted(kills=WORLD, hard=True, source="a shuffle of the context that changes nothing")
class DrawsFromPython(Prototypes):
    """Draws from Python's global random state, and uses none of it."""

    def fit(self, context: Tensor, labels: Tensor) -> None:
        random.random()
        super().fit(context, labels)


@planted(kills=WORLD, hard=True, source="gradients switched off for a test, and never on again")
class SwitchesGradientsOff(Prototypes):
    """Calls torch.set_grad_enabled(False) in a prediction."""

    def predict(self, targets: Tensor) -> Tensor:
        torch.set_grad_enabled(False)
        return super().predict(targets)


@planted(
    kills=LEFT,
    hard=True,
    source="a backbone frozen for fine-tuning of the head, and not thawed",
)
class FreezesItsNetwork(Prototypes):
    """Sets requires_grad to False in fit, for good."""

    def fit(self, context: Tensor, labels: Tensor) -> None:
        for weight in self.body.parameters():
            weight.requires_grad_(False)
        super().fit(context, labels)


@planted(
    kills=MODES,
    hard=True,
    source="backward() in the inner loop: gradients pile up in the network's own parameters",
)
class LeavesGradients(Prototypes):
    """Leaves .grad on its parameters, for the next step of training to take."""

    def fit(self, context: Tensor, labels: Tensor) -> None:
        with torch.enable_grad():
            self.features(context).square().mean().backward()  # type: ignore[no-untyped-call]  # torch leaves it without types
        super().fit(context, labels)


@planted(
    kills=LEFT,
    hard=True,
    source="running moments that are written and never read, until somebody calls eval()",
)
class MovesABufferThatNothingReads(Prototypes):
    """Counts the targets that it has met in a buffer."""

    seen: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("seen", torch.zeros(WIDTH))

    def predict(self, targets: Tensor) -> Tensor:
        features = self.features(targets)
        self.seen += features.detach().sum(0)
        return self.scores(features)


@planted(kills=INPUTS, hard=True, source="x.sub_(mean).div_(deviation), to save memory")
class ScalesItsContextInPlace(Prototypes):
    """Scales the caller's context tensor in place."""

    def fit(self, context: Tensor, labels: Tensor) -> None:
        super().fit(context.mul_(0.5), labels)

    def predict(self, targets: Tensor) -> Tensor:
        return super().predict(targets * 0.5)


@planted(kills=INPUTS, hard=True, source="clamp_ on a batch that the caller evaluates again")
class ClampsTargetsInPlace(Prototypes):
    """Clamps the caller's targets in place."""

    def predict(self, targets: Tensor) -> Tensor:
        with torch.no_grad():
            targets.clamp_(-1.0, 1.0)
        return super().predict(targets)
