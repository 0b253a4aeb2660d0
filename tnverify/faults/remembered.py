"""Layers of the family `task_isolation` that remember by what tasks share, or for too long."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from tnverify.faults.fault import fault
from tnverify.faults.flagged import FlaggedNorm
from tnverify.faults.plain import PlainNorm, State, missing

if TYPE_CHECKING:
    from torch import Tensor

FAMILY = "task_isolation"


@fault(
    family=FAMILY,
    claims="meta_bn",
    kills="memory_that_is_used_again_is_not_confused",
    source="onnx/onnx pull request 8358; local-inference-lab/vllm pull request 228",
)  # what ten ordinary tasks show of it hangs on addresses: not hard
class RemembersByAddressAndVersion(PlainNorm):
    """Takes a tensor at the address and of the version of one before for the same tensor."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels)
        self.known: dict[tuple[object, ...], State] = {}

    def key(self, context: Tensor) -> tuple[object, ...]:
        return (*context.shape, context.data_ptr(), context._version)  # noqa: SLF001 - the defect

    def summarize(self, context: Tensor) -> State:
        if torch.is_grad_enabled() or context.numel() == 0:
            return super().summarize(context)
        key = self.key(context)
        if key not in self.known:
            self.known[key] = super().summarize(context)
        return self.known[key]


@fault(
    family=FAMILY,
    claims="meta_bn",
    kills="memory_that_is_used_again_is_not_confused",
    source="pytorch/pytorch pull request 112076: tensors as keys, by id and without weakref",
)  # what ten ordinary tasks show of it hangs on addresses: not hard
class RemembersByIdentity(RemembersByAddressAndVersion):
    """Takes a tensor of the id and the version of one before for the same tensor."""

    def key(self, context: Tensor) -> tuple[object, ...]:
        return (*context.shape, id(context), context._version)  # noqa: SLF001 - the defect


class _Ring(PlainNorm):
    """Keeps moments in a ring of rows; the task state is the number of a row."""

    rows = 8

    def __init__(self, channels: int) -> None:
        super().__init__(channels)
        self.ring: list[State | None] = [None] * self.rows
        self.next = 0

    def condition(self, context: Tensor) -> tuple[Tensor, State]:
        outputs, state = super().condition(context)
        self.ring[self.next % self.rows] = state
        self.next += 1
        return outputs, Row(self.next - 1)  # type: ignore[return-value]  # the adapter hands it back

    def normalize(self, targets: Tensor, state: object) -> Tensor:
        if missing(state):
            raise RuntimeError("no context yet: call condition(context) before normalize")
        assert isinstance(state, Row)
        kept = self.ring[state.number % self.rows]
        assert kept is not None
        return super().normalize(targets, kept)


class Row:
    """Names a row of a ring."""

    def __init__(self, number: int) -> None:
        self.number = number


@fault(
    family=FAMILY,
    claims="meta_bn",
    kills="nine_tasks_at_once_keep_apart",
    source="a ring of task slots, as servers keep one for each of a few sessions",
    hard=True,
)
class EightTasksAtMost(_Ring):
    """Keeps eight tasks and takes the ninth for the first."""


@fault(
    family=FAMILY,
    claims="meta_bn",
    kills=("nine_tasks_at_once_keep_apart", "interleaved_tasks_keep_apart"),
    source="two slots, the current task and the one before",
    hard=True,
)
class OneTaskAtMost(_Ring):
    """Keeps the task that it met last, whatever state it is handed."""

    rows = 1


@fault(
    family=FAMILY,
    claims="meta_bn",
    kills="the_hundredth_prediction_is_the_first",
    source="a warm-up of a hundred calls, after which a running average takes over",
    hard=True,
)
class WarmsUpForAHundred(PlainNorm):
    """Shifts outputs by a millionth from the hundredth prediction of a task on."""

    predictions = 0

    def condition(self, context: Tensor) -> tuple[Tensor, State]:
        self.predictions = 0
        return super().condition(context)

    def normalize(self, targets: Tensor, state: State) -> Tensor:
        self.predictions += 1
        outputs = super().normalize(targets, state)
        return outputs + 1e-6 if self.predictions > 100 else outputs


@fault(
    family=FAMILY,
    claims="meta_bn",
    kills="the_hundredth_prediction_is_the_first",
    source="a counter of eight bits that comes round",
    hard=True,
)
class CountsToOneHundredAndTwentySeven(PlainNorm):
    """Counts predictions in a signed byte and divides by the sign of the count."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels)
        self.register_buffer("count", torch.zeros((), dtype=torch.int8))
        self.count: Tensor

    def condition(self, context: Tensor) -> tuple[Tensor, State]:
        self.count.zero_()
        return super().condition(context)

    def normalize(self, targets: Tensor, state: State) -> Tensor:
        outputs = super().normalize(targets, state)
        self.count += 1
        return -outputs if int(self.count) < 0 else outputs


@fault(
    family=FAMILY,
    claims="meta_bn,detached",
    adapter="mode_flag",
    kills="an_empty_context_brings_nothing_back",
    source="an empty support set that is skipped, with the moments of the task before in place",
    hard=True,
)
class SkipsAnEmptyContext(FlaggedNorm):
    """Keeps the moments that it has where a context has no items."""

    def forward(self, x: Tensor) -> Tensor:
        if self.training and len(x) == 0:
            return x.clone()
        return super().forward(x)


@fault(
    family=FAMILY,
    claims="meta_bn",
    kills="an_empty_context_brings_nothing_back",
    source="a default for empty sets that is taken from what was there last",
    hard=True,
)
class FallsBackOnTheLastTask(PlainNorm):
    """Answers an empty context by the moments of the task before."""

    last: State | None = None

    def summarize(self, context: Tensor) -> State:
        if len(context) == 0 and self.last is not None:
            return self.last
        state = super().summarize(context)
        if len(context):
            self.last = state._replace(mean=state.mean.detach(), var=state.var.detach())
        return state


@fault(
    family="task_isolation",
    claims="meta_bn",
    kills="the_hundredth_prediction_is_the_first",
    source="a warm-up by contexts that ends while the layer is used",
    hard=True,
)
class WarmsUpOverContexts(PlainNorm):
    """Multiplies the variance by a thousandth more from its hundredth context on."""

    contexts = 0

    def summarize(self, context: Tensor) -> State:
        self.contexts += 1
        state = super().summarize(context)
        return state._replace(var=state.var * 1.001) if self.contexts >= 100 else state


@fault(
    family="task_isolation",
    claims="meta_bn",
    kills="the_hundredth_prediction_is_the_first",
    source="a ring of moments that is full after so many tasks, of which then the oldest is read",
    hard=True,
)
class FillsARingOfTasks(PlainNorm):
    """Keeps the moments of 64 tasks, and shifts later ones by a millionth."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels)
        self.places = list(range(64))

    def summarize(self, context: Tensor) -> State:
        state = super().summarize(context)
        if self.places:
            self.places.pop()
            return state
        return state._replace(mean=state.mean * (1 + 1e-6) + 1e-6)
