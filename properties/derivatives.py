"""Laws of the family `gradients` about ways to a derivative: another way, the same derivative."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from tnverify.catalogue import law
from tnverify.contract import SubjectRaised
from tnverify.tolerances import expect_gradient, not_claimed, says_nothing

from .agreement import pixels, trimmed
from .differences import SETS, Loss, dot
from .laid_out import centred, expanded, layout_of
from .slopes import KINKED, jump

if TYPE_CHECKING:
    from tnverify.contract import Claims, Prober, Task

    from .differences import Direction

_BEND = 2.0**-8
"""How near a kink must be for rounding to take the two sides of a comparison to its two sides."""


def expect_comparable(actual: float, expected: float) -> None:
    """Say nothing of two ways to one derivative where neither is finite: they agree, and other
    laws speak of NaN."""
    if not math.isfinite(actual) and not math.isfinite(expected):
        says_nothing("the derivative that it would be compared with is not finite either")


def expect_alike_slopes(
    actual: float, expected: float, bound: float, loss: Loss, direction: Direction, what: str
) -> None:
    """Two slopes of one loss within their bound; nothing is said where a kink lies between them, or
    where neither is finite."""
    expect_comparable(actual, expected)
    off = abs(actual - expected)
    if bound < off <= 4 * jump(loss.along(direction), _BEND):
        says_nothing(KINKED)
    expect_gradient(actual, expected, bound, what)


@law(
    family="gradients",
    kind="rounded",
    max_tasks=20,
    source="pytorch/pytorch issue 140913 and PR 64100; protocol: a tensor is not its strides",
)
def gradients_do_not_depend_on_the_layout(norm: Prober, task: Task) -> None:
    """Channels-last, strided, offset and expanded input has the gradient of its contiguous copy.

    A violation means that a backward written by hand reads memory in an order that it assumes,
    though the forward pass does not. Take strides into account, or call `.contiguous()` in both.
    """
    task = trimmed(task)
    if pixels(task) > 1:
        task = task.with_sets(centred(task.context), centred(task.targets))
    what, lay = layout_of(task.salt, near_zero=True)
    plain = Loss(norm, task)
    if task.salt % 5 == 0 and min(len(task.context), len(task.targets)) > 1:
        what, lay = "input that is one item expanded", expanded
        task = task.with_sets(*(lay(x).contiguous() for x in (task.context, task.targets)))
        plain = Loss(norm, task, laid=lambda values: expanded(values).contiguous())
    moved = Loss(norm, task, laid=lay)
    wanted = plain.at().gradient()
    try:
        came = moved.at().gradient()
    except SubjectRaised as raised:
        not_claimed(f"the layer takes no gradient on {what}: {raised}")
    for name in plain.leaves:
        direction = plain.direction((name,))
        allowed = 2 * plain.slope_error(direction)
        expect_alike_slopes(
            float(dot(direction, came)),
            float(dot(direction, wanted)),
            allowed,
            plain,
            direction,
            f"the derivative by {name} on {what}",
        )


def _whole_graph(claims: Claims) -> str | None:
    return "the layer declares detached moments" if claims.detached else None


@law(
    family="gradients",
    kind="rounded",
    lanes=("float64",),
    max_tasks=10,
    thorough_only=True,  # torch imports its compiler at the first product of tangents: seconds
    claimed=_whole_graph,
    source="pytorch/pytorch issues 124533, 196700: forward mode of a norm by a rule of its own",
)
def forward_mode_agrees_with_reverse_mode(norm: Prober, task: Task) -> None:
    """Forward-mode differentiation, where a layer offers it, gives the slope of reverse mode.

    A violation means that a Function's `jvp` and `backward` are not of one function, or that a
    tangent gets lost on the way: in a buffer, in a view that is written to. Not offering it is no
    violation.
    """
    loss = Loss(norm, trimmed(task))
    direction = loss.direction(SETS)
    try:
        came = loss.pushed(direction)
    except (SubjectRaised, RuntimeError) as raised:
        not_claimed(f"the layer offers no forward mode: {raised}")
    expect_alike_slopes(
        came,
        float(dot(direction, loss.at().gradient())),
        2 * loss.slope_error(direction),
        loss,
        direction,
        "the derivative by context, targets along a random direction in forward mode",
    )


def _differentiable_twice(claims: Claims) -> str | None:
    return "the layer declares first_order" if claims.first_order else None


@law(
    family="gradients",
    kind="rounded",
    max_tasks=10,
    claimed=_differentiable_twice,
    source="second-order MAML takes inner gradients with create_graph, others take them without",
)
def gradients_with_a_graph_are_those_without(norm: Prober, task: Task) -> None:
    """Gradients that are taken to be differentiated again have the values of those that are not.

    A violation means that a backward has two ways, one of plain operations for the case that a
    graph is asked for (`torch.is_grad_enabled()` in backward), and that they disagree.
    """
    loss = Loss(norm, trimmed(task))
    plain, kept = loss.at().gradient(), loss.at().gradient(create_graph=True)
    for name in loss.leaves:
        direction = loss.direction((name,))
        came, wanted = float(dot(direction, kept).detach()), float(dot(direction, plain))
        expect_comparable(came, wanted)
        expect_gradient(
            came,
            wanted,
            2 * loss.slope_error(direction),
            f"the derivative by {name} with create_graph",
        )


WAYS = (
    gradients_do_not_depend_on_the_layout,
    forward_mode_agrees_with_reverse_mode,
    gradients_with_a_graph_are_those_without,
)
