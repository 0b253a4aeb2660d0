"""Layers that carry something from one task, or from one prediction, to the next."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn

from tnverify.faults import last_bits, remembered  # noqa: F401 - they plant faults of this family
from tnverify.faults.fault import fault
from tnverify.faults.flagged import FlaggedNorm
from tnverify.faults.plain import PlainNorm, State, missing

if TYPE_CHECKING:
    from torch import Tensor


@fault(
    claims="inductive",
    kills=("a_task_forgets_the_task_before", "conditioning_twice_equals_conditioning_once"),
    source="facebookresearch/higher issue 107; dragen1860/MAML-Pytorch issue 4",
    adapter="mode_flag",
    canary=True,
)
class MovingAverageOverTasks(nn.BatchNorm2d):
    """A batch norm trained on each context: its running moments average over tasks."""


@fault(
    claims="meta_bn",
    kills="interleaved_tasks_keep_apart",
    source="state kept on the class, as a mutable default or a cache of the module",
)
class SharedByAllInstances(PlainNorm):
    """Keeps the moments on the class, so that the latest context serves every instance."""

    latest: State | None = None

    def condition(self, context: Tensor) -> tuple[Tensor, State]:
        outputs, state = super().condition(context)
        SharedByAllInstances.latest = state
        return outputs, state

    def normalize(self, targets: Tensor, state: State) -> Tensor:
        kept = SharedByAllInstances.latest
        return super().normalize(targets, state if missing(state) or kept is None else kept)


@fault(
    claims="meta_bn",
    kills="interleaved_tasks_keep_apart",
    source="AntreasAntoniou/HowToTrainYourMAMLPytorch issue 42: a backup tied to what it backs up",
)
class StateIsAView(PlainNorm):
    """Without gradients, returns buffers as the task state and writes the next task into them."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels)
        self.register_buffer("moments", torch.zeros(2, channels))
        self.moments: Tensor

    def summarize(self, context: Tensor) -> State:
        state = super().summarize(context)
        if torch.is_grad_enabled():
            return state
        self.moments[0].copy_(state.mean.flatten())
        self.moments[1].copy_(state.var.flatten())
        shape = state.mean.shape
        return State(self.moments[0].view(shape), self.moments[1].view(shape), state.size)


@fault(
    claims="meta_bn",
    kills="two_tasks_of_equal_shapes_are_not_confused",
    source="functools.lru_cache over shapes, where it was meant for index tables",
)
class RemembersByShape(PlainNorm):
    """Returns the first moments that it computed for a context of this shape, in evaluation."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels)
        self.known: dict[tuple[object, ...], State] = {}

    def key(self, context: Tensor) -> tuple[object, ...]:
        return tuple(context.shape)

    def summarize(self, context: Tensor) -> State:
        if torch.is_grad_enabled():
            return super().summarize(context)
        key = self.key(context)
        if key not in self.known:
            self.known[key] = super().summarize(context)
        return self.known[key]


@fault(
    claims="meta_bn",
    kills="two_tasks_of_equal_shapes_are_not_confused",
    source="a checksum as the key of a cache of support-set statistics",
    hard=True,
)
class RemembersBySum(RemembersByShape):
    """Takes two contexts of one shape and one sum for the same context."""

    def key(self, context: Tensor) -> tuple[object, ...]:
        return (*context.shape, float(context.detach().sum()))


@fault(
    claims="meta_bn",
    kills="two_tasks_of_equal_shapes_are_not_confused",
    source="cupy/cupy pull request 7814; sgl-project/sglang pull request 29755",
    hard=True,
)
class RemembersByAddress(RemembersByShape):
    """Takes a refilled input buffer for the context that it held before."""

    def key(self, context: Tensor) -> tuple[object, ...]:
        return (*context.shape, context.data_ptr())


@fault(
    claims="meta_bn",
    kills=("predicting_leaves_the_task_state_alone", "predicting_twice_gives_the_same"),
    source="test-time adaptation that was left on with a small rate",
    hard=True,
)
class LearnsFromPredictions(PlainNorm):
    """Moves the task's mean by a ten-millionth towards every batch of targets it predicts."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels)
        self.drift: Tensor | float = 0.0

    def condition(self, context: Tensor) -> tuple[Tensor, State]:
        self.drift = 0.0
        return super().condition(context)

    def normalize(self, targets: Tensor, state: State) -> Tensor:
        if len(targets) == 0 or missing(state):
            return super().normalize(targets, state)
        outputs = super().normalize(targets, state._replace(mean=state.mean + self.drift))
        mean = targets.detach().mean(self.batch_dims(targets), keepdim=True)
        self.drift = self.drift + 1e-7 * (mean - state.mean.detach())
        return outputs


@fault(
    claims="meta_bn",
    kills="predicting_leaves_the_task_state_alone",
    source="mlc-ai/relax pull request 89: a replayed graph answers from the inputs it was built on",
    hard=True,
)
class ReplaysItsFirstPrediction(PlainNorm):
    """Answers targets of a shape that it has met in this task with the outputs it gave then."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels)
        self.replies: dict[torch.Size, Tensor] = {}

    def condition(self, context: Tensor) -> tuple[Tensor, State]:
        self.replies = {}
        return super().condition(context)

    def normalize(self, targets: Tensor, state: State) -> Tensor:
        if targets.shape not in self.replies:
            self.replies[targets.shape] = super().normalize(targets, state)
        return self.replies[targets.shape]


@fault(
    claims="meta_bn",
    kills="predicting_twice_gives_the_same",
    source="a cache of replies, kept in half precision to save memory",
    hard=True,
)
class CachesRepliesInHalf(PlainNorm):
    """Answers the same targets again from a copy of its outputs that it keeps in bfloat16."""

    asked: Tensor | None = None
    replied: Tensor | None = None

    def condition(self, context: Tensor) -> tuple[Tensor, State]:
        self.asked = self.replied = None
        return super().condition(context)

    def normalize(self, targets: Tensor, state: State) -> Tensor:
        if self.asked is not None and self.replied is not None and torch.equal(self.asked, targets):
            return self.replied.to(targets.dtype)
        outputs = super().normalize(targets, state)
        self.asked, self.replied = targets.detach().clone(), outputs.detach().to(torch.bfloat16)
        return outputs


@fault(
    claims="meta_bn",
    kills="predicting_twice_gives_the_same",
    source="a step index that selects per-step moments, as in MAML++, and is never reset",
    hard=True,
)
class StepsBeyondItsSchedule(PlainNorm):
    """From the third prediction on, outputs are larger by one part in 10^12."""

    predictions = 0

    def condition(self, context: Tensor) -> tuple[Tensor, State]:
        self.predictions = 0
        return super().condition(context)

    def normalize(self, targets: Tensor, state: State) -> Tensor:
        self.predictions += 1
        outputs = super().normalize(targets, state)
        return outputs * (1 + 1e-12) if self.predictions > 2 else outputs


@fault(
    claims="meta_bn",
    kills="a_task_forgets_the_task_before",
    source="a floor relative to the largest variance, as pseudo-inverses have it, kept too long",
    hard=True,
)
class LargestVarianceEver(PlainNorm):
    """Lifts variances to a thousandth of the largest one of any task so far."""

    largest = 0.0

    def summarize(self, context: Tensor) -> State:
        state = super().summarize(context)
        self.largest = max(self.largest, float(state.var.detach().max()))
        own = float(state.var.detach().max())
        if own < self.largest:
            return state._replace(var=state.var.clamp(min=1e-3 * self.largest))
        return state


@fault(
    claims="meta_bn",
    kills="a_task_forgets_the_task_before",
    source="a preallocated memory of support items, as prototypical learners keep one",
    hard=True,
)
class StaleRows(PlainNorm):
    """Keeps items in a memory that grows; a smaller context leaves the older rows in it."""

    memory: Tensor | None = None

    def summarize(self, context: Tensor) -> State:
        older = self.memory
        kept = context
        if older is not None and older.shape[1:] == context.shape[1:] and len(older) > len(context):
            kept = torch.cat([context, older[len(context) :]])
        self.memory = kept.detach().clone()
        return super().summarize(kept)._replace(size=len(context))


@fault(
    claims="meta_bn,detached",
    kills="a_task_forgets_the_task_before",
    source="falcon issue 115 and kin: 'initialised' decides between setting moments and averaging",
    adapter="mode_flag",
)
class FirstTaskOnly(FlaggedNorm):
    """Keeps the moments of the first context for good, as data-dependent initialisation does."""

    def keep(self, state: State) -> None:
        if int(self.size) == 0:
            super().keep(state)


@fault(
    claims="inductive",
    kills=("predicting_twice_gives_the_same", "predicting_leaves_the_task_state_alone"),
    source="running moments handed from call to call and updated in place by both",
    adapter="handed_moments",
)
class UpdatesWhatItIsHanded(PlainNorm):
    """Averages each batch of targets into the very moments that it was handed."""

    def forward(
        self, x: Tensor, mean: Tensor | None = None, var: Tensor | None = None
    ) -> tuple[Tensor, Tensor, Tensor]:
        if mean is None or var is None:
            state = self.summarize(x)
            mean, var = state.mean, state.var
            return self.output(x, mean, var), mean, var
        outputs = self.output(x, mean.clone(), var.clone())
        if len(x):
            batch_mean, batch_var = self.reduce(x.detach(), self.batch_dims(x))
            with torch.no_grad():
                mean.lerp_(batch_mean, 0.01)
                var.lerp_(batch_var, 0.01)
        return outputs, mean, var
