"""Whether a layer's outputs read values that no gradient reaches, as `detached` declares it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from tnverify.contract.outcomes import NotClaimed, SaysNothing, SubjectRaised, Violation

if TYPE_CHECKING:
    from torch import Tensor

    from tnverify.contract.norm import Prober
    from tnverify.contract.task import Task

_KEY = 97


def is_cut_from_the_graph(norm: Prober, task: Task) -> bool:
    """Return whether some outputs move with values by which their derivative is exactly zero.

    Asked are all targets about the context, one target about the rest of its own item, and one
    context item about the rest of the context. False where the layer answers nothing.
    """
    try:
        return _targets_by_context(norm, task) or any(
            _one_output_by_the_rest(norm, task, which) for which in ("targets", "context")
        )
    except (NotClaimed, SaysNothing, SubjectRaised, Violation):
        return False


def _targets_by_context(norm: Prober, task: Task) -> bool:
    if not len(task.targets):
        return False
    probe, context = norm.fresh(task), task.context.detach().clone().requires_grad_()
    _, state = probe.condition(context)
    outputs = probe.normalize(task.targets.clone(), state)
    (gradient,) = probe.grad(outputs.square().sum() + outputs.sum(), [context])
    if bool(gradient.any()):
        return False
    moved = task.with_sets(context=task.context + task.noise(task.context, _KEY))
    return not torch.equal(norm.run(moved).targets, norm.run(task).targets)


def _one_output_by_the_rest(norm: Prober, task: Task, which: str) -> bool:
    """Of the first value of a set: it moves with the others of the set, and has no gradient."""
    given: Tensor = getattr(task, which)
    if given.numel() < 2:
        return False
    probe, leaf = norm.fresh(task), given.detach().clone().requires_grad_()
    outputs, state = probe.condition(leaf if which == "context" else task.context.clone())
    if which == "targets":
        outputs = probe.normalize(leaf, state)
    (gradient,) = probe.grad(outputs.flatten()[0], [leaf])
    if bool(gradient.flatten()[1:].any()):
        return False
    others = given + task.noise(given, _KEY)
    others.view(-1)[0] = given.reshape(-1)[0]
    moved = norm.run(task.with_sets(**{which: others}))
    before = getattr(norm.run(task), which).flatten()[0]
    return bool(getattr(moved, which).flatten()[0] != before)
