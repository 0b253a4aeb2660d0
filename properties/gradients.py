"""Gradients: what training follows is the derivative of what the layer computes."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch

from tnverify.catalogue import law
from tnverify.contract import SubjectRaised, Violation
from tnverify.contract.cut import is_cut_from_the_graph
from tnverify.contract.task import uniforms
from tnverify.tolerances import (
    expect,
    expect_finite,
    not_claimed,
    says_nothing,
    unit,
)

from .agreement import expect_defined, trimmed, weight_of
from .cancellation import told_from_cancellation
from .derivatives import WAYS, expect_alike_slopes
from .differences import HANDLES, SETS, Loss, dot, products, widened
from .half import widened_from_half
from .slopes import KINKED, STEPPED, are_steps, expect_slope

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor

    from tnverify.contract import Claims, Prober, Task

    from .differences import Direction

_EVERYTHING = (*SETS, *HANDLES)
_AFTER_MOMENTS = ("weight", "bias")
_CONSTANTS = (1.0, -3.3, 0.0, 1234.567)


def _names(norm: Prober) -> tuple[str, ...]:
    """By what a subject's gradient can be held to its outputs.

    Which moments a `detached` layer cuts off is its own choice, so there only the derivatives
    by the weight and the bias, which come after every moment, are those of the formula.
    """
    return _AFTER_MOMENTS if norm.claims.detached else _EVERYTHING


@law(
    family="gradients",
    kind="rounded",
    lanes=("float64",),
    wide=12,
    source="eq. (2); the authors' code detaches nothing",
)
@told_from_cancellation
def first_order_gradients_are_right(norm: Prober, task: Task) -> None:
    """The gradient by context, targets and parameters is the derivative of the outputs.

    A violation means that training follows something else than the loss: moments that are
    detached on one of their ways, or a hand-written backward that forgets a term. Compare the
    backward with autograd's through plain operations; declare `detached` if cutting is meant
    (then only weight and bias are checked).
    """
    task = trimmed(task)
    loss = Loss(norm, task)
    direction = loss.direction(_names(norm))
    with (
        _told_from_detaching(norm, task),
        _where_there_is_one(loss, direction),
        _unless_of_steps(loss),
    ):
        expect_slope(
            float(dot(direction, loss.at().gradient())),
            loss.along(direction),
            step=loss.step,
            rounding=loss.rounding,
            what=f"the derivative by {', '.join(direction)} along a random direction",
            halves=lambda: [loss.along(half) for half in loss.halves(direction)],
        )


_BRANCHES = 2.0**-4
"""By what share of what is off derivatives along two directions may fail to add up."""
_ORDINARY, _MANY = 11, 16
_PARTS = (7, 8, 9, 10)
"""Directions, by key, of which each is tried as one of the two."""


@contextmanager
def _where_there_is_one(loss: Loss, direction: Direction) -> Iterator[None]:
    """Say nothing where the outputs have no derivative, whichever branch autograd went down.

    Where they have one, derivatives along two directions add up to that along their sum. Many
    tied values under a median may have slopes along every line, and still no gradient.
    """
    try:
        yield
    except Violation as violation:
        if violation.symptom != "gradient":
            raise
        off = abs(float(violation.actual or "nan") - float(violation.expected or "nan"))
        whole = _difference(loss, direction)
        for key in _PARTS:
            part = loss.direction(tuple(direction), key)
            rest = {name: direction[name] - part[name] for name in direction}
            apart = _difference(loss, part) + _difference(loss, rest)
            if abs(apart - whole) > _BRANCHES * off:
                says_nothing(KINKED)
        raise


@contextmanager
def _unless_of_steps(loss: Loss) -> Iterator[None]:
    """Say nothing of a layer that rounds what it answers, and hands gradients straight through."""
    try:
        yield
    except Violation as violation:
        if violation.symptom == "gradient" and _is_of_steps(loss):
            says_nothing(STEPPED)
        raise


def _is_of_steps(loss: Loss) -> bool:
    """Tell whether outputs are steps of the inputs.

    All may lie on one step, as beyond the range that is rounded: then ordinary values decide, that
    move by as much as they differ.
    """
    found = are_steps(loss.along(loss.direction(SETS)), loss.step)
    if found is not None:
        return found
    task = loss.task
    many = task.targets.new_empty(_MANY, *task.targets.shape[1:])
    sets = (task.noise(many, _ORDINARY + at) for at in range(2))
    usual = task.with_sets(*sets).with_parameters(weight=(1.0,), bias=(0.0,))
    moves = {name: task.noise(getattr(usual, name), _ORDINARY + 2) / 2 for name in SETS}
    return bool(are_steps(Loss(loss.norm, usual).along(moves), loss.step))


def _difference(loss: Loss, direction: Direction) -> float:
    """The central difference of the loss along a direction."""
    terms = loss.along(direction)
    return float((terms(loss.step) - terms(-loss.step)).sum()) / (2 * loss.step)


@contextmanager
def _told_from_detaching(norm: Prober, task: Task) -> Iterator[None]:
    """Say that moments are cut from the graph where they are, and how to declare it."""
    try:
        yield
    except Violation as violation:
        if norm.claims.detached or not is_cut_from_the_graph(norm, task):
            raise
        raise Violation(
            f"{violation}; outputs read values that no gradient reaches: if moments are to be cut"
            f" from the graph, claim it (--claims {norm.claims},detached)",
            symptom="detached",
            expected=violation.expected,
            actual=violation.actual,
        ) from violation


def _second_order(claims: Claims) -> str | None:
    return "the layer declares first_order" if claims.first_order else None


@law(
    family="gradients",
    kind="rounded",
    lanes=("float64",),
    max_tasks=5,
    claimed=_second_order,
    source="eq. (2); second-order MAML, section 3.1 and appendix B.1",
)
def second_order_gradients_are_right(norm: Prober, task: Task) -> None:
    """The gradient of a gradient is the derivative of that gradient.

    A violation means that second-order meta-learning (MAML) trains on wrong gradients although
    first-order ones are right: typically a custom autograd Function that saves moments it
    computed itself instead of returning them as outputs, or a backward that is not
    differentiable. Return the moments as outputs, or declare `first_order`.
    """
    loss = Loss(norm, trimmed(task))
    outer, inner = (loss.direction(_names(norm), key) for key in (0, 1))
    point = loss.at()
    slope = dot(inner, point.gradient(create_graph=True))
    second = point.probe.grad(slope, [point.leaves[name] for name in outer])
    with _unless_of_steps(loss):
        expect_slope(
            float(dot(outer, dict(zip(outer, second, strict=True)))),
            lambda step: products(inner, loss.at(outer, step).gradient()),
            step=loss.step,
            rounding=loss.curvature_rounding,
            what=f"the second derivative by {', '.join(outer)} along two random directions",
        )


def _has_precision_to_lose(claims: Claims) -> str | None:
    return "detached moments have no gradient to compare" if claims.detached else None


@law(
    family="gradients",
    kind="rounded",
    lanes=("native",),
    max_tasks=20,
    claimed=_has_precision_to_lose,
    source="eq. (2); the derivative of y is made of the weight, y and products of two y",
)
@told_from_cancellation
def low_precision_gradients_follow_float64_ones(norm: Prober, task: Task) -> None:
    """The gradient in the layer's own dtype is, within rounding, the one it gives in float64.

    A violation means that the backward loses digits which the forward keeps: sums over values
    that were not centred first, or a half-precision step on the way. Sum products of *centred*
    values in backward.
    """
    if task.dtype == torch.float64:
        not_claimed("the layer's own dtype is float64: there is no lower precision to compare")
    task = trimmed(task)
    if any(
        bool(((x != 0) & (x.abs() < torch.finfo(x.dtype).tiny)).any())
        for x in (task.context, task.targets)
    ):
        says_nothing("squares of subnormal values are zero in the layer's own dtype alone")
    if norm.eps_on(task) != norm.eps_on(widened(task)):
        not_claimed("the layer takes eps from the dtype: in float64 it is another function")
    own, wide = Loss(norm, task, sparse=True), Loss(norm, widened(task), sparse=True)
    direction = own.direction((*SETS, *_AFTER_MOMENTS))
    rounding = own.slope_error(direction)
    try:
        exact = wide.at().gradient()
    except SubjectRaised as refused:
        not_claimed(f"the subject does not run in float64: {refused}")
    expect_alike_slopes(
        float(dot(direction, own.at().gradient())),
        float(dot(direction, exact)),
        rounding,
        wide,
        {name: moved.double() for name, moved in direction.items()},
        f"the derivative by {', '.join(direction)} along a random direction, against float64",
    )


def _has_subnormal_values(x: Tensor) -> bool:
    return bool(((x != 0) & (x.abs() < torch.finfo(x.dtype).tiny)).any())


def _passes_gradients(claims: Claims) -> str | None:
    if "context" not in claims.must_read("target"):
        return "its target outputs need not read the context"
    return "the layer declares detached moments" if claims.detached else None


@law(
    family="gradients",
    kind="exact",
    claimed=_passes_gradients,
    source="section 4 (task-local moments are inferred from D); no detach in the authors' code",
)
def the_target_loss_reaches_the_context(norm: Prober, task: Task) -> None:
    """The target loss has a gradient by every context item.

    A violation means that the stored context moments are cut from the graph, wholly or for
    some sizes: meta-training then cannot learn through the context. Store them without
    `detach`, `.data`, `.item()` or `no_grad`; declare `detached` if cutting is meant. The law of
    first-order gradients sees it as a wrong number; this one says what is missing, and where.
    """
    answer = norm.expected(task).targets
    if norm.claims.scheme.blends and not bool((answer.alpha > 0.01).all()):
        says_nothing("alpha is so small that the context hardly enters")
    if not answer.outputs.size:
        says_nothing("there are no targets")
    used = weight_of(norm, task).flatten() != 0
    if not bool(used.any()):
        says_nothing("every weight is zero")
    norm.bound(task)  # where it is too wide, gradients may have underflowed
    gradient = _by_context(norm, task)
    reached = _reached(gradient)
    if not bool(reached[:, used].all()):
        # What is cut off is so whatever the values are; a derivative may also vanish at a point,
        # as by the farther of two items where a target equals the nearer.
        drawn = torch.as_tensor(uniforms(tuple(task.context.shape), task.salt, 92))
        elsewhere = task.with_sets(context=(4 * drawn - 2).to(task.context))
        norm.bound(elsewhere)
        reached = reached | _reached(_by_context(norm, elsewhere))
    missed = (~reached[:, used]).nonzero()
    if len(missed):
        item = int(missed[0, 0])
        channel = int(used.nonzero()[int(missed[0, 1])])
        expect(
            False,
            f"the target loss has no gradient by context item {item}, channel {channel}"
            f" ({len(missed)} such in all)",
            symptom="gradient",
        )
    expect_finite(gradient, "the gradient of the target loss by the context")


def _by_context(norm: Prober, task: Task) -> Tensor:
    """The derivative of a weighted sum of target outputs by the context."""
    probe = norm.fresh(task)
    context = task.context.detach().clone().requires_grad_()
    _, state = probe.condition(context)
    outputs = probe.normalize(task.targets.detach().clone(), state)
    # Positive weights without a common grid, so that no sum of them vanishes by chance.
    drawn = torch.as_tensor(uniforms(tuple(outputs.shape), task.salt, 91), device=outputs.device)
    (gradient,) = probe.grad((outputs * (0.5 + drawn).to(outputs.dtype)).sum(), [context])
    return gradient


def _reached(gradient: Tensor) -> Tensor:
    """Which items and channels have a derivative that is not zero, (items, channels)."""
    return gradient.flatten(2).ne(0).any(2) if gradient.dim() > 2 else gradient.ne(0)


def _constant(values: Tensor, at: int) -> Tensor:
    """Every value of a channel alike; another value in the next channel."""
    row = [_CONSTANTS[(at + c) % len(_CONSTANTS)] for c in range(values.shape[1])]
    filled = torch.tensor(row, dtype=values.dtype, device=values.device)
    return filled.reshape(1, -1, *(1,) * (values.dim() - 2)).expand(values.shape).contiguous()


@law(
    family="gradients",
    kind="rounded",
    source="eq. (2): eps keeps the root away from zero, so the gradient is finite everywhere",
)
def gradients_stay_finite_on_constant_input(norm: Prober, task: Task) -> None:
    """Constant input has a finite gradient, by inputs and by parameters.

    A violation means that one flat image (a blank crop, a dead channel) turns the whole
    training step into NaN: the square root of a variance is taken before eps is added, so its
    derivative at zero is infinite. Add eps under the root; do not go through `std`. The law of
    first-order gradients sees it on the few tasks that have a constant channel.
    """
    expect_defined(norm, task)
    task = trimmed(task)
    sets = (task.context, task.targets)
    flat = task.with_sets(*(_constant(values, task.salt) for values in sets))
    _expect_finite_gradients(norm, flat, "constant input")
    _expect_finite_gradients(norm, task.with_sets(*map(torch.zeros_like, sets)), "zeros alone")


def _expect_finite_gradients(norm: Prober, task: Task, what: str) -> None:
    found = Loss(norm, task).at().gradient()
    if unit(task.dtype) > unit(torch.float32):
        largest = torch.finfo(task.dtype).max
        wide = Loss(norm, widened_from_half(task)).at().gradient()
        if any(bool((each.abs() > largest / 4).any()) for each in wide.values()):
            says_nothing(f"the right gradient nears what {task.dtype} can hold")
    for name, gradient in found.items():
        expect_finite(gradient, f"the gradient by {name} on {what}")


LAWS = (
    first_order_gradients_are_right,
    second_order_gradients_are_right,
    low_precision_gradients_follow_float64_ones,
    the_target_loss_reaches_the_context,
    gradients_stay_finite_on_constant_input,
    *WAYS,
)
