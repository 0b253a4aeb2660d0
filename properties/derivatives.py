"""Laws of the family `gradients` about ways to a derivative: another way, the same derivative."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch

from tnverify.catalogue import law
from tnverify.contract import SubjectRaised
from tnverify.tolerances import expect_close, expect_gradient, not_claimed, says_nothing, unit

from .agreement import computed_in, pixels, trimmed
from .derived import Handed, answers
from .differences import HANDLES, SETS, Loss, dot
from .laid_out import centred, expanded, layout_of
from .slopes import KINKED, jump

if TYPE_CHECKING:
    from torch import Tensor

    from tnverify.contract import Claims, Draw, Probe, Prober, Task

    from .differences import Direction

_LAYOUTS = 5
"""How many layouts there are to choose from."""
_EARLIER = 6
_SUMS = 4096
"""Roundings a value of a gradient may be off by: terms of it are larger than it is."""
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


_NEEDS: tuple[tuple[str, ...], ...] = (
    ("context",),
    ("targets",),
    HANDLES,
    SETS,
    ("targets", *HANDLES),
    ("context", "weight"),
)


@law(
    family="gradients",
    kind="rounded",
    max_tasks=3,
    source="protocol: what else is trained changes no derivative; ctx.needs_input_grad",
)
def gradients_do_not_depend_on_what_else_needs_one(norm: Prober, task: Task) -> None:
    """The gradient by one input or parameter is the same whatever else requires a gradient.

    Weights may be frozen, the context or the targets may be leaves without a gradient. A violation
    means that a backward leaves something out with what nobody asked it for, or that
    `requires_grad` chooses another way through the layer.
    """
    loss = Loss(norm, trimmed(task))
    wanted = loss.at().gradient()
    for needs in _NEEDS:
        if any(name in loss.leaves for name in needs):
            came = Loss(norm, loss.task, needs=needs).at().gradient()
            what = f"where {', '.join(came)} alone require a gradient"
            _expect_the_same_slopes(loss, came, wanted, what)


def _expect_the_same_slopes(loss: Loss, came: Direction, wanted: Direction, what: str) -> None:
    """The gradient by each name has the slope along a random direction that is wanted."""
    for name in came:
        direction = loss.direction((name,))
        expect_alike_slopes(
            float(dot(direction, came)),
            float(dot(direction, wanted)),
            2 * loss.slope_error(direction),
            loss,
            direction,
            f"the derivative by {name} {what}",
        )


@law(
    family="gradients",
    kind="rounded",
    max_tasks=3,
    source="learners are trained on task after task, and evaluated in between",
)
def a_used_layer_has_the_gradients_of_a_new_one(norm: Prober, task: Task, draw: Draw) -> None:
    """Earlier tasks, trained on or predicted, change no gradient.

    A violation with the outputs right means that something is cut from the graph once it was
    computed, or kept from an earlier graph: a factor that is folded at the first prediction,
    moments that are detached from the second task on.
    """
    task = trimmed(task)
    earlier = [
        [draw.noise(values) for values in (task.context, task.targets)] for _ in range(_EARLIER)
    ]

    def predicted(probe: Probe) -> None:
        for sets in earlier:
            answers(probe, *sets)

    def trained_on(probe: Probe) -> None:
        for sets in earlier:
            leaves = [values.clone().requires_grad_() for values in sets]
            outputs, state = probe.condition(leaves[0])
            loss = outputs.sum() + probe.normalize(leaves[1], state).sum()
            probe.grad(loss, leaves)

    loss = Loss(norm, task)
    wanted = loss.at().gradient()
    for used, how in ((predicted, "predicted"), (trained_on, "trained on")):
        came = Loss(norm, task, first=used).at().gradient()
        _expect_the_same_slopes(loss, came, wanted, f"after {_EARLIER} tasks that were {how}")


@law(
    family="gradients",
    kind="rounded",
    lanes=("float64",),
    max_tasks=4,
    source="protocol: a gradient is its values; a plain sum hands down one number, expanded",
)
def gradients_do_not_depend_on_how_they_arrive(norm: Prober, task: Task, draw: Draw) -> None:
    """An incoming gradient that is expanded, strided or channels-last counts by its values.

    A plain sum of outputs hands down one number, expanded; a permuted loss a strided gradient. A
    violation means that a backward written by hand reads the memory of what it is handed as if it
    were dense. Call `.contiguous()` on it first.
    """
    task = trimmed(task)
    if not len(task.targets):
        says_nothing("there is no target whose gradient could arrive")
    what, lay = layout_of(draw.index(_LAYOUTS), near_zero=True)
    drawn = [draw.noise(values) + 4.0625 for values in (task.context, task.targets)]
    alike = [torch.full_like(values, 0.8125) for values in drawn]
    wanted = _handed(norm, task, drawn)
    scale = max(float(each.abs().max()) for each in wanted)
    if not math.isfinite(scale):
        says_nothing("gradients are not finite, of which other laws speak")
    count = 8 + max(task.context.numel(), task.targets.numel())
    room = _SUMS * unit(computed_in(norm, task)) * count * scale
    arrivals = (
        (what, _handed(norm, task, [lay(each) for each in drawn]), wanted),
        (
            "one number, expanded",
            _handed(norm, task, [_one_number(each) for each in alike]),
            _handed(norm, task, alike),
        ),
    )
    for how, came, right in arrivals:
        for name, now, then in zip((*SETS, "parameters"), came, right, strict=True):
            said = f"the gradient by {name}, handed {how}"
            expect_close(now, then, room, said, symptom="gradient")


def _one_number(values: Tensor) -> Tensor:
    """The first value over and over, from one place of memory behind which others lie."""
    memory = values.new_full((values.numel(),), 1e3)
    memory[0] = values.flatten()[0]
    return memory[:1].view((1,) * values.dim()).expand(values.shape)


def _handed(norm: Prober, task: Task, given: list[Tensor]) -> list[Tensor]:
    """The gradients by context, targets and all parameters as one, where outputs are handed
    these."""
    probe = norm.fresh(task)
    sets = [values.clone().requires_grad_() for values in (task.context, task.targets)]
    parameters = [] if probe.module is None else list(probe.module.parameters())
    parameters = [each for each in parameters if each.requires_grad]
    with torch.enable_grad():
        outputs, state = probe.condition(sets[0])
        both = (outputs, probe.normalize(sets[1], state))
        if not all(each.requires_grad for each in both):
            says_nothing("no gradient reaches the outputs")
        loss = torch.stack(list(map(Handed.apply, both, given))).sum()
    first, second, *others = probe.grad(loss, [*sets, *parameters])
    flat = [each.flatten() for each in others] or [first.new_zeros(1)]
    return [first, second, torch.cat(flat)]


WAYS = (
    gradients_do_not_depend_on_the_layout,
    forward_mode_agrees_with_reverse_mode,
    gradients_with_a_graph_are_those_without,
    gradients_do_not_depend_on_what_else_needs_one,
    gradients_do_not_depend_on_how_they_arrive,
    a_used_layer_has_the_gradients_of_a_new_one,
)
