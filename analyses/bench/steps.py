"""Meta-training steps to be timed, each what a run does in an iteration."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from tnverify.analyses.training.building import built
from tnverify.analyses.training.loop import MetaTraining
from tnverify.analyses.training.process import device_of
from tnverify.analyses.training.settings import read_settings
from tnverify.analyses.training.sources import training_tasks

if TYPE_CHECKING:
    from collections.abc import Callable

    import torch
    from torch import nn

PAPERS = {"kind": "conv4", "width": 64, "reduce": "pool"}
"""The paper's network for prototypical networks on Omniglot."""

QUICKS = {"kind": "conv4", "width": 32, "reduce": "stride"}
"""That of quick runs here, and but for the width of the paper's MAML on Omniglot."""

TASKS = {"way": 5, "shot": 1, "targets": 15, "style": "task", "meta_batch": 4}


class Case(NamedTuple):
    """One learner over one scheme on one network; `train` is as in a configuration."""

    learner: str
    scheme: str
    network: dict[str, Any]
    train: dict[str, Any]
    data: str
    device: str

    def configuration(self) -> dict[str, Any]:
        return {
            "learner": self.learner,
            "scheme": self.scheme,
            "seed": 0,
            "data": self.data,
            "side": 28,
            "channels": 1,
            "device": self.device,
            "network": self.network,
            "train": TASKS | {"iterations": 1} | self.train,
        }


class Meta(NamedTuple):
    """A learner that is meta-trained, and its device."""

    learner: nn.Module
    training: MetaTraining
    device: torch.device

    def gradient(self) -> Callable[[], None]:
        """The loss of one meta-batch and its gradient, on tasks that are there already."""
        tasks = [task.to(self.device) for task in self.training.tasks.tasks(range(self.tasks))]

        def step() -> None:
            self.training.optimizer.zero_grad(set_to_none=True)
            self.training.backward(tasks)

        return step

    @property
    def tasks(self) -> int:
        return self.training.training.meta_batch


def prepared(case: Case) -> Meta:
    """The learner of a case, ready for steps."""
    settings = read_settings(case.configuration())
    assert settings.train is not None, "cases are of learners that are trained"
    device = device_of(settings.device)
    learner = built(settings, device, lambda _: None).train()
    tasks = training_tasks(settings, settings.train)
    training = MetaTraining(learner, settings.train, tasks, device, scheme=settings.scheme)
    return Meta(learner, training, device)
