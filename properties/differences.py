"""Derivatives by differences: along one direction, with a tolerance that is derived.

L is a fixed random weighting of context and target outputs. Along a direction d its slope is
measured by central differences at steps h and h/2, D(h) = D + c h^2 + c' h^4 + ..., so that
Richardson's (4 D(h/2) - D(h)) / 3 errs by order h^4 while D(h) - D(h/2), which is seen, is of
order h^2 and dominates it. To that comes rounding: an error of E in each value of L moves the
extrapolated slope by at most 3 E / h. This is much cheaper than a Jacobian, and a defect in any
one entry shows, for the direction is random.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import torch

from tnverify.contract import NotClaimed
from tnverify.tolerances import (
    expect_finite,
    expect_gradient,
    not_claimed,
    rounding_bound,
    says_nothing,
    unit,
)

from .agreement import tensor, weight_of
from .alpha_rounding import deviation_errors

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from torch import Tensor

    from tnverify.contract import Probe, Prober, Task

SETS = ("context", "targets")
HANDLES = ("weight", "bias", "scale", "offset", "alpha")
Direction = dict[str, "Tensor"]

_KEYS = {name: 40 + position for position, name in enumerate((*SETS, *HANDLES))}
_WEIGHTS = 80
_NOMINAL_EPS = 1e-5
_RESOLVED = 2.0**-6
"""The two differences must agree to this share, else the step is not small against the
curvature and extrapolation promises nothing."""


@dataclass(frozen=True, slots=True)
class Point:
    """A fresh probe somewhere near the task: what may be differentiated, and the loss there."""

    probe: Probe
    leaves: Mapping[str, Tensor]
    loss: Tensor

    def gradient(self, *, create_graph: bool = False) -> Direction:
        """The derivative of the loss by every leaf, by name."""
        names = list(self.leaves)
        found = self.probe.grad(
            self.loss, [self.leaves[name] for name in names], create_graph=create_graph
        )
        return dict(zip(names, found, strict=True))


class Loss:
    """L on one task: a fixed weighting of its outputs, as a function of inputs and parameters.

    With `sparse` it is made of one output of each set, so that the errors that rounding may
    cause do not add up over all of them.
    """

    def __init__(self, norm: Prober, task: Task, *, sparse: bool = False) -> None:
        self.norm = norm
        self.task = task
        self._weights = {
            # Multiples of 1/32, none of them zero.
            name: (task.noise(getattr(task, name), _WEIGHTS + at).double() + 0.0625) / 4
            for at, name in enumerate(SETS)
        }
        if sparse:
            self._weights = {name: _one_of(w, task.salt) for name, w in self._weights.items()}
        probe = norm.fresh(task)
        parameters = {h: probe.parameter(h).detach() for h in HANDLES if self._is_learned(probe, h)}
        self.leaves: Direction = {"context": task.context, "targets": task.targets, **parameters}
        """What L is a function of, at its values on the task."""

    def _is_learned(self, probe: Probe, handle: str) -> bool:
        return self.norm.has(handle) and probe.parameter(handle).requires_grad

    @property
    def _unit(self) -> float:
        """u of the dtype in which the subject computes: what it declared, else the task's."""
        return unit(torch.float32 if self.norm.claims.float32 else self.task.dtype)

    @property
    def step(self) -> float:
        """A power of two near the cube root of the roundoff, where both errors are small."""
        return 2.0 ** round(math.log2(self._unit * 2**12) / 3)

    def direction(self, names: Sequence[str], key: int = 0) -> Direction:
        """A random direction over those of `names` that the layer has; another for each key.

        Inputs move in units of their own deviation, the length on which a normalisation curves,
        so that one step suits every magnitude; alpha's scale in units of one over the context's
        size. Not claimed where the layer has none of the names.
        """
        kept = [name for name in names if name in self.leaves]
        if not kept:
            not_claimed(f"the layer has no {' or '.join(names)} to differentiate by")
        found = {}
        for name in kept:
            at = self.leaves[name]
            noise = self.task.noise(at, _KEYS[name] + 20 * key).double() / 4
            if name in SETS:
                noise = noise * _lengths(at)
            elif name == "scale":
                noise = noise / len(self.task.context)
            elif name == "alpha":
                noise = noise * (at * (1 - at)).abs().double()
            found[name] = noise.to(at.dtype)
        return found

    def at(self, direction: Direction | None = None, step: float = 0.0) -> Point:
        """A fresh probe with inputs and parameters moved by `step` along `direction`."""
        moves = {} if direction is None else direction
        probe = self.norm.fresh(self.task)
        leaves: Direction = {}
        for name in self.leaves:
            if name in SETS:
                values = self.leaves[name].detach().clone()
                if name in moves:
                    values += step * moves[name]
                leaves[name] = values.requires_grad_()
            else:
                leaves[name] = probe.parameter(name)
                if name in moves:
                    with torch.no_grad():
                        leaves[name].add_(moves[name], alpha=step)
        first, state = probe.condition(leaves["context"])
        second = probe.normalize(leaves["targets"], state)
        return Point(probe, leaves, dot(self._weights, {"context": first, "targets": second}))

    def along(self, direction: Direction) -> Callable[[float], float]:
        """L as a function of the step taken in this direction."""

        def value(step: float) -> float:
            with torch.no_grad():
                return float(self.at(direction, step).loss)

        return value

    @cached_property
    def rounding(self) -> float:
        """How far rounding may move L near the task: the outputs' bounds, with one more than
        each weight since directions move weights too, and the law's own summation."""
        run = self.norm.run(self.task)
        total, magnitude, count = 0.0, 0.0, 0
        for name, bound in zip(SETS, self._bounds(), strict=True):
            outputs, size = getattr(run, name), self._weights[name].abs()
            total += float((size * bound).sum())
            magnitude += float((size * outputs.double().abs()).sum())
            count += outputs.numel()
        return total + unit(torch.float64) * count * magnitude

    def _bounds(self) -> tuple[Tensor, Tensor]:
        given, blends = self.task.parameters, self.norm.claims.scheme.blends
        heavier = None
        if given.weight is not None and self.norm.has("weight"):
            heavier = tuple(abs(value) + 1 for value in given.weight)
        context, targets = self.norm.bound(self.task)  # says nothing where it is too wide
        try:
            answer = self.norm.expected(self.task)
        except NotClaimed:
            if heavier is not None:
                context, targets = self.norm.bound(self.task.with_parameters(weight=heavier))
            return context, targets
        bounds = (
            rounding_bound(
                part,
                weight=heavier,
                bias=given.bias,
                unit=self._unit,
                scale=given.scale if blends else 0.0,
                offset=given.offset if blends else 0.0,
                size=len(self.task.context),
            )
            for part in answer
        )
        first, second = (torch.from_numpy(bound).to(context.device) for bound in bounds)
        return first, second

    @cached_property
    def slope_rounding(self) -> float:
        """How far rounding may move L's slope along a direction.

        The slope of y is a sum of a moved value in units of the deviation, of y times a
        covariance of moved values with y, and of y times the slope of alpha: four terms at most,
        each as good as y is, or as the deviation that all are divided by, and none larger than
        1 + |y| at its worst pixel.
        """
        total = 0.0
        sides = zip(SETS, self._bounds(), self._deviations(), self._normalized(), strict=True)
        for name, outputs, deviation, y in sides:
            bound = outputs + deviation
            peak = y.abs().flatten(2).amax(2) if y.dim() > 2 and y.numel() else y.abs()
            peak = peak.reshape(*peak.shape, *(1,) * (y.dim() - peak.dim()))
            total += float((self._weights[name].abs() * bound * (1 + peak)).sum())
        return 4 * total + self.rounding

    def _deviations(self) -> tuple[Tensor, Tensor]:
        """What alpha's rounding may change in a moved value, through the deviation."""
        try:
            context, targets = deviation_errors(self.norm, self.task, self._unit)
        except NotClaimed:
            zeros = torch.zeros((), dtype=torch.float64, device=self.task.device)
            return zeros, zeros
        weight = weight_of(self.norm, self.task).abs()
        return context * weight, targets * weight

    @property
    def curvature_rounding(self) -> float:
        """How far rounding may move the slope of L's slope: products of two such terms."""
        largest = max(float(y.abs().amax()) for y in self._normalized() if y.numel())
        return self.slope_rounding * (1 + largest)

    def weighted(self, context: Tensor, targets: Tensor) -> float:
        """The sum of these values of the outputs' shapes, each by its weight in L."""
        return float(dot(self._weights, {"context": context, "targets": targets}))

    def _normalized(self) -> tuple[Tensor, Tensor]:
        """y of both sets, from the oracle; without a formula the outputs stand for it."""
        run = self.norm.run(self.task)
        try:
            context, targets = (
                tensor(part.normalized, run.context) for part in self.norm.expected(self.task)
            )
        except NotClaimed:
            context, targets = run.context.double(), run.targets.double()
        return context, targets


def _one_of(weights: Tensor, salt: int) -> Tensor:
    """The same weights, all but one of them zero."""
    kept = torch.zeros_like(weights)
    if weights.numel():
        at = (salt * 0x9E3779B1) % weights.numel()
        kept.view(-1)[at] = weights.view(-1)[at]
    return kept


def dot(first: Mapping[str, Tensor], second: Mapping[str, Tensor]) -> Tensor:
    """The sum over the first's names of the products, in float64, differentiable."""
    terms = [(first[name].double() * second[name].double()).sum() for name in first]
    return torch.stack(terms).sum()


def _lengths(values: Tensor) -> Tensor:
    """The deviation of each item and channel over its pixels, (items, channels, 1, ...)."""
    flat = values.double().flatten(2) if values.dim() > 2 else values.double().unsqueeze(-1)
    spread = (flat - flat.mean(-1, keepdim=True)).square().mean(-1) + _NOMINAL_EPS
    return spread.sqrt().reshape(*values.shape[:2], *(1,) * (values.dim() - 2))


def expect_slope(
    slope: float,
    value: Callable[[float], float],
    *,
    step: float,
    rounding: float,
    what: str,
) -> None:
    """`slope` is that of `value` at zero, if each of its values may err by `rounding`."""
    coarse = (value(step) - value(-step)) / (2 * step)
    fine = (value(step / 2) - value(-step / 2)) / step
    expect_finite(torch.tensor([coarse, fine]), "differences of outputs")
    noise = 3 * rounding / step
    if abs(coarse - fine) > _RESOLVED * abs(fine) + noise:
        says_nothing("the outputs curve too sharply here for differences to tell their slope")
    extrapolated = (4 * fine - coarse) / 3
    expect_gradient(slope, extrapolated, abs(coarse - fine) + noise, what)


def widened(task: Task) -> Task:
    """The task with the same values in float64."""
    past = tuple((c.double(), t.double()) for c, t in task.past)
    return replace(task, context=task.context.double(), targets=task.targets.double(), past=past)
