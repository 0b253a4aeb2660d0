"""Meta-training: one Adam step for each meta-batch of tasks."""

from __future__ import annotations

import functools
import math
import time
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch.func import vmap

from tnverify.analyses.learners import keeps_running_moments, task_loss
from tnverify.analyses.tasks import FixedShots, stacked

if TYPE_CHECKING:
    from torch import Tensor

    from tnverify.analyses.learners import Learner
    from tnverify.analyses.tasks import ImageTask, TaskSource

    from .settings import Training


class Step(NamedTuple):
    """What one step took, and its meta-batch's mean loss before it."""

    loss: Tensor
    seconds: float
    seconds_of_data: float


class MetaTraining:
    """A learner, its optimiser, and the tasks of each iteration: all a function of the number of
    the iteration and of the learner's and the optimiser's state."""

    def __init__(
        self,
        learner: Learner,
        training: Training,
        tasks: TaskSource,
        device: torch.device,
        *,
        scheme: str,
    ) -> None:
        self.learner, self.training, self.tasks, self.device = learner, training, tasks, device
        self.optimizer = torch.optim.Adam(list(learner.trained()), lr=training.rate)
        # On a CPU the thread's own time, so that other processes do not count.
        self._clock = time.perf_counter if device.type == "cuda" else time.thread_time
        self.in_one_launch = _in_one_launch(training, scheme)

    def step(self, iteration: int) -> Step:
        """One step on the tasks of this iteration, numbered from 0."""
        training = self.training
        started = self._clock()
        first = iteration * training.meta_batch
        tasks = self.tasks.tasks(range(first, first + training.meta_batch))
        seconds_of_data = self._clock() - started
        self.optimizer.zero_grad(set_to_none=True)
        loss = self.backward(tasks)
        if training.clip is not None:
            torch.nn.utils.clip_grad_value_(list(self.learner.trained()), training.clip)
        for group in self.optimizer.param_groups:
            group["lr"] = rate_at(training, iteration)
        self.optimizer.step()
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        return Step(loss, self._clock() - started, seconds_of_data)

    def backward(self, tasks: list[ImageTask]) -> Tensor:
        """The tasks' mean loss, whose gradient is added to the parameters'."""
        if self.in_one_launch and len(tasks) > 1:
            stack = stacked(tasks)
            of_task = functools.partial(task_loss, self.learner, tasks[0].way)
            loss = vmap(of_task)(*(part.to(self.device) for part in stack)).mean()
            loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it without types
            return loss.detach()
        total = torch.zeros((), device=self.device)
        for task in (each.to(self.device) for each in tasks):
            sets = (task.context, task.context_labels, task.targets, task.target_labels)
            loss = task_loss(self.learner, task.way, *sets) / len(tasks)
            loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it without types
            total += loss.detach()
        return total


def rate_at(training: Training, iteration: int) -> float:
    """The rate of an iteration: constant, or falling to nothing along half a cosine."""
    if training.decay == "none":
        return training.rate
    return training.rate * 0.5 * (1.0 + math.cos(math.pi * iteration / training.iterations))


def _in_one_launch(training: Training, scheme: str) -> bool:
    """Whether tasks of a meta-batch go through the learner together.

    Tasks of different shapes cannot, nor those whose moments are to move running ones in turn.
    """
    possible = isinstance(training.shots, FixedShots) and not keeps_running_moments(scheme)
    if training.launch == "stack" and not possible:
        raise ValueError(
            f"configuration.train.launch is 'stack': {scheme} on tasks of "
            f"{type(training.shots).__name__} can only be looped over; leave it out"
        )
    return possible and training.launch != "loop"
