"""Derivatives by differences: along one direction, with a tolerance that is derived.

L is a curved loss of context and target outputs, as those of training are. Along a direction d its
slope is measured by central differences at steps h and h/2, D(h) = D + c h^2 + c' h^4 + ..., so
that Richardson's (4 D(h/2) - D(h)) / 3 errs by order h^4 while D(h) - D(h/2), which is seen, is of
order h^2 and dominates it. To that comes rounding: an error of E in each value of L moves the
extrapolated slope by at most 3 E / h. This is much cheaper than a Jacobian, and a defect in any
one entry shows, for the direction is random. At a kink there is no slope to compare with.
"""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import torch
from torch.autograd import forward_ad as fwd

from tnverify.contract import NotClaimed
from tnverify.tolerances import not_claimed, rounding_bound, unit

from .agreement import computed_in, tensor, weight_of
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
_HALVED = 100
_STRETCH = 0.7310585786300049
"""What makes weights of no short number of bits, which rounding to bfloat16 would leave alone."""
_NOMINAL_EPS = 1e-5
_RESOLUTION = 2.0**-8
"""The largest share of a move that the rounding of the moved value may be."""
_NUDGE = 2.0**-18
"""A relative change far above float32's rounding, and small beside the length of any curve."""


@dataclass(frozen=True, slots=True)
class Point:
    """A fresh probe somewhere near the task: what may be differentiated, and the loss there."""

    probe: Probe
    leaves: Mapping[str, Tensor]
    terms: Tensor
    """What is summed to L: one number for each output."""

    @property
    def loss(self) -> Tensor:
        return self.terms.sum()

    def gradient(self, *, create_graph: bool = False) -> Direction:
        """The derivative of the loss by every leaf, by name."""
        names = list(self.leaves)
        found = self.probe.grad(
            self.loss, [self.leaves[name] for name in names], create_graph=create_graph
        )
        return dict(zip(names, found, strict=True))


class Loss:
    """L on one task, a function of inputs and parameters.

    It is the sum over outputs o of w (o + o^2 / 2 s). The weights w are random and fixed, s is the
    size that a channel's outputs have on the task. With a linear loss what comes back to the layer
    would be a constant, and nobody would see that it is not differentiated. With `sparse` L is
    made of one output of each set, so that the errors that rounding may cause do not add up over
    all of them. Both sets are `laid` out before the layer gets them, and it is their values before
    that which L is differentiated by. Where `needs` names leaves, these alone require a gradient.
    `first` is done with every instance before it meets the task.
    """

    def __init__(
        self,
        norm: Prober,
        task: Task,
        *,
        sparse: bool = False,
        laid: Callable[[Tensor], Tensor] = lambda values: values,
        needs: Sequence[str] | None = None,
        first: Callable[[Probe], None] = lambda _probe: None,
    ) -> None:
        self.norm = norm
        self.task = task
        self._laid, self._needs, self._first = laid, needs, first
        self._weights = {
            # Multiples of 1/32, none of them zero, before they are stretched.
            name: (task.noise(getattr(task, name), _WEIGHTS + at).double() + 0.0625) * _STRETCH / 4
            for at, name in enumerate(SETS)
        }
        if sparse:
            self._weights = {name: _one_of(w, task.salt) for name, w in self._weights.items()}
        run, weight = norm.run(task), weight_of(norm, task).abs()
        sizes = {name: _size(getattr(run, name)) + weight for name in SETS}
        self._sizes = {name: torch.where(s > 0, s, 1.0) for name, s in sizes.items()}
        probe = norm.fresh(task)
        parameters = {h: probe.parameter(h).detach() for h in HANDLES if self._is_learned(probe, h)}
        self.leaves: Direction = {"context": task.context, "targets": task.targets, **parameters}
        """What L is a function of, at its values on the task."""

    def _is_learned(self, probe: Probe, handle: str) -> bool:
        return self.norm.has(handle) and probe.parameter(handle).requires_grad

    @property
    def _unit(self) -> float:
        """u of the dtype in which the subject computes: what it declared, else the task's."""
        return unit(computed_in(self.norm, self.task))

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
                # What is lost where a moved value is rounded would be taken for the layer's.
                lost = self._unit * at.double().abs() > _RESOLUTION * self.step * noise.abs()
                noise = noise.masked_fill(lost, 0.0)
            elif name == "scale":
                noise = noise / len(self.task.context)
            elif name == "alpha":
                noise = noise * (at * (1 - at)).abs().double()
            found[name] = noise.to(at.dtype)
        return found

    def halves(self, direction: Direction) -> tuple[Direction, Direction]:
        """Two directions whose sum is this one: each value moves in one of them, by lot."""
        first = {}
        for name, move in direction.items():
            drawn = self.task.noise(move, _KEYS[name] + _HALVED)
            first[name] = torch.where(drawn > 0, move, torch.zeros_like(move))
        return first, {name: move - first[name] for name, move in direction.items()}

    def at(self, direction: Direction | None = None, step: float = 0.0) -> Point:
        """A fresh probe with inputs and parameters moved by `step` along `direction`."""
        moves = {} if direction is None else direction
        probe = self.norm.fresh(self.task)
        self._first(probe)
        leaves: Direction = {}
        for name in self.leaves:
            if name in SETS:
                values = self.leaves[name].detach().clone()
                if name in moves:
                    values += step * moves[name]
                leaves[name] = values.requires_grad_(self._is_needed(name))
            else:
                leaves[name] = probe.parameter(name)
                if name in moves:
                    with torch.no_grad():
                        leaves[name].add_(moves[name], alpha=step)
                leaves[name].requires_grad_(self._is_needed(name))
        context, state = probe.condition(self._laid(leaves["context"]))
        targets = probe.normalize(self._laid(leaves["targets"]), state)
        needed = {name: leaf for name, leaf in leaves.items() if self._is_needed(name)}
        return Point(probe, needed, self._terms({"context": context, "targets": targets}))

    def _is_needed(self, name: str) -> bool:
        return self._needs is None or name in self._needs

    def pushed(self, direction: Direction) -> float:
        """The slope of L along a direction of both sets by forward mode.

        Raises SubjectRaised where the layer does not offer it.
        """
        probe = self.norm.fresh(self.task)
        with warnings.catch_warnings(), fwd.dual_level():
            warnings.simplefilter("ignore")  # torch's own, of how it loads its rules
            duals = (fwd.make_dual(self.leaves[n].clone(), direction[n]) for n in SETS)  # type: ignore[no-untyped-call]
            moved = dict(zip(SETS, duals, strict=True))
            first, state = probe.condition(moved["context"])
            both = {"context": first, "targets": probe.normalize(moved["targets"], state)}
            total = 0.0
            for name, outputs in both.items():
                primal, tangent = fwd.unpack_dual(outputs)  # type: ignore[no-untyped-call]
                if tangent is not None:
                    slopes = self._steepness(name, primal.detach()) * tangent.detach().double()
                    total += float(slopes.sum())
        return total

    def _terms(self, outputs: Mapping[str, Tensor]) -> Tensor:
        found = []
        for name, weights in self._weights.items():
            wide = outputs[name].double()
            found.append((weights * (wide + wide * wide / (2 * self._sizes[name]))).flatten())
        return torch.cat(found)

    def _steepness(self, name: str, outputs: Tensor) -> Tensor:
        """The derivative of L by each of these outputs of one set."""
        return self._weights[name] * (1 + outputs.double() / self._sizes[name])

    def along(self, direction: Direction) -> Callable[[float], Tensor]:
        """The terms of L as a function of the step taken in this direction."""

        def terms(step: float) -> Tensor:
            with torch.no_grad():
                return self.at(direction, step).terms

        return terms

    @cached_property
    def rounding(self) -> float:
        """How far rounding may move L near the task: the outputs' bounds, with one more than
        each weight since directions move weights too, and the law's own summation."""
        run = self.norm.run(self.task)
        total, magnitude, count = 0.0, 0.0, 0
        for name, bound in zip(SETS, self._bounds(), strict=True):
            outputs = getattr(run, name)
            steep = self._weights[name].abs() * (1 + outputs.double().abs() / self._sizes[name])
            total += float((steep * bound).sum())
            magnitude += float((steep * outputs.double().abs()).sum())
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
        1 + |y| at its worst pixel. The loss multiplies that by its own slope, which errs as its
        outputs do, in units of their size.
        """
        total, run = 0.0, self.norm.run(self.task)
        sides = zip(SETS, self._bounds(), self._deviations(), self._normalized(), strict=True)
        for name, outputs, deviation, y in sides:
            bound = outputs + deviation
            peak = y.abs().flatten(2).amax(2) if y.dim() > 2 and y.numel() else y.abs()
            peak = peak.reshape(*peak.shape, *(1,) * (y.dim() - peak.dim()))
            came = getattr(run, name).double().abs()
            steep = self._weights[name].abs() * (2 + came / self._sizes[name])
            total += float((steep * bound * (1 + peak)).sum())
        return 4 * total + self.rounding

    def slope_error(self, direction: Direction) -> float:
        """How far rounding may move L's slope along this direction.

        Without a formula the slope's own conditioning is added: how far it moves when all values
        change a little, in roundings of as many as a moment may be taken over.
        """
        if self.norm.claims.has_formula:
            return self.slope_rounding
        here = self.at().gradient()
        size = float(sum((here[n].double() * direction[n].double()).abs().sum() for n in direction))
        moved = 0.0
        for key in (1, 2):
            signs = {n: self.task.noise(self.leaves[n], _KEYS[n] + 200 * key).sign() for n in SETS}
            there = self.at({n: signs[n] * self.leaves[n] for n in SETS}, _NUDGE).gradient()
            moved = max(moved, abs(float(dot(direction, there)) - float(dot(direction, here))))
        count = 8 + max(self.task.context.numel(), self.task.targets.numel())
        underflow = count * float(torch.finfo(self.task.dtype).tiny)
        return self.slope_rounding + count * self._unit * (moved / _NUDGE + size) + underflow

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
        """The derivative of L where outputs change by these values, by the oracle's outputs."""
        answer, total = self.norm.expected(self.task), 0.0
        for name, values in (("context", context), ("targets", targets)):
            outputs = tensor(getattr(answer, name).outputs, values)
            total += float((self._steepness(name, outputs) * values).sum())
        return total

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


def _size(outputs: Tensor) -> Tensor:
    """The root of the mean square of each channel's outputs, (1, channels, 1, ...)."""
    if not outputs.numel():
        return outputs.new_zeros(1, outputs.shape[1], *(1,) * (outputs.dim() - 2)).double()
    return outputs.double().square().mean((0, *range(2, outputs.dim())), keepdim=True).sqrt()


def _one_of(weights: Tensor, salt: int) -> Tensor:
    """The same weights, all but one of them zero."""
    kept = torch.zeros_like(weights)
    if weights.numel():
        at = (salt * 0x9E3779B1) % weights.numel()
        kept.view(-1)[at] = weights.view(-1)[at]
    return kept


def dot(first: Mapping[str, Tensor], second: Mapping[str, Tensor]) -> Tensor:
    """The sum over the first's names of the products, in float64, differentiable."""
    return products(first, second).sum()


def products(first: Mapping[str, Tensor], second: Mapping[str, Tensor]) -> Tensor:
    """The products of all values of the first's names, one row in float64, differentiable."""
    return torch.cat([(first[n].double() * second[n].double()).flatten() for n in first])


def _lengths(values: Tensor) -> Tensor:
    """The deviation of each item and channel over its pixels, (items, channels, 1, ...)."""
    flat = values.double().flatten(2) if values.dim() > 2 else values.double().unsqueeze(-1)
    spread = (flat - flat.mean(-1, keepdim=True)).square().mean(-1) + _NOMINAL_EPS
    return spread.sqrt().reshape(*values.shape[:2], *(1,) * (values.dim() - 2))


def widened(task: Task) -> Task:
    """The task with the same values in float64."""
    past = tuple((c.double(), t.double()) for c, t in task.past)
    return replace(task, context=task.context.double(), targets=task.targets.double(), past=past)
