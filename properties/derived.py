"""Tasks made from a task, what laws expect of outputs alone, and whole tasks on an instance."""

from __future__ import annotations

import math
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch

from tnverify.tolerances import says_nothing, shown, violate

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor

    from tnverify.contract import Claims, Draw, Probe, Task


def with_targets(task: Task, count: int, draw: Draw) -> Task:
    """The task itself, or with targets added until there are `count`; the first ones stay."""
    missing = count - len(task.targets)
    if missing <= 0:
        return task
    shape = (missing, *task.targets.shape[1:])
    added = draw.noise(task.targets.new_empty(shape))
    return task.with_sets(targets=torch.cat([task.targets, added]))


def with_context(task: Task, count: int, draw: Draw) -> Task:
    """The task itself, or with context items added until there are `count`."""
    missing = count - len(task.context)
    if missing <= 0:
        return task
    shape = (missing, *task.context.shape[1:])
    added = draw.noise(task.context.new_empty(shape))
    return task.with_sets(context=torch.cat([task.context, added]))


def reach(task: Task, factor: float) -> float:
    """A power of two that no magnitude in the task exceeds, at least one.

    Says nothing where `factor` times it cannot be squared and summed in the dtype, since moving
    values that far would overflow a sound layer.
    """
    sets = [task.context, task.targets, *(values for pair in task.past for values in pair)]
    largest = max((float(values.abs().max()) for values in sets if values.numel()), default=1.0)
    if not math.isfinite(largest):
        says_nothing("a value of the task is not finite")
    power = 2.0 ** max(0, math.ceil(math.log2(largest))) if largest > 1 else 1.0
    computed = task.dtype if task.dtype in (torch.float32, torch.float64) else torch.float32
    # A sum of as many squares as the context has values, with room to spare.
    room = math.sqrt(torch.finfo(computed).max / (4 * max(1, task.context.numel())))
    if power * factor > min(torch.finfo(task.dtype).max / 4, room):
        says_nothing("the values are too large to be moved without overflow")
    return power


def plain(task: Task) -> Task:
    """The task with parameters under which nothing read is hidden: weight one, bias zero, and
    alpha one half where the layer's alpha can be set."""
    ones = (1.0,) * task.channels
    zeros = (0.0,) * task.channels
    return task.with_parameters(weight=ones, bias=zeros, scale=0.0, offset=0.0)


def two_constant_targets(task: Task, step: float) -> Tensor:
    """Two targets, zero and `step` throughout: together they pin down mean and variance."""
    low = task.targets.new_zeros((1, *task.targets.shape[1:]))
    return torch.cat([low, low + step])


def expect_changed(after: Tensor, before: Tensor, what: str) -> None:
    """Some value changed; says nothing where an output is not finite (other laws speak then)."""
    if not bool(torch.isfinite(after).all()) or not bool(torch.isfinite(before).all()):
        says_nothing("an output is not finite, so whether it changed says nothing")
    if torch.equal(after, before):
        violate(
            f"{what}: nothing changed",
            symptom="flow",
            expected="other values",
            actual=f"the same {shown(after)}",
        )


def expect_no_flow(gradient: Tensor, what: str) -> None:
    """Every derivative is exactly zero.

    Says nothing where the only derivatives that are not zero are NaN: zero times an infinite
    slope is no flow, and the law that gradients stay finite speaks of it.
    """
    flows = (gradient != 0) & ~gradient.isnan()
    if bool(flows.any()):
        violate(
            f"{what}: {int(flows.sum())} of {gradient.numel()} derivatives are not zero",
            symptom="flow",
            expected="derivatives that are exactly zero",
            actual=shown(gradient[flows]),
        )
    if bool(gradient.isnan().any()):
        says_nothing("derivatives are NaN, so whether they are zero says nothing")


def weights_for(draw: Draw, outputs: Tensor) -> Tensor:
    """Weights for a sum of outputs, none of them zero, so that no derivative cancels by design."""
    return draw.noise(outputs) + 4.0625


def answers(probe: Probe, context: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """One whole task on a live instance: copies of its context outputs and target outputs.

    The instance gets copies of the inputs too, so that one that edits them harms nothing here.
    """
    with torch.no_grad():
        outputs, state = probe.condition(context.clone())
        outputs = outputs.clone()
        return outputs, probe.normalize(targets.clone(), state).clone()


def may_not(claims: Claims, outputs: str, source: str) -> bool:
    """Whether these outputs ("context" or "target") must not read this source.

    Claims that were inferred never excuse reading other targets: they were measured.
    """
    if outputs == "target" and source == "other_targets" and claims.inferred:
        return True
    allowed = claims.may_read("context" if outputs == "context" else "target")
    return source not in allowed


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """This seed for torch's generator on the CPU inside, its own state again afterwards.

    What `torch.random.fork_rng` does, without the milliseconds that it and `torch.manual_seed`
    spend on other devices.
    """
    generator = torch.default_generator
    kept = generator.get_state()
    try:
        generator.manual_seed(seed)
        yield
    finally:
        generator.set_state(kept)


class Handed(torch.autograd.Function):
    """A scalar whose backward hands `gradient` itself to `outputs`.

    `torch.autograd.grad` hands on what it is given too, but imports all of sympy first.
    """

    @staticmethod
    def forward(ctx: Any, outputs: Tensor, gradient: Tensor) -> Tensor:
        ctx.gradient = gradient
        return outputs.new_zeros(())

    @staticmethod
    def backward(ctx: Any, _of_scalar: Tensor) -> tuple[Tensor, None]:
        return ctx.gradient, None
