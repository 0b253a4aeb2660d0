"""What casting leaves of an answer: autocast around a layer, and a layer in half precision.

Both are held to the formula within what rounding every step to half precision explains, which is
wide: only gross faults show, and it is those that a cast brings.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import torch

from tnverify.catalogue import law
from tnverify.contract import Run, SubjectRaised
from tnverify.contract.outcomes import first_line
from tnverify.tolerances import expect_close, not_claimed, rounding_bound, says_nothing, unit

from .agreement import name_of, tensor, weight_of

if TYPE_CHECKING:
    from torch import Tensor

    from tnverify.contract import Claims, Norm, Prober, Task

_TELLING = 0.5
"""A bound beyond this share of (1 + |y|) |weight| would let an affine pass that is left out."""
_ITEMS, _SIDE = 3, 2
"""Items and sides at most: the bound grows with what is summed."""


def _has_formula(claims: Claims) -> str | None:
    return None if claims.has_formula else "inductive claims no formula"


def _computes_moments(claims: Claims) -> str | None:
    if claims.scheme.holds_moments:
        return f"{claims.scheme.called} holds moments, which a cast rounds"
    return _has_formula(claims)


@law(
    family="state",
    kind="rounded",
    claimed=_has_formula,
    lanes=("native",),
    max_tasks=6,
    source="torch.autocast chooses dtypes, not formulas",
)
def autocast_changes_answers_by_rounding_alone(norm: Prober, task: Task) -> None:
    """Under autocast outputs follow the formula, within the rounding of half precision.

    In whatever dtype they come. A violation means that the layer takes another path there, which
    leaves out the affine, or takes moments over something else.
    """
    if task.dtype is not torch.float32:
        not_claimed("autocast changes nothing but float32")
    task = _small(task)
    half = torch.bfloat16
    bound = _in_half(norm, task, half)
    norm.run(task)
    try:
        with torch.no_grad(), torch.autocast(task.device.type, half):
            # Other dtypes are to be expected, which the probe would object to.
            run = _answers(norm.fresh(task).norm, task)
    except Exception as error:  # noqa: BLE001 - not every operation runs under autocast
        says_nothing(f"the layer does not run under autocast: {first_line(error)}")
    _expect_within(norm, task, run, bound, "under autocast")


@law(
    family="numerics",
    kind="rounded",
    level="should",
    claimed=_computes_moments,
    lanes=("native",),
    max_tasks=6,
    source="networks in half precision are cast as a whole: module.to(torch.bfloat16)",
)
def a_layer_in_half_precision_keeps_its_formula(norm: Prober, task: Task) -> None:
    """A layer that was cast to bfloat16 or float16 still follows the formula, and keeps its dtype.

    Within what rounding every step to that dtype explains. A violation means that something is
    left behind or left out by the cast: outputs in another dtype, a weight that is not used.
    """
    half = (torch.bfloat16, torch.float16)[task.salt % 2]
    task = _small(task)
    cast = task.with_sets(task.context.to(half), task.targets.to(half))
    sets = (cast.context, cast.targets)
    if not all(bool(x.isfinite().all()) for x in sets) or float(sets[0].abs().max()) > _TOP:
        says_nothing(f"values or their squares overflow {half}")
    bound = _in_half(norm, cast, half)
    probe = norm.fresh(task)
    if probe.module is None:
        not_claimed("the layer is no torch module, so nothing casts it")
    try:
        probe.module.to(half)
        with torch.no_grad():
            outputs, state = probe.condition(cast.context)
            run = Run(outputs.clone(), probe.normalize(cast.targets, state))
    except SubjectRaised as raised:
        not_claimed(f"the layer does not run in {half}: {raised}")
    _expect_within(norm, cast, run, bound, f"of a layer in {half}")


_TOP = 64.0
"""Values up to which sums of as many squares as are asked about fit float16."""


def _small(task: Task) -> Task:
    """The first items of the task on the corner of their maps."""

    def cut(values: Tensor) -> Tensor:
        corner = (slice(_ITEMS), slice(None), *(slice(_SIDE),) * len(task.spatial))
        return values[corner].contiguous()

    past = tuple((cut(c), cut(t)) for c, t in task.past)
    return replace(task, context=cut(task.context), targets=cut(task.targets), past=past)


def _answers(norm: Norm, task: Task) -> Run:
    context, state = norm.condition(task.context.clone())
    return Run(context.clone(), norm.normalize(task.targets.clone(), state))


def _in_half(norm: Prober, task: Task, half: torch.dtype) -> list[Tensor]:
    """Return what rounding every step to half precision may do to outputs; say nothing where that
    is too much to tell."""
    parameters, blends = task.parameters, norm.claims.scheme.blends
    found = []
    for part, like in zip(norm.expected(task), (task.context, task.targets), strict=True):
        bound = rounding_bound(
            part,
            weight=parameters.weight if norm.has("weight") else None,
            bias=parameters.bias if norm.has("bias") else None,
            unit=unit(half),
            storage_unit=unit(half),
            scale=parameters.scale if blends else 0.0,
            offset=parameters.offset if blends else 0.0,
            size=len(task.context),
        )
        room = tensor(bound, like)
        y = tensor(part.normalized, like).abs()
        if not bool((room <= _TELLING * (1 + y) * weight_of(norm, task).abs()).all()):
            says_nothing("rounding to half precision alone may move the outputs too far to tell")
        found.append(room)
    return found


def _expect_within(norm: Prober, task: Task, run: Run, bound: list[Tensor], what: str) -> None:
    answer = norm.expected(task)
    for name, room in zip(("context", "targets"), bound, strict=True):
        came = getattr(run, name)
        expect_close(
            came, tensor(getattr(answer, name).outputs, came), room, f"{name_of(name)} {what}"
        )
