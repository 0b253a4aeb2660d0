"""Whether sizes matter that must not: how targets are batched, and the smallest counts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from tnverify.catalogue import law
from tnverify.tolerances import expect_close, expect_finite, expect_same, not_claimed, says_nothing

from . import padding
from .derived import reach, with_context, with_targets
from .transductivity import unless_transductive

if TYPE_CHECKING:
    from tnverify.contract import Draw, Prober, Task

FAMILY = "batch_size"
_LARGEST = 1 << 11
"""Values in a set beyond which a law leaves growing it to smaller tasks."""


def _parts(draw: Draw, count: int) -> list[list[int]]:
    """One of three partitions of range(count): one at a time, ragged, one class at a time."""
    kind = draw.index(3)
    if kind == 0 and count <= 8:
        return [[i] for i in range(count)]
    if kind == 1:
        classes = 2 + draw.index(2)
        return [list(range(c, count, classes)) for c in range(min(classes, count))]
    parts, start, size = [], 0, 1
    while start < count:
        parts.append(list(range(start, min(start + size, count))))
        start, size = start + size, 2 * size
    return parts


@law(
    family=FAMILY,
    kind="rounded",
    source="section 2.3; appendix D (example and class columns)",
    edges=("one_item", "odd_items"),
    claimed=unless_transductive,
    wide=6,
)
def any_partition_of_the_targets_gives_the_same_outputs(
    norm: Prober, task: Task, draw: Draw
) -> None:
    """Targets predicted one at a time, in ragged batches or by class give the same outputs.

    One instance is conditioned once and then predicts part after part, as a deployed learner
    does. A violation with the laws of transductivity held means that a fallback takes over in
    small batches, or that answers drift from call to call. Accuracy then depends on how the
    evaluation was batched.
    """
    count = len(task.targets)
    if count < 2:
        says_nothing("fewer than two targets have one partition")
    parts = _parts(draw, count)
    probe = norm.fresh(task)
    outputs = torch.empty_like(task.targets)
    with torch.no_grad():
        _, state = probe.condition(task.context.clone())
        for part in parts:
            outputs[part] = probe.normalize(task.targets[part], state)
    expect_close(
        outputs,
        norm.run(task).targets,
        2 * norm.bound(task).targets,
        f"targets predicted in parts of {', '.join(str(len(part)) for part in parts)}",
        symptom="flow",
    )


@law(family=FAMILY, kind="exact", source="protocol: any number of targets, none included")
def no_targets_give_an_empty_output(norm: Prober, task: Task) -> None:
    """No targets give no outputs, of the right shape, and leave the other answers as they were.

    The last batch of a class may be empty. Moments of nothing are NaN: a layer that stores them
    spoils whatever comes next. Return early where there is nothing to normalise.
    """
    probe = norm.fresh(task)
    with torch.no_grad():
        _, state = probe.condition(task.context.clone())
        probe.normalize(task.targets[:0].clone(), state)  # the probe checks shape and dtype
        after = probe.normalize(task.targets.clone(), state)
    expect_same(
        after, norm.run(task).targets, "the targets after a call without any", symptom="state"
    )


@law(
    family=FAMILY,
    kind="exact",
    source="section 2.3, desideratum 2; section 4.1 (one shot)",
    edges=("one_item",),
)
def a_single_context_item_is_enough(norm: Prober, task: Task, draw: Draw) -> None:
    """A context of one item on an ordinary map gives finite outputs for it and for targets.

    One-way one-shot tasks exist. A violation is a variance that divides by the number of items
    less one, or a squeeze that drops the dimension of items. Take variances over items and
    space together. Laws about other edges meet a context of one item only by chance.
    """
    if task.context.dim() < 3:
        not_claimed("the layer takes no maps: a vector alone has no spread")
    if task.context[0, 0].numel() < 2:
        says_nothing("one pixel of one item has no spread; another law asks about such maps")
    reach(task, 1.0)
    one = draw.index(len(task.context))
    run = norm.run(task.with_sets(context=task.context[one : one + 1].clone()))
    expect_finite(run.context, "the output of a context's only item")
    expect_finite(run.targets, "the targets of a context of one item")


@law(
    family=FAMILY,
    kind="exact",
    source="section 3.3, eqs. (8), (9), on maps of one pixel",
    edges=("one_pixel",),
)
def one_pixel_maps_are_finite(norm: Prober, task: Task) -> None:
    """Maps of a single pixel give finite outputs.

    Deep networks end in such maps. The variance of one value is zero with the paper's biased
    estimator and NaN with the unbiased one, which the authors' released code uses. Use
    `unbiased=False`, or fall back to the context's moments where an item has a single pixel.
    """
    reach(task, 1.0)
    corner = (slice(None), slice(None), *(slice(0, 1) for _ in task.spatial))
    run = norm.run(task.with_sets(task.context[corner].clone(), task.targets[corner].clone()))
    expect_finite(run.context, "context outputs on one-pixel maps")
    expect_finite(run.targets, "target outputs on one-pixel maps")


@law(family=FAMILY, kind="rounded", source="section 1.2, eq. (2): moments are per channel")
def equal_counts_of_items_and_channels_change_nothing(norm: Prober, task: Task, draw: Draw) -> None:
    """As many items as channels is a task like any other.

    With equal counts, (items,) and (channels,) broadcast alike, so a mistaken axis raises no
    error there and shows nowhere else. Context and targets are permuted alike: items that were
    taken for channels then get other moments or weights. Other laws meet such counts only by
    chance. Keep reduced dimensions (`keepdim`) and never look for an axis by its size.
    """
    channels = task.channels
    if channels < 2:
        says_nothing("one channel has no other axis to be mistaken for")
    if channels * task.context[0].numel() > _LARGEST:
        says_nothing("growing this task to as many items as channels costs too much")
    context = with_context(task, channels, draw).context[:channels]
    square = task.with_sets(context.clone(), with_targets(task, channels, draw).targets[:channels])
    order = draw.order(channels)
    other = norm.run(square.with_sets(square.context[order], square.targets[order]))
    run, bound = norm.run(square), norm.bound(square)
    expect_close(
        other.context,
        run.context[order],
        2 * bound.context[order],
        f"{channels} context items of {channels} channels in the order {order}",
    )
    expect_close(
        other.targets,
        run.targets[order],
        2 * bound.targets[order],
        f"{channels} targets of {channels} channels in the order {order}",
    )


LAWS = (
    any_partition_of_the_targets_gives_the_same_outputs,
    no_targets_give_an_empty_output,
    a_single_context_item_is_enough,
    one_pixel_maps_are_finite,
    equal_counts_of_items_and_channels_change_nothing,
    *padding.LAWS,
)
