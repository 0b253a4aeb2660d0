"""What surrounds a norm inside a layer, as its outputs show: an activation, a residual branch."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import torch

from tnverify.contract.cut import is_cut_from_the_graph
from tnverify.contract.outcomes import SubjectRaised, Violation

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from tnverify.contract.norm import Prober
    from tnverify.contract.task import Task

_FACTOR = 2.0**20
_GROWS = 2.0**-6
"""Outputs that grow by this share of what the input grew by were not normalised away."""
_ZEROS = 0.05
"""A smaller share of outputs that are exactly zero is no activation's."""


def surroundings(prober: Prober, tasks: Sequence[Task]) -> tuple[str, ...]:
    """Return one sentence for each thing that the outputs on these tasks show around a norm.

    Nothing is said where the layer does not answer.
    """
    said = []
    try:
        outputs = torch.cat([x.flatten().double() for task in tasks for x in prober.run(task)])
        if not outputs.numel() or not bool(outputs.isfinite().all()):
            return ()
        zeros = float((outputs == 0).double().mean())
        if bool((outputs >= 0).all()) and bool(outputs.any()) and zeros > _ZEROS:
            share = round(100 * zeros)
            said.append(
                f"no output is negative and {share} % are exactly zero: an activation such as ReLU"
                " follows the norm, and no gradient is asked for at its kink"
            )
        if all(_grows(prober, task) for task in tasks):
            said.append(
                "outputs grow as the input does: the input is added to what is normalised (a"
                " residual branch), or multiplies it, or nothing is normalised"
            )
    except (SubjectRaised, Violation):
        return ()
    return tuple(said)


def measure_detached(prober: Prober, tasks: Sequence[Task]) -> bool:
    """Return whether moments are cut from the graph: what outputs read has no gradient, on every
    one of these tasks."""
    return bool(tasks) and all(is_cut_from_the_graph(prober, task) for task in tasks)


def _grows(prober: Prober, task: Task) -> bool:
    """Whether outputs are of the input's size where that is very large, in every set."""
    wide = replace(
        task,
        context=_large(task.context),
        targets=_large(task.targets),
        past=tuple((_large(c), _large(t)) for c, t in task.past),
    )
    run = prober.run(wide)
    return all(
        _size(outputs) > _GROWS * _size(given)
        for outputs, given in ((run.context, wide.context), (run.targets, wide.targets))
        if given.numel()
    )


def _large(values: Tensor) -> Tensor:
    return values * _FACTOR


def _size(values: Tensor) -> float:
    return float(values.double().square().mean().sqrt())
