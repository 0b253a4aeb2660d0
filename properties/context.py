"""Whether the context is read as a set, all of it, and never done without.

Laws about layers that claim not to read it, or to read the past, are beside this module in
`context_claims`; they are of this family too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from tnverify.catalogue import law
from tnverify.contract import SubjectRaised
from tnverify.contract.outcomes import first_line
from tnverify.tolerances import expect, expect_close, not_claimed, says_nothing

from . import context_claims, sharding
from .derived import (
    expect_changed,
    plain,
    reach,
    two_constant_targets,
)

if TYPE_CHECKING:
    from tnverify.contract import Claims, Draw, Prober, Task

FAMILY = "context"
MOMENTS = "section 4.1, eqs. (3), (4) over the context"
_SMALL = 1 << 11
"""Values in a context up to which a law makes four copies of it rather than two."""


def unless_targets_read_it(claims: Claims) -> str | None:
    """Why the law is not claimed: the targets need not read the context."""
    if "context" in claims.must_read("target"):
        return None
    return f"targets of {claims.scheme.called} need not read the context"


def unless_copies_cancel(claims: Claims) -> str | None:
    """Why the law is not claimed: copies of the context change what the formula gives."""
    scheme = claims.scheme
    if not claims.has_formula:
        return "a layer without a formula may read the number of context items"
    if "context" not in scheme.context_reads | scheme.target_reads:
        return f"{scheme.called} does not read the context"
    if scheme.name == "reptile_norm":
        return "Reptile normalisation weighs the target against the number of context items"
    if claims.variance == "unbiased":
        return "the unbiased variance reads the number of values"
    return None


@law(family=FAMILY, kind="rounded", source="section 1.1 of the set-up: the context is a set")
def the_order_of_context_items_does_not_matter(norm: Prober, task: Task, draw: Draw) -> None:
    """Context items in another order give the same target outputs, and their own in that order.

    A violation means that some item has a special place: the last one of a running average, the
    first one as a reference, a remainder that a chunked loop drops.
    """
    count = len(task.context)
    if count < 2:
        says_nothing("one context item has one order")
    order = draw.order(count)
    run, bound = norm.run(task), norm.bound(task)
    other = norm.run(task.with_sets(context=task.context[order]))
    expect_close(
        other.targets, run.targets, 2 * bound.targets, f"targets after a context in order {order}"
    )
    expect_close(
        other.context,
        run.context[order],
        2 * bound.context[order],
        f"context outputs in order {order}",
    )


@law(
    family=FAMILY,
    kind="rounded",
    source="section 4.2, eqs. (10), (11), alpha held fixed",
    claimed=unless_copies_cancel,
)
def copying_the_context_leaves_target_outputs(norm: Prober, task: Task, draw: Draw) -> None:
    """The whole context met twice or four times over gives the same outputs.

    Moments do not change when every value is repeated, so with alpha held fixed (its scale
    divided by the number of copies) nothing may move. A violation is a sum where a mean is
    meant, a variance that divides by one less, shrinkage by the number of items, or a count
    taken from another axis. `outputs_agree_with_the_formula` sees these where the error is
    above rounding against exact arithmetic; this one names the cause.
    """
    if norm.claims.scheme.blends and not (norm.has("scale") or norm.has("alpha")):
        not_claimed("alpha cannot be held fixed: the layer has no handle on it")
    copies = (2, 4)[draw.index(2) if task.context.numel() <= _SMALL else 0]
    repeat = (copies, *(1,) * (task.context.dim() - 1))
    run, bound = norm.run(task), norm.bound(task)
    # Powers of two divide exactly, so alpha gets the same argument for the longer context. The
    # bound grows with the size of a reduction, so the longer side's is at most `copies` times it.
    copied = task.with_parameters(scale=task.parameters.scale / copies)
    other = norm.run(copied.with_sets(context=task.context.repeat(repeat)))
    expect_close(
        other.targets,
        run.targets,
        (1 + copies) * bound.targets,
        f"targets after {copies} times the context",
    )
    expect_close(
        other.context,
        run.context.repeat(repeat),
        (1 + copies) * bound.context.repeat(repeat),
        f"context outputs of {copies} times the context",
    )


@law(family=FAMILY, kind="exact", source=MOMENTS, claimed=unless_targets_read_it)
def every_context_item_counts(norm: Prober, task: Task, draw: Draw) -> None:
    """Moving any one context item changes a target's output.

    Alpha is put to one half where it can be set, and the targets are two constant ones, which
    cannot both stay where they were. A violation means that some items are dropped: a last
    incomplete chunk, items beyond a fixed memory, a slice that is off by one.
    `the_order_of_context_items_does_not_matter` sees such a layer too, since what is dropped
    depends on the place; this law says that reading is what failed, and which item it was.
    """
    count = len(task.context)
    item = (count - 1, 0, draw.index(count))[draw.index(3)]
    step = 2 * reach(task, 16)
    task = plain(task).with_sets(targets=two_constant_targets(task, step))
    moved = task.context.clone()
    moved[item] += step
    before = norm.run(task).targets
    after = norm.run(task.with_sets(context=moved)).targets
    expect_changed(after, before, f"the targets after context item {item} was moved by {step:g}")


@law(family=FAMILY, kind="exact", source=MOMENTS, claimed=unless_targets_read_it)
def the_context_is_used(norm: Prober, task: Task) -> None:
    """Every target's output changes with the context.

    The context is moved far to either side of all values, with alpha at one half where it can be
    set, so every output must change its sign. A violation means that some or all targets are
    normalised without the context, whose laws then hold emptily; the layer is another scheme.
    `outputs_agree_with_the_formula` sees that the values are wrong; this says why.
    """
    if len(task.targets) == 0:
        says_nothing("there is no target")
    step = 4 * reach(task, 16)
    task = plain(task)
    sides = [
        norm.run(task.with_sets(context=task.context + sign)).targets for sign in (step, -step)
    ]
    same = (sides[1] == sides[0]).flatten(1).all(1) | sides[1].isnan().flatten(1).any(1)
    for one in same.nonzero().flatten().tolist():
        what = f"target {one} after the context was moved by {2 * step:g}"
        expect_changed(sides[1][one], sides[0][one], what)


@law(family=FAMILY, kind="exact", source=MOMENTS, claimed=unless_targets_read_it)
def a_poisoned_context_shows(norm: Prober, task: Task, draw: Draw) -> None:
    """A NaN in the context makes every target's output NaN, or is refused.

    A layer that hides it (`nan_to_num`, a mean that skips NaN, a clamp) turns a broken context
    into predictions that look sound. Let it through, or raise.
    """
    if len(task.targets) == 0:
        says_nothing("there is no target")
    context = task.context.clone()
    context.view(-1)[draw.index(context.numel())] = float("nan")
    poisoned = plain(task).with_sets(context=context)
    try:
        targets = norm.run(poisoned).targets
    except SubjectRaised:
        return  # refused aloud
    hidden = ~targets.isnan().flatten(1).any(1)
    expect(
        not bool(hidden.any()),
        f"{int(hidden.sum())} of {len(hidden)} targets show nothing of a NaN in the context",
        symptom="flow",
    )


def _refusal(norm: Prober, task: Task) -> SubjectRaised | None:
    """What a fresh instance raises when it meets targets first; None where it answers.

    Another instance has been conditioned before, so what instances share cannot hide.
    """
    norm.run(task)
    probe = norm.fresh(task)
    try:
        with torch.no_grad():
            probe.normalize(task.targets.clone(), None)
    except SubjectRaised as raised:
        return raised
    return None


@law(
    family=FAMILY,
    kind="exact",
    source="protocol: the context comes first",
    claimed=unless_targets_read_it,
)
def a_target_before_any_context_is_refused(norm: Prober, task: Task) -> None:
    """Targets met before any context raise an error.

    A layer that answers all the same has taken moments from somewhere else: from the targets
    themselves, from initial values, or from another instance. A learner that forgot to
    condition then looks as if it worked. Keep no moments until there are some, and raise.
    """
    expect(
        _refusal(norm, task) is not None,
        "an unconditioned layer answered where it must refuse",
        symptom="not_refused",
    )


_ACCIDENTS = (AttributeError, NameError, LookupError, AssertionError)
_HELPFUL = ("context", "support", "condition", "adapt", "task", "moments", "statistics")


@law(
    family=FAMILY,
    kind="exact",
    level="should",
    source="protocol: the context comes first",
    claimed=unless_targets_read_it,
    max_tasks=12,
)
def a_refusal_before_any_context_says_why(norm: Prober, task: Task) -> None:
    """The error for targets before any context says that the context is missing.

    An AttributeError about None tells the person at the keyboard nothing. Raise an error whose
    message names the context and the call that conditions.
    """
    raised = _refusal(norm, task)
    if raised is None:
        says_nothing("nothing was refused; another law speaks of that")
    message = first_line(raised.error)
    accident = isinstance(raised.error, _ACCIDENTS) or "NoneType" in message
    expect(
        not accident and any(word in message.lower() for word in _HELPFUL),
        f"the refusal does not name the missing context: {type(raised.error).__name__}: {message}",
        symptom="not_refused",
    )


LAWS = (
    the_order_of_context_items_does_not_matter,
    copying_the_context_leaves_target_outputs,
    every_context_item_counts,
    the_context_is_used,
    a_poisoned_context_shows,
    a_target_before_any_context_is_refused,
    a_refusal_before_any_context_says_why,
    *context_claims.LAWS,
    *sharding.LAWS,
)
