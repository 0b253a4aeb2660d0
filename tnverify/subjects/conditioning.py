"""The rounding bound of a layer without a formula, from its own conditioning.

Every rounding inside a layer acts like a small relative change of something that it has computed,
and reaches the outputs about as far as such changes of its inputs and parameters do. So these are
changed a little, several times, and the response is measured in float64, where the layer's own
rounding does not disturb it.

What such changes cannot show is counted beside it: of two values a normalisation makes plus and
minus one, however they are changed, while the rounding of their mean moves both. So the distance
of values from zero counts, in deviations, over all that a moment may be taken over.
"""

from __future__ import annotations

from dataclasses import replace
from math import prod
from typing import TYPE_CHECKING, Any
from zlib import crc32

import torch

from tnverify.contract.norm import Run
from tnverify.contract.outcomes import SaysNothing, SubjectRaised
from tnverify.contract.task import uniforms
from tnverify.subjects.starting import tensors_of
from tnverify.tolerances.bound import TOO_WIDE, unit

if TYPE_CHECKING:
    from torch import Tensor

    from tnverify.contract.task import Task
    from tnverify.subjects.prober import SubjectProber

_STEP = 2.0**-18
"""Relative size of a change: far above float32's rounding, and small enough for values that lie
10,000 deviations from zero to move by a small share of a deviation."""

_TRIALS = 4
"""Changes that are tried, every second the other way around from the one before: one alone may
cancel in some output, and one way alone may lie behind a kink, where nothing responds."""

_LUCK = 2.0
"""How many times as far as the random changes that were tried the worst of their kind may go."""

_NOMINAL_EPS = 1e-5
"""What normalisations add to a variance, roughly."""

_ROUNDINGS = 8
"""Roundings that every output takes beside those of its sums, as in the bound of a formula."""


_STORES = 3
"""Values on the way to an output that may be rounded for storage in half precision: what is
normalised, its product with a weight, and their sum with the input, as in a residual branch."""


def measured_bound(prober: SubjectProber, task: Task) -> Run:
    """Return how far rounding may take each output of `prober.run(task)` from exact arithmetic.

    With u half an ulp at one, n the largest number of values that one moment may be taken over,
    r the largest response of an item's channel to a relative change of one, y its largest output,
    d the largest sum of values in deviations over what a moment may be taken over, and p the
    largest output of the set: u (2 (8 + n) r + 8 y + d p). Raises SaysNothing where that is no
    small share of the channel's outputs, or where the layer's own answer is not finite.
    """
    computed = task.dtype if is_computed_in(task.dtype) else torch.float32
    if prober.claims.float32:
        computed = torch.float32
    answer, responses = _measured(prober, task)
    largest = max(len(task.context), 1) * prod(task.spatial), task.channels * prod(task.spatial)
    storage = 0.0 if is_computed_in(task.dtype) else unit(task.dtype)
    sides = []
    set_distance = _distance(task.context, (0, *range(2, task.context.dim())))
    for outputs, response, values in zip(
        answer, responses, (task.context, task.targets), strict=True
    ):
        size = _peak_of_maps(outputs.abs())
        bound = _LUCK * (_ROUNDINGS + max(largest)) * response + _ROUNDINGS * size
        if outputs.numel():
            distance = torch.maximum(_distances(values), set_distance)
            bound = bound + distance.to(bound.device) * float(outputs.abs().amax())
        bound = unit(computed) * bound
        bound = (bound + _STORES * storage * size).expand(outputs.shape)
        _expect_telling(bound, outputs)
        sides.append(bound.to(task.device))
    return Run(*sides)


def is_computed_in(dtype: torch.dtype) -> bool:
    """Whether layers compute in this dtype, rather than in float32 for storage in it."""
    return dtype in (torch.float32, torch.float64)


def _measured(prober: SubjectProber, task: Task) -> tuple[Run, Run]:
    """The layer's answer, and its largest response to a relative change, in float64 if it can."""
    wide = _in_dtype(task, torch.float64)
    try:
        answer = _answer(prober, wide)
    except SubjectRaised:
        wide = _in_dtype(task, prober.subject.native)
        answer = _answer(prober, wide)
    changes = []
    for trial in range(_TRIALS):
        nudge = _Nudge(task.salt, trial // 2, way=1 - 2 * (trial % 2))
        moved = _answer(prober.nudged(nudge), nudge.task(wide))
        changes.append([(a - b).abs() / _STEP for a, b in zip(moved, answer, strict=True)])
    context, targets = (
        _peak_of_maps(torch.stack(trials).amax(0)) for trials in zip(*changes, strict=True)
    )
    return answer, Run(context, targets)


def _answer(prober: SubjectProber, task: Task) -> Run:
    context, targets = prober.answer(task)
    if not bool(context.isfinite().all() and targets.isfinite().all()):
        raise SaysNothing("the layer's own answer is not finite")
    return Run(context.double(), targets.double())


def _peak_of_maps(values: Tensor) -> Tensor:
    """The largest value of each item's channel, (items, channels, 1, ...)."""
    if values.dim() < 3 or not values.numel():
        return values
    return values.amax(tuple(range(2, values.dim())), keepdim=True)


def _distances(values: Tensor) -> Tensor:
    """The largest distance over the values of a pixel, a plane, an item and the set, of a shape
    that broadcasts to theirs."""
    space = tuple(range(2, values.dim()))
    found = values.new_zeros((), dtype=torch.float64)
    for dims in ((1,), space, (1, *space), (0, *space)):
        if dims:
            found = torch.maximum(found, _distance(values, dims))
    return found


def _distance(values: Tensor, dims: tuple[int, ...]) -> Tensor:
    """The sum of as many values as lie along `dims`, each the largest of them, in deviations."""
    wide = values.double()
    var = (wide - wide.mean(dims, keepdim=True)).square().mean(dims, keepdim=True)
    count = _ROUNDINGS + wide.numel() // max(var.numel(), 1)
    return count * wide.abs().amax(dims, keepdim=True) / (var + _NOMINAL_EPS).sqrt()


def _expect_telling(bound: Tensor, outputs: Tensor) -> None:
    """Say nothing where rounding may move an output by a tenth of the set's largest: a channel
    that an activation cuts off has no size of its own."""
    if not outputs.numel():
        return
    peak = outputs.abs().amax()
    if bool((bound > TOO_WIDE * peak).any()):
        raise SaysNothing("rounding alone may move the outputs too far to tell")


class _Nudge:
    """Changes every value of a task and of a layer by a relative step, up or down at random."""

    def __init__(self, *keys: int, way: int) -> None:
        self._keys, self._way = keys, way

    def task(self, task: Task) -> Task:
        """The task with its values and those of its past changed."""
        past = tuple(
            (self._moved(context, 2 + 2 * place), self._moved(targets, 3 + 2 * place))
            for place, (context, targets) in enumerate(task.past)
        )
        context, targets = self._moved(task.context, 0), self._moved(task.targets, 1)
        return replace(task, context=context, targets=targets, past=past)

    def __call__(self, layer: Any) -> None:
        """Change the layer's parameters and buffers, in place."""
        with torch.no_grad():
            for name, value in tensors_of(layer).items():
                if value.is_floating_point():
                    value.copy_(self._moved(value.detach(), crc32(name.encode())))

    def _moved(self, values: Tensor, key: int) -> Tensor:
        drawn = torch.as_tensor(uniforms(tuple(values.shape), *self._keys, key))
        signs = (drawn > 0.5).to(device=values.device, dtype=values.dtype) * 2 - 1
        return values * (1 + self._way * _STEP * signs)


def _in_dtype(task: Task, dtype: torch.dtype) -> Task:
    past = tuple((c.to(dtype), t.to(dtype)) for c, t in task.past)
    return replace(task, context=task.context.to(dtype), targets=task.targets.to(dtype), past=past)
