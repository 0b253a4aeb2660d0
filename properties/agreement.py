"""Steps that laws of several families share: agreeing with the formula, and with oneself."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import torch

from tnverify.contract import Run
from tnverify.tolerances import expect_close, says_nothing

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from tnverify.contract import Prober, Task
    from tnverify.contract.outcomes import Symptom


CHANNELS_LAST = {4: torch.channels_last, 5: torch.channels_last_3d}
"""The memory format that keeps channels innermost, by the number of dimensions."""


def tensor(values: NDArray[np.float64], like: Tensor) -> Tensor:
    """An array of the oracle as a float64 tensor on the device of `like`."""
    return torch.from_numpy(np.require(values, requirements="W")).to(like.device)


def expect_formula(norm: Prober, task: Task, what: str) -> Run:
    """Context and target outputs lie within rounding of the claimed scheme's formula.

    Returns the outputs. Raises SaysNothing where rounding alone could explain anything.
    """
    bound, answer = norm.bound(task), norm.expected(task)
    run = norm.run(task)
    for name in ("context", "targets"):
        actual = getattr(run, name)
        expected = tensor(getattr(answer, name).outputs, actual)
        expect_close(actual, expected, getattr(bound, name), f"{name_of(name)} {what}")
    return run


def expect_alike(
    actual: Run, expected: Run, bound: Run, what: str, *, symptom: Symptom = "value"
) -> None:
    """Both sets of outputs agree within `bound`, which must already allow for both sides."""
    for name in ("context", "targets"):
        came, wanted, allowed = (getattr(each, name) for each in (actual, expected, bound))
        expect_close(came, wanted, allowed, f"{name_of(name)} {what}", symptom=symptom)


def name_of(name: str) -> str:
    """How messages name the outputs of one set."""
    return "context outputs" if name == "context" else "target outputs"


def computed_in(norm: Prober, task: Task) -> torch.dtype:
    """Return the dtype in which a layer computes on a task: what it declared, else the task's."""
    return torch.float32 if norm.claims.float32 else task.dtype


def twice(bound: Run) -> Run:
    """The bound of a comparison whose two sides are both the subject's own."""
    return Run(2 * bound.context, 2 * bound.targets)


def trimmed(task: Task, most: int = 2048) -> Task:
    """The task itself, or its first items on the corner of their maps if a set is large.

    For laws about values that any size shows, so that large tasks do not cost them much. Other
    laws, agreement with the formula among them, see large tasks whole.
    """
    sets = (task.context, task.targets)
    if max(values.numel() for values in sets) <= most:
        return task
    corner = (slice(None), slice(None), *(slice(0, 8),) * len(task.spatial))
    items = max(2, most // max(1, task.context[:1][corner].numel()))

    def cut(values: Tensor) -> Tensor:
        return values[corner][:items].contiguous()

    past = tuple((cut(c), cut(t)) for c, t in task.past)
    return replace(task, context=cut(task.context), targets=cut(task.targets), past=past)


def pixels(task: Task) -> int:
    """How many positions the task's maps have; one where it has no spatial dimension."""
    return int(torch.Size(task.spatial).numel())


def per_channel(values: tuple[float, ...] | None, like: Tensor, *, default: float) -> Tensor:
    """Values of channels as float64 (1, channels, 1, ...), `default` in each where None."""
    filled = (default,) * like.shape[1] if values is None else values
    flat = torch.tensor(filled, dtype=torch.float64, device=like.device)
    return flat.reshape(1, -1, *(1,) * (like.dim() - 2))


def weight_of(norm: Prober, task: Task) -> Tensor:
    """The weights that a subject has on this task, (1, channels, 1, ...); ones without a handle."""
    given = task.parameters.weight if norm.has("weight") else None
    return per_channel(given, task.context, default=1.0)


def bias_of(norm: Prober, task: Task) -> Tensor:
    """The biases that a subject has on this task, (1, channels, 1, ...); zeros without a handle."""
    given = task.parameters.bias if norm.has("bias") else None
    return per_channel(given, task.context, default=0.0)


def deviation(values: Tensor) -> Tensor:
    """Each channel's standard deviation over items and pixels, float64 (1, channels, 1, ...)."""
    wide = values.double()
    dims = (0, *range(2, values.dim()))
    centred = wide - wide.mean(dims, keepdim=True)
    return centred.square().mean(dims, keepdim=True).sqrt()


def power_of_two(values: Tensor) -> Tensor:
    """The nearest power of two of each value (in logarithm); one where a value is zero."""
    safe = torch.where(values > 0, values, torch.ones_like(values))
    return torch.exp2(torch.round(torch.log2(safe)))


def expect_defined(norm: Prober, task: Task) -> None:
    """Say nothing where an unbiased variance over one value, by convention NaN, may enter."""
    if norm.claims.variance == "unbiased" and pixels(task) < 2:
        says_nothing("the unbiased variance of a single value is not defined")
