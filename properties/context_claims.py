"""The other side of every claim about flow: what is not claimed is not read, what is, is.

Whom a scheme's context and target outputs read is in the table of the contract. Not reading is
certified by replacement from equal starting states and by exact zeros of the Jacobian; reading
by replacement with values that a sound layer cannot miss.

Whatever breaks these laws has another formula or another derivative than the scheme claims, so
`outputs_agree_with_the_formula` and `first_order_gradients_are_right` see it too. They stay, since
they say whose values flow where they must not, which those two cannot, and since no rounding
bound hides a small flow from them.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

import torch

from tnverify.catalogue import law
from tnverify.contract import SubjectRaised, Violation
from tnverify.tolerances import (
    expect,
    expect_same,
    not_claimed,
    says_nothing,
    violate,
)

from .agreement import expect_formula
from .derived import (
    expect_changed,
    expect_no_flow,
    may_not,
    plain,
    reach,
    two_constant_targets,
    weights_for,
    with_context,
)

if TYPE_CHECKING:
    from torch import Tensor

    from tnverify.contract import Claims, Draw, Prober, Task

FAMILY = "context"
WHOM = "section 3, whom each scheme reads"
MOMENTS = "section 4.1, eqs. (3), (4) over the context"


def unless_targets_ignore_it(claims: Claims) -> str | None:
    """Why the law is not claimed: the targets may read the context."""
    if may_not(claims, "target", "context"):
        return None
    return f"targets of {claims.scheme.called} may read the context"


def unless_items_share_it(claims: Claims) -> str | None:
    """Why the law is not claimed: context outputs need not read other context items."""
    if "context" in claims.must_read("context"):
        return None
    return f"context outputs of {claims.scheme.called} need not read other context items"


def unless_items_keep_apart(claims: Claims) -> str | None:
    """Why the law is not claimed: context outputs may read other context items."""
    if may_not(claims, "context", "context"):
        return None
    return f"context outputs of {claims.scheme.called} may read other context items"


@law(family=FAMILY, kind="exact", source=WHOM, claimed=unless_targets_ignore_it)
def an_unread_context_is_ignored(norm: Prober, task: Task, draw: Draw) -> None:
    """Where targets claim not to read the context, replacing it changes none of their outputs.

    A violation means that the layer is not the scheme it claims to be: it carries something
    from the context to the targets.
    """
    other = norm.run(task.with_sets(context=draw.noise(task.context)))
    expect_same(
        other.targets,
        norm.run(task).targets,
        "the targets after the context was replaced",
        symptom="flow",
    )


@law(family=FAMILY, kind="exact", source=WHOM, claimed=unless_targets_ignore_it)
def no_gradient_flows_from_an_unread_context(norm: Prober, task: Task, draw: Draw) -> None:
    """Where targets claim not to read the context, their derivatives by it are exactly zero.

    A violation with `an_unread_context_is_ignored` held is a term that cancels in the forward
    pass and trains through the context all the same.
    """
    probe = norm.fresh(task)
    context = task.context.clone().requires_grad_()
    _, state = probe.condition(context)
    outputs = probe.normalize(task.targets.clone(), state)
    (gradient,) = probe.grad(outputs, [context], grad_output=weights_for(draw, outputs))
    expect_no_flow(gradient, "the target outputs by the context")


@law(family=FAMILY, kind="exact", source=WHOM, claimed=unless_items_keep_apart)
def context_items_that_keep_apart_do(norm: Prober, task: Task, draw: Draw) -> None:
    """Where context outputs claim their own item alone, the other items change none of them.

    A violation means that the context is normalised by moments over its items, which the claimed
    scheme does not do.
    """
    task = with_context(task, 2, draw)
    kept = draw.subset(len(task.context))
    mask = kept.to(task.device).view(-1, *(1,) * (task.context.dim() - 1))
    other = task.with_sets(context=torch.where(mask, task.context, draw.noise(task.context)))
    expect_same(
        norm.run(other).context[kept],
        norm.run(task).context[kept],
        "kept context items after the others were replaced",
        symptom="flow",
    )


@law(family=FAMILY, kind="exact", source=WHOM, claimed=unless_items_keep_apart)
def no_gradient_flows_between_context_items_that_keep_apart(
    norm: Prober, task: Task, draw: Draw
) -> None:
    """Where context outputs claim their own item alone, derivatives by the others are zero.

    A violation where replacing the other items changes nothing means that values agree
    but training does not: another item enters through a term that cancels in the forward pass.
    """
    task = with_context(task, 2, draw)
    probe = norm.fresh(task)
    context = task.context.clone().requires_grad_()
    outputs, _ = probe.condition(context)
    one = draw.index(len(context))
    weights = torch.zeros_like(outputs)
    weights[one] = weights_for(draw, outputs)[one]
    (gradient,) = probe.grad(outputs, [context], grad_output=weights)
    others = [i for i in range(len(context)) if i != one]
    expect_no_flow(gradient[others], f"the output of context item {one} by the other items")


@law(family=FAMILY, kind="exact", source=MOMENTS, claimed=unless_items_share_it)
def context_outputs_read_the_other_context_items(norm: Prober, task: Task, draw: Draw) -> None:
    """Where context outputs claim to read the context, the other items change each of them.

    The context and the targets must be normalised alike, or the learner's two passes do not
    match. A violation means that the context's own outputs use each item's moments alone.
    `outputs_agree_with_the_formula` sees wrong values there too; this law says what is not read.
    """
    task = plain(with_context(task, 2, draw))
    one = draw.index(len(task.context))
    step = 4 * reach(task, 16)
    sides = []
    for sign in (step, -step):
        moved = task.context + sign
        moved[one] = task.context[one]
        sides.append(norm.run(task.with_sets(context=moved)).context[one])
    expect_changed(
        sides[1], sides[0], f"context item {one} after all others were moved by {2 * step:g}"
    )


def _earlier(task: Task, draw: Draw) -> list[tuple[Tensor, Tensor]]:
    """Two earlier tasks of meta-training, of three context items and two targets each."""
    shape = task.context.shape[1:]
    return [
        (
            draw.noise(task.context.new_empty((3, *shape))),
            draw.noise(task.context.new_empty((2, *shape))),
        )
        for _ in range(2)
    ]


def _with_past(task: Task, past: list[tuple[Tensor, Tensor]], shift: float) -> Task:
    """The task after these tasks of meta-training, their values moved by `shift`."""
    return replace(task, past=tuple((c + shift, t + shift) for c, t in past))


def unless_past_is_unread(claims: Claims) -> str | None:
    """Why the law is not claimed: outputs may read meta-training."""
    if may_not(claims, "target", "past") and may_not(claims, "context", "past"):
        return None
    return f"{claims.scheme.called} may read what meta-training left behind"


def unless_past_is_read(claims: Claims) -> str | None:
    """Why the law is not claimed: outputs need not read meta-training."""
    if "past" in claims.must_read("target"):
        return None
    return f"{claims.scheme.called} need not read what meta-training left behind"


@law(
    family=FAMILY,
    kind="exact",
    source="section 3.1, running moments; section 3, table",
    claimed=unless_past_is_unread,
)
def an_unread_past_is_ignored(norm: Prober, task: Task, draw: Draw) -> None:
    """Where no past is claimed, earlier tasks of meta-training change no output.

    Running moments are global, though tasks differ (paper, section 3.1). A violation means that
    a layer which claims the task's own moments still mixes in those it accumulated.
    """
    if not hasattr(norm.fresh(task).norm, "observe"):
        not_claimed("the layer has no meta-training step that could leave anything behind")
    run, other = norm.run(task), norm.run(_with_past(task, _earlier(task, draw), 1.0))
    expect_same(
        other.targets, run.targets, "the targets after another meta-training", symptom="flow"
    )
    expect_same(
        other.context,
        run.context,
        "the context outputs after another meta-training",
        symptom="flow",
    )


@law(
    family=FAMILY, kind="exact", source="section 3.1, running moments", claimed=unless_past_is_read
)
def the_past_that_is_claimed_is_used(norm: Prober, task: Task, draw: Draw) -> None:
    """Where the past is claimed, other tasks of meta-training change the targets' outputs.

    A violation means that running moments are never updated (the TensorFlow update operations
    that are not run, a momentum of zero) or never read: the layer normalises by mean 0 and
    variance 1, and the chance accuracies of CBN in MAML may be no more than that.
    """
    step = 16 * reach(task, 64)
    task = plain(task).with_sets(targets=two_constant_targets(task, step))
    past = _earlier(task, draw)
    sides = [norm.run(_with_past(task, past, shift)).targets for shift in (step, -step)]
    expect_changed(sides[1], sides[0], f"the targets after a past moved by {2 * step:g}")


@law(
    family=FAMILY,
    kind="exact",
    source="eq. (2): an output is a function of its own input",
    max_tasks=12,
)
def an_output_depends_on_its_own_input(norm: Prober, task: Task, draw: Draw) -> None:
    """Replacing an item changes its own output, in the context and among the targets.

    The weight is put to one where it can be set. A violation means that the output is a constant
    or only the context's: a scale that starts at zero without the one in front, an item that is
    overwritten. Every other law of flow holds emptily of such a layer.
    """
    if task.context.dim() < 3:
        not_claimed("the layer takes no maps: an item of one pixel may be its own mean")
    if task.context[0, 0].numel() < 2 or task.channels < 2:
        says_nothing("an item of one pixel, or of one channel, may be its own mean")
    task = plain(task)
    for name, values in (("context", task.context), ("targets", task.targets)):
        if not len(values):
            continue
        one = draw.index(len(values))
        sides = []
        # Large values saturate a gate, whose output then is zero or one.
        for size in (reach(task, 16), 1.0, 0.0625):
            moved = values.clone()
            moved[one] = draw.noise(values[one]) * size
            run = norm.run(task.with_sets(**{name: moved}))
            sides.append((run.context if name == "context" else run.targets)[one])
        if all(bool(torch.isfinite(each).all()) for each in sides):
            expect(
                not all(torch.equal(each, sides[0]) for each in sides),
                f"item {one} of the {name} was replaced three times and its output stayed",
                symptom="flow",
            )


@law(
    family=FAMILY,
    kind="exact",
    level="should",
    source="an error at the layer that is wrong names both numbers",
    needs=("weight",),
    max_tasks=8,
)
def a_wrong_number_of_channels_is_refused(norm: Prober, task: Task, draw: Draw) -> None:
    """Input of twice or half the channels that the layer was built for raises an error.

    A violation means that values are taken for those of other channels, by a `view` or a weight
    that broadcasts, without a word: a layer that was wired wrongly trains on.
    """
    if task.channels < 2 or task.channels % 2:
        says_nothing("one channel broadcasts, and an odd number has no half")
    half = task.channels // 2
    context = (torch.cat([task.context] * 2, 1), task.context[:, :half].clone())[draw.index(2)]
    probe = norm.fresh(task)
    try:
        with torch.no_grad():
            probe.condition(context)
    except (SubjectRaised, Violation):
        return  # refused aloud, or no answer
    violate(
        f"{context.shape[1]} channels were taken without a word by a layer for {task.channels}",
        symptom="not_refused",
        expected="an error",
        actual="an answer",
    )


def unless_it_has_a_formula(claims: Claims) -> str | None:
    """Why the law is not claimed: nothing says what other sizes are to give."""
    if claims.scheme.name == "reptile_norm":
        return "reptile_norm is of a context and targets of one size"
    return None if claims.has_formula else f"{claims.scheme.called} claims no formula"


@law(
    family=FAMILY,
    kind="rounded",
    source="eqs. (3), (4): moments do not depend on the targets' size",
    claimed=unless_it_has_a_formula,
    max_tasks=24,
)
def targets_of_another_size_are_answered_or_refused(norm: Prober, task: Task, draw: Draw) -> None:
    """Targets on maps of another size than the context's follow the formula, or are refused.

    A violation means that a number of pixels is remembered from the context, that a buffer of the
    context's size is read in part, or that maps are brought to one size on the way.
    """
    if not task.spatial:
        not_claimed("the layer takes no maps")
    if not len(task.targets):
        says_nothing("there is no target whose map could be of another size")
    side = 2 + draw.index(len(task.spatial))
    larger = torch.cat([task.targets, draw.noise(task.targets)], side)
    with suppress(SubjectRaised):  # refused aloud
        expect_formula(norm, task.with_sets(targets=larger), "on maps twice as large")


LAWS = (
    an_output_depends_on_its_own_input,
    a_wrong_number_of_channels_is_refused,
    targets_of_another_size_are_answered_or_refused,
    an_unread_context_is_ignored,
    no_gradient_flows_from_an_unread_context,
    context_items_that_keep_apart_do,
    no_gradient_flows_between_context_items_that_keep_apart,
    context_outputs_read_the_other_context_items,
    an_unread_past_is_ignored,
    the_past_that_is_claimed_is_used,
)
