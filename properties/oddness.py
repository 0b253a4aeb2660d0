"""Whether outputs change their sign with their input: to the last bit, as rounding does."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import torch

from tnverify.catalogue import law
from tnverify.tolerances import expect_same, says_nothing

from .agreement import name_of

if TYPE_CHECKING:
    from torch import Tensor

    from tnverify.contract import Claims, Draw, Prober, Task


def _is_odd(claims: Claims) -> str | None:
    if not claims.has_formula:
        return "inductive claims no formula"
    if claims.scheme.holds_moments:
        return f"{claims.scheme.called} holds moments of its own, which keep their sign"
    return None


@law(
    family="moments",
    kind="exact",
    claimed=_is_odd,
    max_tasks=6,
    source="eqs. (2) to (11) are odd in all values but the bias; so is rounding (IEEE 754)",
)
def negated_values_give_negated_outputs(norm: Prober, task: Task, draw: Draw) -> None:
    """With bias zero, values of the other sign give outputs of the other sign, bit for bit.

    A set has two values a channel, a whole number and its negative: their mean is zero and their
    variance exact however they are summed, so that nothing but what follows is rounded. A violation
    means that outputs lean to one side: rounded up, or shifted by one unit in the last place, which
    moves the mean of a whole channel and is within every bound on single values. Or that one sign
    is treated as the other is not, as by a clamp at one end.
    """
    pairs = _of_pairs(norm, task, draw)
    run, turned = norm.run(pairs), norm.run(pairs.with_sets(-pairs.context, -pairs.targets))
    for name in ("context", "targets"):
        expect_same(
            -getattr(turned, name),
            getattr(run, name),
            f"{name_of(name)} of the negated values, negated again",
        )


def _of_pairs(norm: Prober, task: Task, draw: Draw) -> Task:
    """The task with a whole number and its negative in every channel of both sets."""
    scheme = norm.claims.scheme
    # Where channels share moments, few of them, or their sum would not be of two values.
    channels = int(norm.step) if scheme.mixes_channels else task.channels
    shape = (1, channels, *(1,) * (len(task.spatial) - 1), 2) if task.spatial else (2, channels)
    if not norm.limits.admit(shape):
        says_nothing("the layer takes no sets of two values a channel")
    if not task.spatial and scheme.mixes_channels:
        says_nothing("without maps its moments are over channels alone")

    def drawn() -> Tensor:
        whole = (draw.noise(task.context.new_empty((1, channels, 1))).abs() * 2).floor() + 1
        pair = torch.cat([whole, -whole], -1)
        return pair.reshape(shape) if task.spatial else pair[0].T.contiguous()

    weight = task.parameters.weight
    made = task.with_sets(drawn(), drawn()).with_parameters(
        weight=None if weight is None else (weight * channels)[:channels], bias=(0.0,) * channels
    )
    return replace(made, past=())
