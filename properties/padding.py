"""Padding: what lies behind an item's own length, put there because a companion is longer.

Asked of layers that are told how much of each item is there, by a mask or by lengths.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch

from tnverify.catalogue import law
from tnverify.contract import Run
from tnverify.tolerances import expect_close, expect_same, not_claimed, says_nothing, unit

from .agreement import computed_in, name_of, weight_of
from .derived import with_targets
from .transductivity import unless_transductive

if TYPE_CHECKING:
    from torch import Tensor

    from tnverify.contract import Draw, Prober, Task

FAMILY = "batch_size"
SOURCE = "protocol: a batch is padded to its longest item, which changes none of the others"


class _Lengths:
    """How much of each item of both sets is there, and which values that are."""

    def __init__(self, task: Task, draw: Draw) -> None:
        longest = task.spatial[-1]
        self.context, self.targets = (
            torch.tensor([1 + draw.index(longest) for _ in values]).to(values.device)
            for values in (task.context, task.targets)
        )
        if len(self.context):
            self.context[draw.index(len(self.context))] = longest - 1

    def valid(self, name: str, values: Tensor) -> Tensor:
        """A mask over `values` of this set, true where an item is its own."""
        lengths: Tensor = getattr(self, name)
        places = torch.arange(values.shape[-1], device=values.device)
        mask = places < lengths.view(-1, *(1,) * (values.dim() - 1))
        return mask.expand(values.shape)


def _drawn(norm: Prober, task: Task, draw: Draw) -> _Lengths:
    """Lengths for a task; not claimed of a layer that is not told any."""
    if not norm.fresh(task).takes_lengths:
        not_claimed("the layer is not told how much of an item is there")
    if not task.spatial or task.spatial[-1] < 2:
        says_nothing("a single position leaves no room for padding")
    return _Lengths(task, draw)


def _run(norm: Prober, task: Task, lengths: _Lengths) -> Run:
    probe = norm.fresh(task)
    with torch.no_grad():
        context, state = probe.condition(task.context, lengths=lengths.context)
        context = context.clone()
        return Run(context, probe.normalize(task.targets, state, lengths=lengths.targets).clone())


@law(family=FAMILY, kind="exact", source=SOURCE, max_tasks=12)
def what_stands_in_the_padding_does_not_matter(norm: Prober, task: Task, draw: Draw) -> None:
    """Other values behind an item's own length change no output within anybody's length.

    In the context and among the targets. A violation means that padding enters the moments: it is
    counted where the mask was to leave it out, in the mean, the variance or the number of values.
    Padding is zeros by custom only; a layer before this one may have put anything there.
    """
    lengths = _drawn(norm, task, draw)
    masks = [lengths.valid(name, getattr(task, name)) for name in ("context", "targets")]
    sets = (task.context, task.targets)
    other = task.with_sets(
        *(
            torch.where(mask, values, draw.noise(values) * 8)
            for mask, values in zip(masks, sets, strict=True)
        )
    )
    before, after = _run(norm, task, lengths), _run(norm, other, lengths)
    for name, mask in zip(("context", "targets"), masks, strict=True):
        what = f"{name_of(name)} within their lengths after the padding was replaced"
        expect_same(getattr(after, name)[mask], getattr(before, name)[mask], what, symptom="flow")


@law(
    family=FAMILY,
    kind="rounded",
    source=SOURCE,
    claimed=unless_transductive,
    lanes=("float64",),
    max_tasks=12,
)
def the_longest_companion_does_not_matter(norm: Prober, task: Task, draw: Draw) -> None:
    """A target's output within its length is the same however long the other targets are.

    One target is kept, the others become longer and the whole set is padded further. A violation
    means that the longest length of a batch is taken for each item's own, as a divisor or as where
    a sum ends: what is learnt from batches sorted by length is not what single items get.
    """
    task = with_targets(task, 2, draw)
    lengths = _drawn(norm, task, draw)
    kept, more = draw.index(len(task.targets)), 1 + draw.index(4)
    added = task.targets.new_empty((*task.targets.shape[:-1], more))
    longer = torch.cat([task.targets, draw.noise(added)], -1)
    before = _run(norm, task, lengths).targets[kept]
    own = int(lengths.targets[kept])
    lengths.targets = torch.full_like(lengths.targets, longer.shape[-1])
    lengths.targets[kept] = own
    after = _run(norm, task.with_sets(targets=longer), lengths).targets[kept]
    peak = max(float(values.abs().max()) for values in (task.context, longer))
    # Sums of other shapes are rounded otherwise, in units of no more than 1 / sqrt(eps).
    largest = 1 + float(weight_of(norm, task).abs().max()) + float(before.abs().max())
    count = 8 + task.context.numel() + longer.numel()
    room = 8 * unit(computed_in(norm, task)) * count * largest
    room *= 1 + peak / math.sqrt(max(norm.eps, 1e-12))
    expect_close(
        after[..., :own],
        before[..., :own],
        room,
        f"target {kept} within its length of {own} after the others became longer",
        symptom="flow",
    )


LAWS = (
    what_stands_in_the_padding_does_not_matter,
    the_longest_companion_does_not_matter,
)
