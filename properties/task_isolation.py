"""Whether tasks keep apart: nothing of one task may reach the predictions of another.

A learner that carries moments from one meta-test task to the next is evaluated on an order of
tasks, not on tasks. Outputs are compared bit for bit with those of a fresh instance that met the
one task alone.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch

from tnverify.catalogue import law
from tnverify.contract import SubjectRaised, Violation
from tnverify.tolerances import expect, expect_same, not_claimed, says_nothing

from .derived import answers

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from tnverify.contract import Draw, Prober, Task

FAMILY = "task_isolation"
_OFTEN = 150
_LARGEST = 1 << 11
"""Values in a set beyond which a law that calls often leaves it to smaller tasks."""
SOURCE = "section 2.2: moments are local to a task; protocol"


def _resized(draw: Draw, like: Tensor, by: int) -> Tensor:
    """Other values for a set, with `by` more items (at least one)."""
    shape = (max(1, len(like) + by), *like.shape[1:])
    return draw.noise(like.new_empty(shape)) * 2 + 1


@law(family=FAMILY, kind="exact", source=SOURCE)
def a_task_forgets_the_task_before(norm: Prober, task: Task, draw: Draw) -> None:
    """An instance that met another task before answers as a fresh one does.

    The task before has other sizes and other values. A violation means that something of a task
    outlives it: moments averaged over tasks, a buffer that a smaller context does not fill, a
    maximum that only grows. Reset all state when a context comes in.
    """
    by = (2, 1, -1)[draw.index(3)]
    probe = norm.fresh(task)
    answers(probe, _resized(draw, task.context, by), _resized(draw, task.targets, by))
    context, targets = answers(probe, task.context, task.targets)
    run = norm.run(task)
    expect_same(targets, run.targets, "the targets of a second task", symptom="state")
    expect_same(context, run.context, "the context outputs of a second task", symptom="state")


@law(family=FAMILY, kind="exact", source=SOURCE)
def interleaved_tasks_keep_apart(norm: Prober, task: Task, draw: Draw) -> None:
    """Another task conditioned in between changes no answer.

    Two fresh instances take turns; where the task state is a value of its own, one instance with
    two states does too. A violation means that instances share state (a class attribute, a
    module-level cache, a default argument), or that a state is a view of memory that the next
    conditioning overwrites.
    """
    other = draw.noise(task.context) * 2 + 1
    probe = norm.fresh(task)
    run = norm.run(task)
    with torch.no_grad():
        _, state = probe.condition(task.context.clone())
        # Instances that are alive at once are what a network with several layers has.
        norm.fresh(task).condition(other.clone())
        first = probe.normalize(task.targets.clone(), state).clone()
    expect_same(
        first, run.targets, "targets after another instance was conditioned", symptom="state"
    )
    if state is None or state is probe.module:
        return  # the live instance is the state, so one instance holds one task at a time
    with torch.no_grad():
        _, third_state = probe.condition(other)
        if third_state is state:
            return  # as above, for an instance that is no torch module
        third = probe.normalize(task.targets.clone(), state)
    expect_same(
        third,
        run.targets,
        "targets after the same instance was conditioned on another task",
        symptom="state",
    )


@law(family=FAMILY, kind="exact", source=SOURCE)
def predicting_twice_gives_the_same(norm: Prober, task: Task) -> None:
    """The same targets get the same outputs the first, the second and the third time.

    A violation means that answers drift from call to call: moments updated at prediction, a step
    counter, a schedule that counts calls. `any_partition_of_the_targets_gives_the_same_outputs`
    sees larger drift, within rounding; here every bit counts.
    """
    probe = norm.fresh(task)
    run = norm.run(task)
    with torch.no_grad():
        _, state = probe.condition(task.context.clone())
        for time in ("first", "second", "third"):
            again = probe.normalize(task.targets.clone(), state)
            expect_same(
                again, run.targets, f"the targets predicted the {time} time", symptom="state"
            )


@law(family=FAMILY, kind="exact", source=SOURCE)
def predicting_leaves_the_task_state_alone(norm: Prober, task: Task, draw: Draw) -> None:
    """Predicting other targets first changes no answer.

    A violation means that predictions teach the layer: transduction through time, where earlier
    batches of targets reach later ones. Repeating one batch does not show an answer that is
    remembered by its shape; this does. `any_partition_of_the_targets_gives_the_same_outputs`
    sees larger leaks of this kind, within rounding; here every bit counts.
    """
    by = draw.index(2)
    probe = norm.fresh(task)
    with torch.no_grad():
        _, state = probe.condition(task.context.clone())
        probe.normalize(_resized(draw, task.targets, by), state)
        targets = probe.normalize(task.targets.clone(), state)
    expect_same(
        targets,
        norm.run(task).targets,
        "the targets after other targets were predicted",
        symptom="state",
    )


def _near_twin(values: Tensor) -> Tensor:
    """A set of the same shape, the same first values and, where exact, the same sum.

    Its last two values are moved apart by amounts that no two values of a grid differ by.
    """
    twin = values.clone()
    flat = twin.view(-1)
    largest = float(flat.abs().max())
    step = 0.375 * (2.0 ** math.floor(math.log2(largest)) if largest > 0 else 1.0)
    if flat.numel() > 1:
        flat[-2] -= step
    flat[-1] += step
    return twin


@law(family=FAMILY, kind="exact", source=SOURCE)
def two_tasks_of_equal_shapes_are_not_confused(norm: Prober, task: Task) -> None:
    """A task with the shapes of the one before, and nearly its values, gets its own answers.

    Both tasks arrive in the same two tensors, refilled in between, as fixed input buffers do.
    The first one shares the shape, the first values and the sum. A violation means that
    something is remembered under a key that two tasks share: shape, address, identity, a sum.
    """
    if task.targets.numel() == 0:
        says_nothing("there is no target")
    context, targets = _near_twin(task.context), _near_twin(task.targets)
    probe = norm.fresh(task, lend=True)
    with torch.no_grad():
        _, state = probe.condition(context)
        probe.normalize(targets, state)
        context.copy_(task.context)
        targets.copy_(task.targets)
        outputs, state = probe.condition(context)
        outputs = outputs.clone()
        after = probe.normalize(targets, state)
    run = norm.run(task)
    expect_same(after, run.targets, "the targets of a task of equal shapes", symptom="state")
    expect_same(outputs, run.context, "the context outputs of such a task", symptom="state")


@law(family=FAMILY, kind="exact", source=SOURCE, max_tasks=12)
def memory_that_is_used_again_is_not_confused(norm: Prober, task: Task, draw: Draw) -> None:
    """A task whose tensors take the place of freed ones gets its own answers.

    Four tasks of one shape come and go, so that tensors have the address and the identity of
    those before, none of which was written to twice. A violation means that something is
    remembered by `id`, address or version of a tensor that is long gone.
    """
    if task.targets.numel() == 0:
        says_nothing("there is no target")
    probe = norm.fresh(task, lend=True)
    which = (id, torch.Tensor.data_ptr)[draw.index(2)]
    seen: set[int] = set()
    with torch.no_grad():
        others = [draw.noise(task.context) for _ in range(4)]
        for context in others:
            seen.add(which(context))
            probe.condition(context)
        del context, others
        context, targets = _met_before(task.context, which, seen), task.targets.clone()
        outputs, state = probe.condition(context)
        outputs = outputs.clone()
        after = probe.normalize(targets, state)
    run = norm.run(task)
    expect_same(after, run.targets, "targets in memory that was used before", symptom="state")
    expect_same(outputs, run.context, "context in memory that was used before", symptom="state")


def _met_before(values: Tensor, which: Callable[[Tensor], int], seen: set[int]) -> Tensor:
    """A copy of the values at a place, or of an identity, that was met; any copy if none is."""
    tried = []
    for _ in range(16):
        tried.append(values.clone())  # kept, so that the next one lies elsewhere
        if which(tried[-1]) in seen:
            break
    return tried[-1]


@law(family=FAMILY, kind="exact", source=SOURCE, max_tasks=6)
def nine_tasks_at_once_keep_apart(norm: Prober, task: Task, draw: Draw) -> None:
    """Nine task states that are alive at once answer each for its own task, in any order.

    Claimed where the task state is a value of its own. A violation means that states are kept in
    a ring, or by a number that comes round.
    """
    if task.context.numel() > _LARGEST:
        says_nothing("nine copies of so large a task cost too much")
    probe = norm.fresh(task)
    states: list[object] = []
    wanted = []
    with torch.no_grad():
        for _ in range(9):
            _, state = probe.condition(draw.noise(task.context))
            if any(state is each for each in states) or state is probe.module:
                not_claimed("one instance holds one task at a time")
            states.append(state)
            wanted.append(probe.normalize(task.targets, state).clone())
        for number in draw.order(9):
            came = probe.normalize(task.targets, states[number])
            what = f"the targets of task {number + 1} of nine"
            expect_same(came, wanted[number], what, symptom="state")


@law(family=FAMILY, kind="exact", source=SOURCE, max_tasks=2)
def the_hundredth_prediction_is_the_first(norm: Prober, task: Task, draw: Draw) -> None:
    """150 predictions, of other targets in between, leave the answer as it was.

    So do as many contexts before the task's own. A violation means that something is counted,
    averaged or filled up by calls: a warm-up that ends, a schedule that takes over, a memory that
    is full.
    """
    few, other = task.targets[:1], draw.noise(task.targets[:1])
    if not len(few) or few.numel() > _LARGEST:
        says_nothing("there is no target, or one that costs too much to predict so often")
    probe = norm.fresh(task)
    with torch.no_grad():
        _, state = probe.condition(task.context)
        first = probe.normalize(few, state).clone()
        for number in range(_OFTEN):
            probe.normalize((few, other)[number % 2], state)
        last = probe.normalize(few, state)
        expect_same(last, first, "a target predicted after 150 predictions", symptom="state")
        if task.context.numel() > _LARGEST:
            return
        for _ in range(_OFTEN):
            probe.condition(task.context)
        _, state = probe.condition(task.context)
        last = probe.normalize(few, state)
    what = f"a target of a task that came after {_OFTEN} contexts"
    expect_same(last, first, what, symptom="state")


@law(family=FAMILY, kind="exact", source=SOURCE, max_tasks=12)
def an_empty_context_brings_nothing_back(norm: Prober, task: Task, draw: Draw) -> None:
    """A context without items is refused, or answers as it would for a fresh instance.

    Or NaN, which shows. A violation means that the task before answers for it: moments that are
    only replaced where there are new ones. The next task then gets its own answers.
    """
    none = task.context[:0]
    found: list[Tensor | None] = []
    for used in (False, True):
        probe = norm.fresh(task)
        if used:
            answers(probe, draw.noise(task.context) * 2 + 1, task.targets)
        try:
            with torch.no_grad():
                _, state = probe.condition(none)
                found.append(probe.normalize(task.targets, state).clone())
        except (SubjectRaised, Violation):
            found.append(None)  # refused aloud, or no answer
    fresh, after = found
    if after is not None and fresh is None:
        expect(
            not bool(torch.isfinite(after).any()),
            "an empty context is refused by a fresh layer and answered by one that met a task",
            symptom="state",
        )
    elif after is not None and fresh is not None:
        what = "targets after an empty context and another task"
        expect_same(after, fresh, what, symptom="state")
    outputs = answers(probe, task.context, task.targets)
    run = norm.run(task)
    expect_same(
        outputs[1], run.targets, "the targets of a task after an empty one", symptom="state"
    )


LAWS = (
    memory_that_is_used_again_is_not_confused,
    nine_tasks_at_once_keep_apart,
    the_hundredth_prediction_is_the_first,
    an_empty_context_brings_nothing_back,
    a_task_forgets_the_task_before,
    interleaved_tasks_keep_apart,
    predicting_twice_gives_the_same,
    predicting_leaves_the_task_state_alone,
    two_tasks_of_equal_shapes_are_not_confused,
)
