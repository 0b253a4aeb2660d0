"""One step of meta-training, taken by a fresh instance, and what it is held to."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch

from tnverify import oracle
from tnverify.oracle import training as formula
from tnverify.tolerances import (
    expect_close,
    not_claimed,
    rounding_bound,
    says_nothing,
    too_wide,
    unit,
)

from .derived import reach, weights_for

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray
    from torch import Tensor

    from tnverify.contract import Draw, Probe, Prober, Task
    from tnverify.contract.claims import Variance

    Array = NDArray[np.float64]

_NAMES = ("context", "targets")
_MEANS = (0.0, -0.5, 3.25, -96.0)
_VARIANCES = (1.0, 0.0, 2.0**-24, 0.0625, 6.0, 2.0**16)


class Moments(NamedTuple):
    """Moments by channel, float64 on the CPU."""

    mean: Tensor
    var: Tensor


def moments_of(norm: Prober, probe: Probe) -> Moments | None:
    """A copy of the running moments that the handles show; None without such handles."""
    if not (norm.has("running_mean") and norm.has("running_var")):
        return None
    mean, var = (
        probe.parameter(name).detach().double().cpu().flatten().clone()
        for name in ("running_mean", "running_var")
    )
    return Moments(mean, var)


def drawn_moments(norm: Prober, probe: Probe, draw: Draw) -> bool:
    """Put the instance's running moments to drawn ones; whether it took them.

    Some layers keep sums and show a quotient: writing to that changes nothing.
    """
    if not (norm.has("running_mean") and norm.has("running_var")):
        return False
    for name, values in (("running_mean", _MEANS), ("running_var", _VARIANCES)):
        held = probe.parameter(name)
        new = torch.tensor([values[draw.index(len(values))] for _ in range(held.numel())])
        with torch.no_grad():
            held.copy_(new.to(held).reshape(held.shape))
            if not torch.equal(probe.parameter(name).flatten(), new.to(held)):
                return False
    return True


def kept(norm: Prober, probe: Probe) -> dict[str, Tensor]:
    """Copies of all that the instance keeps: its floating buffers, or what the handles show."""
    if probe.module is not None:
        held = dict(probe.module.named_buffers())
    else:
        names = [name for name in ("running_mean", "running_var") if norm.has(name)]
        held = {name: probe.parameter(name) for name in names}
    return {
        name: values.detach().clone() for name, values in held.items() if values.is_floating_point()
    }


@dataclass(slots=True)
class Step:
    """Sets that an instance trained on, its running moments before, and what it answered."""

    norm: Prober
    task: Task
    probe: Probe
    before: Moments | None
    sets: tuple[Tensor, Tensor]
    outputs: tuple[Tensor, Tensor]
    variance: Variance = "biased"

    @property
    def corrects(self) -> bool:
        """Whether the scheme corrects by running moments: its targets then see those that the
        context left, which are not known, and are not held to a formula."""
        return self.norm.claims.scheme.trains_as == "batch_renorm"

    @property
    def asked(self) -> int:
        return 1 if self.corrects else 2

    def expect_formula(self) -> None:
        """Outputs are the scheme's, with the variance that is declared or, else, with either."""
        for which, wanted, bound in self._nearest(self._wanted, self.outputs):
            expect_close(
                self.outputs[which].detach().cpu(),
                torch.from_numpy(wanted),
                torch.from_numpy(bound),
                f"{_NAMES[which]} outputs of meta-training",
            )

    def expect_gradient(self, draw: Draw) -> None:
        """The gradient by each set is that of its formula, summed with drawn weights."""
        weights = [weights_for(draw, out.detach()) for out in self.outputs]
        loss = sum((o * w).sum() for o, w in zip(self.outputs, weights, strict=True))
        found = self.probe.grad(loss, list(self.sets))  # type: ignore[arg-type]  # a tensor

        def by_formula(which: int) -> tuple[Array, Array]:
            return self._gradient(which, weights[which].double().cpu().numpy())

        for which, wanted, bound in self._nearest(by_formula, found):
            expect_close(
                found[which].cpu(),
                torch.from_numpy(wanted),
                torch.from_numpy(bound),
                f"the gradient of meta-training by the {_NAMES[which]}",
                symptom="gradient",
            )

    def _nearest(
        self, formula_of: Callable[[int], tuple[Array, Array]], came: Sequence[Tensor]
    ) -> list[tuple[int, Array, Array]]:
        """What the formula gives for each set that is asked about and what rounding allows, with
        the convention of variance that is declared or, where none is, with the nearer one."""
        claims = self.norm.claims
        tried: tuple[Variance, ...] = ("biased", "unbiased")
        if claims.variance_given or not claims.scheme.reads_past:
            tried = (claims.variance,)  # at meta-test it shows, so it was measured
        found = []
        for self.variance in tried:
            wanted = [(which, *formula_of(which)) for which in range(self.asked)]
            with np.errstate(all="ignore"):
                share = max(
                    float((np.abs(came[i].detach().double().cpu().numpy() - x) / bound).max())
                    for i, x, bound in wanted
                )
            found.append((share if math.isfinite(share) else math.inf, wanted))
        return min(found, key=lambda each: each[0])[1]

    def _weights(self) -> tuple[Array, Array]:
        shape = (1, -1, *(1,) * len(self.task.spatial))
        given, ones = self.task.parameters, (1.0,) * self.task.channels
        weight = (given.weight if self.norm.has("weight") else None) or ones
        bias = (given.bias if self.norm.has("bias") else None) or (0.0,) * self.task.channels
        return np.array(weight).reshape(shape), np.array(bias).reshape(shape)

    def _trained(self, which: int) -> formula.Trained:
        running = None
        if self.corrects and self.before is not None:
            running = oracle.Moments(self.before.mean.numpy(), self.before.var.numpy())
        values = self.sets[which].detach().double().cpu().numpy()
        return formula.trained(values, eps=self.norm.eps, variance=self.variance, running=running)

    def _correction(self, which: int, of_set: formula.Trained) -> tuple[Array, Array]:
        """r and d within the limits that the outputs show, (channels,) each."""
        if not self.corrects:
            return of_set.r, of_set.d
        weight, bias = self._weights()
        came = self.outputs[which].detach().double().cpu().numpy()
        y = of_set.normalized
        axes = (0, *range(2, y.ndim))
        with np.errstate(all="ignore"):
            bare = (came - bias) / weight
            factor = (bare * y).sum(axes) / np.square(y).sum(axes)
            shift = bare.mean(axes)
        return formula.corrected(of_set, factor, shift)

    def _wanted(self, which: int) -> tuple[Array, Array]:
        """The formula's outputs for one set, and what rounding allows."""
        of_set = self._trained(which)
        r, d = self._correction(which, of_set)
        weight, bias = self._weights()
        shape = weight.shape
        factor = (weight.reshape(-1) * r).reshape(shape)
        shift = (weight.reshape(-1) * d).reshape(shape) + bias
        wanted = factor * of_set.normalized + shift
        return wanted, self._bound(which, of_set, factor, shift)

    def _bound(self, which: int, of_set: formula.Trained, factor: Array, shift: Array) -> Array:
        task, claims = self.task, self.norm.claims
        wide = task.dtype in (torch.float32, torch.float64)
        own = unit(task.dtype if wide and not claims.float32 else torch.float32)
        values = self.sets[which].detach().double().cpu().numpy()
        part = oracle.answer(
            "transductive_bn", values, values[:0], eps=self.norm.eps, variance=self.variance
        ).context
        bound = rounding_bound(
            part,
            weight=factor.reshape(-1),
            bias=shift.reshape(-1),
            unit=own,
            storage_unit=0.0 if wide else unit(task.dtype),
        )
        if too_wide(bound, part, weight=factor.reshape(-1)):
            says_nothing("rounding alone may move the outputs too far to tell")
        if self.corrects:
            # r and d are made of the same rounded moments, and their limits are read off.
            errors = own * (8 + of_set.count) * (1 + of_set.kappa) * (1 + np.abs(of_set.r))
            extra = np.abs(self._weights()[0]) * errors.reshape(factor.shape)
            y = np.abs(of_set.normalized)
            bound = (bound + extra * (1 + y)) * (3 + 2 * y) + 8 * own * np.abs(shift)
        if not np.isfinite(bound).all():
            says_nothing("what is expected is not finite")
        return bound

    def _gradient(self, which: int, outer: Array) -> tuple[Array, Array]:
        """The formula's gradient by one set of a loss with these weights, and what rounding
        allows."""
        of_set = self._trained(which)
        r, _ = self._correction(which, of_set)
        weight = self._weights()[0]
        outer = outer * weight * r.reshape(weight.shape)
        size = np.abs(outer).max((0, *range(2, outer.ndim))) / of_set.sigma
        y = 1 + np.abs(of_set.normalized).max((0, *range(2, outer.ndim)))
        share = 32 * unit(self.task.dtype) * (8 + of_set.count) * (1 + of_set.kappa) * y**3
        told = formula.varies(of_set) | (not self.corrects)
        if not bool((share < 1e-3).all()) or not told.any():
            says_nothing("rounding alone may move the gradient too far to tell")
        bound = np.where(told, size * share, np.inf).reshape(weight.shape)
        wanted = formula.gradient(of_set, outer, variance=self.variance)
        return wanted, np.broadcast_to(bound, wanted.shape).copy()


def step(norm: Prober, task: Task, draw: Draw, *, gradients: bool = False) -> Step:
    """A step of meta-training on the task, from drawn running moments, by a fresh instance.

    No weight is zero, so that nothing is hidden. Says nothing where a set has a single value a
    channel, or none; not claimed where the subject shows no outputs of meta-training.
    """
    reach(task, 64)
    for values in (task.context, task.targets):
        if values.numel() // task.channels < 2:
            says_nothing("a set of a single value a channel, or of none, has no spread")
    if task.parameters.weight is not None:
        task = task.with_parameters(weight=tuple(w or 1.5 for w in task.parameters.weight))
    probe = norm.fresh(task)
    drawn_moments(norm, probe, draw)
    before = moments_of(norm, probe)
    sets = (
        task.context.clone().requires_grad_(gradients),
        task.targets.clone().requires_grad_(gradients),
    )
    # Times one: a leaf that requires a gradient takes no step in place.
    with torch.set_grad_enabled(gradients):
        outputs = probe.observe(*(values * 1 if gradients else values for values in sets))
    if outputs is None:
        not_claimed("its meta-training step returns no outputs")
    if norm.claims.scheme.trains_as == "batch_renorm" and before is None:
        not_claimed("the layer has no handles on its running moments")
    return Step(norm, task, probe, before, sets, outputs)
