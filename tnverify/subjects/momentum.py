"""How fast a layer's running moments move, measured on a step of meta-training."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Self

import torch

from tnverify.contract.outcomes import NotClaimed, SubjectRaised, Violation

if TYPE_CHECKING:
    from torch import Tensor

    from tnverify.contract.task import Task
    from tnverify.subjects.probe import LiveProbe
    from tnverify.subjects.prober import SubjectProber

_AWAY = 8.0
"""How far from the moments that a layer begins with a batch is put, so that its part is told."""
_ALIKE = 1e-3
"""Two shares that differ by less are one."""


def momentum_notes(prober: SubjectProber, task: Task) -> tuple[str, ...]:
    """Return what part of the way to a batch's mean the running mean goes in one call, in words.

    With the convention of the layer's `momentum`, where it shows one. Empty for a layer that
    keeps no running mean, or whose mean does not go straight to the batch's.
    """
    if not (prober.has("running_mean") and prober.claims.scheme.reads_past):
        return ()
    try:
        found = _parts(prober, replace(task, past=()))
        momentum = None
        if prober.has("momentum"):
            momentum = float(prober.fresh(task).parameter("momentum"))
    except (NotClaimed, SubjectRaised, Violation, TypeError, ValueError):
        return ()
    if not found:
        return ()
    told = [(part, said) for part in found if (said := _convention(part, momentum))]
    part, said = told[0] if told else (found[0], _unmade(momentum))
    return (f"running moments move by {part:.3g} of the way to a batch's{said}",)


def _convention(part: float, momentum: float | None) -> str | None:
    if momentum is not None and abs(part - momentum) <= _ALIKE:
        return f": momentum {momentum:g} weighs the batch, as in torch"
    if momentum is not None and abs(part - (1 - momentum)) <= _ALIKE:
        return f": momentum {momentum:g} weighs what was before, as in TensorFlow and JAX"
    return None


def _unmade(momentum: float | None) -> str:
    return "" if momentum is None else f", which no momentum of {momentum:g} makes"


def _parts(prober: SubjectProber, task: Task) -> list[float]:
    """The part of the way in one call, the likeliest first: a step may make one call or two,
    which are counted where they are the module's own. None where channels disagree."""
    batch = task.context + _AWAY
    probe = prober.fresh(task)
    before = _mean(probe)
    with torch.no_grad(), _Counted(probe) as calls:
        probe.observe(batch.clone(), batch.clone())
    dims = (0, *range(2, batch.dim()))
    parts = (_mean(probe) - before) / (batch.double().mean(dims).cpu() - before)
    whole = float(parts.mean())
    if not 0 < whole <= 1 + _ALIKE or float((parts - whole).abs().max()) > _ALIKE:
        return []
    times = (calls.count,) if calls.count else (1, 2)
    left = max(0.0, 1 - whole)
    return [float(1 - left ** (1 / each)) for each in times]


def _mean(probe: LiveProbe) -> Tensor:
    return probe.parameter("running_mean").detach().double().cpu().flatten().clone()


class _Counted:
    """Counts the calls of a module inside; one where a layer is called by other methods."""

    def __init__(self, probe: LiveProbe) -> None:
        self.count = 0
        self._module = probe.module

    def __enter__(self) -> Self:
        if self._module is not None:
            self._hook = self._module.register_forward_pre_hook(self._seen)
        return self

    def _seen(self, *_: object) -> None:
        self.count += 1

    def __exit__(self, *_: object) -> None:
        if self._module is not None:
            self._hook.remove()
