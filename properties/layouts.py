"""Layouts: how values lie in memory, how many dimensions they have, who calls, and where."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import torch

from tnverify.catalogue import law
from tnverify.contract import Parameters, Run, SubjectRaised, Task, Violation
from tnverify.tolerances import expect, not_claimed, says_nothing, violate

from .agreement import (
    CHANNELS_LAST,
    expect_alike,
    expect_defined,
    expect_formula,
    pixels,
    trimmed,
    twice,
)
from .cancellation import told_from_cancellation
from .laid_out import amid_channels_last, centred, channels_last, expanded, layout_of
from .transforms import TRANSFORMS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from torch import Tensor

    from tnverify.contract import Claims, Prober


_BY_INSTANCE = ("instance_norm", "tasknorm_i")
"""Schemes that take moments of one channel of one item, which without space is one value."""


@law(
    family="layouts",
    kind="exact",
    source="protocol: an output has its input's dtype and device",
)
def dtype_and_device_are_kept(norm: Prober, task: Task) -> None:
    """Outputs have the dtype and the device of their inputs.

    A violation means that a network cast to another dtype or moved to another device breaks in
    the layer after this one, or silently computes in a wider dtype from here on. Cast the
    result back to `x.dtype`, and create constants on `x.device`. Every law refuses such outputs;
    this one is about nothing else.
    """
    run = norm.run(task)
    for values, name in ((run.context, "context"), (run.targets, "target")):
        expect(
            values.dtype == task.dtype,
            f"{name} outputs are {values.dtype} where the input is {task.dtype}",
            symptom="form",
        )
        expect(
            values.device == task.device,
            f"{name} outputs are on {values.device} where the input is on {task.device}",
            symptom="form",
        )


def _channels_last(task: Task) -> tuple[Task, Task]:
    """The task near zero, and the same values with the channels innermost in memory: all of that
    memory, or the middle of a larger batch.

    Around zero, what these laws see is the order in memory alone.
    """
    if task.context.dim() not in CHANNELS_LAST:
        not_claimed("only two and three spatial dimensions have a channels-last layout")
    if task.channels < 2 or pixels(task) < 2:
        says_nothing("with one channel or one pixel the two layouts are the same")

    near = task.with_sets(centred(task.context), centred(task.targets))
    lay = amid_channels_last if task.salt % 2 else channels_last
    return near, near.with_sets(lay(near.context), lay(near.targets))


@law(
    family="layouts",
    kind="rounded",
    source="protocol: a tensor is its values, not its strides",
    edges=("layout",),
)
def channels_last_input_gives_the_same(norm: Prober, task: Task) -> None:
    """Input in channels-last memory format gives the same outputs.

    A violation means that a kernel or a `view` reads memory in an order that it assumes, or
    raises. Take strides into account, use `reshape`, or call `.contiguous()` first. The precision
    of this format is a law of its own, which sees gross errors too but decides nothing.
    """
    near, moved = _channels_last(task)
    run, allowed = norm.run(near), twice(norm.bound(near))
    expect_alike(_taken(norm, moved, "channels-last input"), run, allowed, "on channels-last input")


@law(
    family="layouts",
    kind="rounded",
    level="should",
    source="protocol; torch's own layers keep the memory format",
)
def memory_format_is_kept(norm: Prober, task: Task) -> None:
    """Channels-last input gives channels-last outputs.

    A violation costs time, not correctness: the next convolution has to copy the whole
    activation back. Allocate the output with `torch.empty_like`.
    """
    _, moved = _channels_last(task)
    form = CHANNELS_LAST[task.context.dim()]
    run = norm.run(moved)
    for outputs, name in ((run.context, "context"), (run.targets, "target")):
        kept = outputs.numel() == 0 or outputs.is_contiguous(memory_format=form)
        expect(
            kept,
            f"{name} outputs have strides {outputs.stride()}, no longer channels last",
            symptom="form",
        )


@law(
    family="layouts",
    kind="rounded",
    source="protocol: a tensor is its values, not its strides",
    edges=("layout",),
)
@told_from_cancellation
def non_contiguous_and_expanded_input_gives_the_same(norm: Prober, task: Task) -> None:
    """Input that is a strided view, or one item expanded, gives what its contiguous copy gives.

    A violation means that storage is read past the strides, or written to where several items
    share one memory location, or that `view` raises. Index through the tensor, never through its
    storage, and use `reshape`.
    """
    task = trimmed(task)
    lay: Callable[[Tensor], Tensor]
    if task.salt % 2:
        if max(len(task.context), len(task.targets)) < 2 or not len(task.targets):
            says_nothing("there are no two items to share memory")
        what, lay = "expanded input", expanded
        task = task.with_sets(*(lay(x).contiguous() for x in (task.context, task.targets)))
    else:
        what, lay = layout_of(task.salt // 2)
    run, allowed = norm.run(task), twice(norm.bound(task))
    moved = task.with_sets(lay(task.context), lay(task.targets))
    expect_alike(_taken(norm, moved, what), run, allowed, f"on {what}")


def _taken(norm: Prober, task: Task, what: str) -> Run:
    """The outputs on a task whose copy in plain memory the layer takes; raising is a violation."""
    try:
        return norm.run(task)
    except SubjectRaised as raised:
        violate(
            f"raises on {what}, though it takes the same values in contiguous memory: {raised}",
            symptom="raised",
            expected="an answer",
            actual=str(raised),
        )


def _has_formula(claims: Claims) -> str | None:
    return None if claims.has_formula else "inductive claims no formula"


def _tells_channels(norm: Prober, task: Task) -> bool:
    """Whether parameters differ between channels, so that items are not taken for channels; true
    of a layer that has none."""
    given = {"weight": task.parameters.weight, "bias": task.parameters.bias}
    held = [values for handle, values in given.items() if norm.has(handle)]
    return not held or any(len(set(values or ())) > 1 for values in held)


@contextmanager
def _as_a_batch(norm: Prober, task: Task) -> Iterator[None]:
    """Turns a violation into not claimed if the subject read the task as one item, unbatched.

    Some of torch's layers do so with input of one dimension less than they are named for: the
    items are their channels then, and the answer is right for what was read.
    """
    try:
        yield
    except Violation:
        one = task.context.unsqueeze(0)
        alike = len(task.context) == task.channels
        alone = Task(one, one, task.parameters if alike else Parameters(), salt=task.salt)
        try:
            unbatched = torch.equal(norm.run(alone).context[0], norm.run(task).context)
        except (SubjectRaised, Violation):
            unbatched = False
        if unbatched and not _tells_channels(norm, task):
            says_nothing("with parameters that are alike, a batch and its one item look alike")
        if unbatched:
            not_claimed("the layer takes input of this rank for one item without a batch")
        raise


@law(
    family="layouts",
    kind="rounded",
    claimed=_has_formula,
    source="eqs. (2) to (11) with maps of a single position",
)
@told_from_cancellation
def items_and_channels_alone_are_normalised(norm: Prober, task: Task) -> None:
    """Input of shape (items, channels) is normalised as maps of one pixel are.

    A violation means that moments of vectors are taken over the wrong dimension: typically the
    last one, which are channels here. A layer that refuses such input promises nothing.
    """

    def first(values: Tensor) -> Tensor:
        return values.flatten(2)[..., 0].contiguous() if values.dim() > 2 else values

    if not norm.takes(0):
        not_claimed("the layer refuses ordinary (items, channels) input")
    if norm.claims.variance == "unbiased" and norm.claims.scheme.name in _BY_INSTANCE:
        not_claimed("the unbiased instance variance of a vector is not defined")
    vectors = replace(task, context=first(task.context), targets=first(task.targets), past=())
    expect_defined(norm, vectors)
    with _as_a_batch(norm, vectors):
        expect_formula(norm, vectors, "on (items, channels) input")


@law(
    family="layouts",
    kind="rounded",
    source="eqs. (3) to (9): sums over all positions, however they are indexed",
)
@told_from_cancellation
def one_and_three_spatial_dimensions(norm: Prober, task: Task) -> None:
    """Maps folded to one or unfolded to three spatial dimensions give the same outputs.

    A violation means that moments are taken over the last two dimensions rather than over all
    spatial ones. A layer that refuses such input promises nothing.
    """
    if task.context.dim() < 3:
        not_claimed("the layer takes no maps")
    others = [rank for rank in (3, 1) if rank != len(task.spatial) and norm.takes(rank)]
    if not others:
        not_claimed("the layer refuses ordinary input with one or three spatial dimensions")
    row = task.spatial[0]
    which = others[task.salt % len(others)]
    shape = (pixels(task),) if which == 1 else (row, 1, pixels(task) // row)

    def folded(values: Tensor) -> Tensor:
        return values.reshape(*values.shape[:2], *shape)

    # Without its past: what a layer refuses must be the task, not what it observed before.
    task = replace(task, past=()) if task.past else task
    moved = task.with_sets(folded(task.context), folded(task.targets))
    expect_defined(norm, task)
    run, bound = norm.run(task), norm.bound(task)
    wanted = Run(folded(run.context), folded(run.targets))
    allowed = twice(Run(folded(bound.context), folded(bound.targets)))
    with _as_a_batch(norm, moved):
        expect_alike(norm.run(moved), wanted, allowed, f"with maps reshaped to {shape}")


def _elsewhere(task: Task) -> torch.device:
    """The kind of device that the task is not on; not claimed where there is no CUDA."""
    if not torch.cuda.is_available():
        not_claimed("no CUDA device is present")
    return torch.device("cpu" if task.device.type == "cuda" else "cuda")


@law(
    family="layouts",
    kind="rounded",
    source="protocol: the device does not change the meaning",
)
def cpu_and_cuda_agree(norm: Prober, task: Task) -> None:
    """The same task gives the same outputs on CPU and on CUDA.

    A violation means that the layer takes another path on a GPU and that this path is wrong,
    or that it computes there in a lower precision than asked for.
    """
    other = _elsewhere(task)

    def there(values: Tensor) -> Tensor:
        return values.to(other)

    moved = replace(
        task,
        context=there(task.context),
        targets=there(task.targets),
        past=tuple((there(c), there(t)) for c, t in task.past),
    )
    allowed = twice(norm.bound(task))
    came = norm.run(moved)
    back = Run(came.context.to(task.device), came.targets.to(task.device))
    expect_alike(back, norm.run(task), allowed, f"on {other.type}")


LAWS = (
    dtype_and_device_are_kept,
    channels_last_input_gives_the_same,
    non_contiguous_and_expanded_input_gives_the_same,
    memory_format_is_kept,
    items_and_channels_alone_are_normalised,
    one_and_three_spatial_dimensions,
    cpu_and_cuda_agree,
    *TRANSFORMS,
)
