"""Laws of the family `state` about ways in which a layer is called, and what happens in between.

Each law draws one pattern a task, so that a corpus meets them all at the cost of one.
"""

from __future__ import annotations

import copy
import pickle
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch

from tnverify.catalogue import law
from tnverify.contract import NotClaimed, SubjectRaised
from tnverify.tolerances import expect_close, expect_same, not_claimed, says_nothing, unit

from .agreement import computed_in
from .call_ways import a_layer_that_met_inference_mode_trains, how_it_is_called_changes_no_answer
from .cast import autocast_changes_answers_by_rounding_alone
from .derived import Handed, answers, weights_for

if TYPE_CHECKING:
    from torch import Tensor

    from tnverify.contract import Draw, Norm, Probe, Prober, Task

FAMILY = "state"
PROTOCOL = "protocol: two pure calls with the task state in the open"
_TASKS = 18


_CHANGES = ("in place", "its data", "a loaded state", "an optimiser's step")


@law(
    family=FAMILY,
    kind="exact",
    lanes=("native",),
    source="training changes parameters between calls",
    max_tasks=_TASKS,
)
def parameters_that_change_are_read_anew(norm: Prober, task: Task, draw: Draw) -> None:
    """A used layer whose parameters change answers as a new one with those parameters does.

    They change in place, by an optimiser, by a loaded state or through `.data`. A violation is a
    factor that is folded once and kept: the layer stays where it was while its learner trains.
    """
    used, new = norm.fresh(task), norm.fresh(task)
    if used.module is None or new.module is None:
        not_claimed("the layer is no torch module, so its parameters are not known")
    changed = {
        name: values.detach() * 1.5 + 0.25
        for name, values in used.module.named_parameters()
        if values.is_floating_point()
    }
    if not changed:
        not_claimed("the layer has no parameters")
    how = _CHANGES[draw.index(len(_CHANGES))]
    first = draw.noise(task.context)
    answers(used, first, task.targets)
    # What the calls leave behind is not what is asked about: both are in the same starting state.
    _change(used, changed, how)
    _change(new, changed, "in place")
    outputs = answers(used, task.context, task.targets)
    wanted = answers(new, task.context, task.targets)
    expect_same(
        outputs[1], wanted[1], f"targets once {how} changed the parameters", symptom="state"
    )
    expect_same(
        outputs[0], wanted[0], f"context once {how} changed the parameters", symptom="state"
    )


def _change(probe: Probe, values: dict[str, Tensor], how: str) -> None:
    """Give the instance's parameters these values, in the way that is named."""
    assert probe.module is not None
    named = dict(probe.module.named_parameters())
    if how == "a loaded state":
        kept = copy.deepcopy(probe.module.state_dict())
        kept.update({name: new.clone() for name, new in values.items()})
        try:
            probe.module.load_state_dict(kept)
        except Exception:  # noqa: BLE001 - laws about saving and loading speak of that
            says_nothing("the layer does not load its own state")
        return
    with torch.no_grad():
        for name, new in values.items():
            if how == "its data":
                named[name].data = new.clone()
            elif how == "an optimiser's step":
                # As SGD takes it; torch.optim itself takes seconds to import.
                named[name].add_(named[name] - new, alpha=-1.0)
                named[name].copy_(new)  # what that rounded
            else:
                named[name].copy_(new)


@law(
    family=FAMILY,
    kind="exact",
    source="protocol: a saved layer is the layer",
    max_tasks=12,
    lanes=("native",),
)
def a_loaded_state_is_the_one_that_is_used(norm: Prober, task: Task, draw: Draw) -> None:
    """A saved state loaded into a used layer makes it answer as the layer that was saved.

    The used layer has met another task and no meta-training. A violation is something that no
    state_dict holds and the answer depends on: moments of meta-training in plain attributes, a
    count, a factor that was folded before. A fresh layer may hide it.
    """
    saved = norm.fresh(task)
    used = norm.fresh(replace(task, past=()))
    if saved.module is None or used.module is None:
        not_claimed("the layer is no torch module, so it has no state_dict")
    answers(used, draw.noise(task.context), task.targets)
    try:
        used.module.load_state_dict(copy.deepcopy(saved.module.state_dict()))
    except Exception:  # noqa: BLE001 - laws of the second level speak of errors there
        says_nothing("the layer does not load its own state")
    outputs = answers(used, task.context, task.targets)
    run = norm.run(task)
    expect_same(outputs[1], run.targets, "targets of a used layer that loaded it", symptom="state")
    expect_same(outputs[0], run.context, "context of a used layer that loaded it", symptom="state")


@law(family=FAMILY, kind="exact", source=PROTOCOL, max_tasks=12, lanes=("native",))
def outputs_that_are_kept_stay_as_they_were(norm: Prober, task: Task, draw: Draw) -> None:
    """Outputs are the caller's: later calls, of other sizes too, change none of them.

    A violation is a buffer that is returned and written to again. Features that are collected
    batch by batch, or kept for a loss, then all become the last one.
    """
    probe = norm.fresh(task)
    made, copies = [], []
    with torch.no_grad():
        outputs, state = probe.condition(task.context)
        made.append(outputs)
        copies.append(outputs.clone())
        for targets in (task.targets, draw.noise(task.targets), task.targets[:1]):
            made.append(probe.normalize(targets.clone(), state))
            copies.append(made[-1].clone())
        probe.condition(draw.noise(task.context))
    for number, (kept, then) in enumerate(zip(made, copies, strict=True)):
        expect_same(kept, then, f"the outputs of call {number + 1}, kept", symptom="state")


_OF_TARGETS = "targets of one more channel"
_STUMBLES = ("one more channel", "no channels", "values that are text", "vmap", _OF_TARGETS)


@law(
    family=FAMILY,
    kind="exact",
    source="protocol: an error changes nothing",
    max_tasks=8,
    lanes=("native",),
)
def an_error_leaves_the_layer_as_it_was(norm: Prober, task: Task, draw: Draw) -> None:
    """After a call that was refused the layer answers its task as before.

    Or after a call under `vmap`. Where the task state is a value of its own, it is still good
    too. A violation is state that is put down before the input is looked at, or kept from the
    traced call.
    """
    probe = norm.fresh(task)
    live = _is_live(norm, task)
    run = norm.run(task)
    with torch.no_grad():
        _, state = probe.condition(task.context)
        for number in draw.order(len(_STUMBLES)):
            how = _STUMBLES[number]
            if not _stumbles(probe, task, state, how):
                # It was taken: for a task that asks another question.
                probe = norm.fresh(task)
                _, state = probe.condition(task.context)
                continue
            if not live or how == _OF_TARGETS:
                targets = probe.normalize(task.targets, state)
                what = f"targets of a state made before a refused call: {how}"
                expect_same(targets, run.targets, what, symptom="state")
            outputs, state = probe.condition(task.context)
            outputs = outputs.clone()
            targets = probe.normalize(task.targets, state)
            expect_same(
                targets, run.targets, f"targets after a refused call: {how}", symptom="state"
            )
            expect_same(
                outputs, run.context, f"context after a refused call: {how}", symptom="state"
            )


def _is_live(norm: Prober, task: Task) -> bool:
    """Whether the instance itself is the state, so that another context replaces it."""
    probe = norm.fresh(task)
    first, second = (probe.condition(task.context)[1] for _ in range(2))
    return first is second


def _stumbles(probe: Probe, task: Task, state: object, how: str) -> bool:
    """Whether the instance stumbles over such a call."""
    given: Any = task.context
    if how == "one more channel":
        given = torch.cat([task.context, task.context[:, :1]], 1)
    elif how == "no channels":
        given = task.context[:, :0]
    elif how == "values that are text":
        given = "context"
    elif how == _OF_TARGETS:
        try:
            probe.norm.normalize(torch.cat([task.targets, task.targets[:, :1]], 1), state)
        except Exception:  # noqa: BLE001 - what becomes of the layer is asked, not of the call
            return True
        return False
    else:
        try:
            stacked = torch.stack([task.targets, task.targets])
            torch.vmap(lambda values: probe.norm.normalize(values, state))(stacked)
        except Exception:  # noqa: BLE001 - as above
            return True
        return True
    try:
        probe.norm.condition(given)
    except Exception:  # noqa: BLE001 - as above
        return True
    return False


@law(
    family=FAMILY,
    kind="rounded",
    lanes=("float64",),
    source="autograd: graphs are values",
    max_tasks=12,
)
def a_graph_may_be_used_again(norm: Prober, task: Task, draw: Draw) -> None:
    """Backward leaves the incoming gradient alone, and a second time gives what the first gave.

    And three predictions in one graph give the sum of their gradients. A violation is a backward
    that writes into what it is handed, which a residual branch reads too, or that reads what a
    later forward pass has overwritten.
    """
    probe = norm.fresh(task)
    context = task.context.clone().requires_grad_()
    targets = [
        each.clone().requires_grad_()
        for each in (task.targets, draw.noise(task.targets), task.targets)
    ]
    with torch.enable_grad():
        _, state = probe.condition(context)
        outputs = [probe.normalize(each, state) for each in targets]
    if not all(each.requires_grad for each in outputs):
        says_nothing("no gradient reaches the outputs")
    if not all(bool(each.isfinite().all()) for each in outputs):
        says_nothing("outputs are not finite, of which other laws speak")
    weights = [weights_for(draw, each.detach()) for each in outputs]
    before = [each.clone() for each in weights]
    leaves = [context, *targets]

    def gradients(which: slice) -> list[Tensor]:
        try:
            handed = map(Handed.apply, outputs[which], weights[which])
            loss = torch.stack(list(handed)).sum()
            found = torch.autograd.grad(loss, leaves, retain_graph=True, materialize_grads=True)
        except RuntimeError:
            says_nothing("a graph cannot be gone through twice; no value is wrong")
        return list(found)

    computed = computed_in(norm, task)
    alone = [gradients(slice(i, i + 1)) for i in range(3)]
    if not all(bool(each.isfinite().all()) for found in alone for each in found):
        says_nothing("gradients are not finite the first time, of which other laws speak")
    for number, (now, then) in enumerate(zip(weights, before, strict=True)):
        what = f"the gradient that backward of prediction {number + 1} was handed"
        expect_same(now, then, what, symptom="gradient")
    again = gradients(slice(0, 1))
    together = gradients(slice(0, 3))
    for i in range(len(leaves)):
        name = "the context" if i == 0 else f"target set {i}"
        what = f"a second gradient by {name} through one graph"
        expect_same(again[i], alone[0][i], what, symptom="gradient")
        parts = [each[i] for each in alone]
        largest = max((float(each.abs().max()) for each in parts if each.numel()), default=0.0)
        room = 4096 * unit(computed) * (8 + task.context.numel()) * largest
        what = f"the gradient of three predictions by {name}"
        expect_close(together[i], sum(parts), room, what, symptom="gradient")  # type: ignore[arg-type]  # a sum of tensors is one


@law(
    family=FAMILY,
    kind="exact",
    lanes=("native",),
    source="modules are cast as they are moved",
    max_tasks=8,
)
def casting_a_used_layer_and_back_changes_nothing(norm: Prober, task: Task, draw: Draw) -> None:
    """A used layer cast to float64 and back answers as one that was never cast.

    A violation is a tensor outside of parameters and buffers that stays behind in another dtype
    or on another device, or a cache that outlives what it was made from. Register what a layer
    computes with. A cast that is refused is no violation.
    """
    probe = norm.fresh(task)
    if probe.module is None:
        not_claimed("the layer is no torch module, so nothing casts it")
    if task.dtype is not torch.float32:
        says_nothing("only float32 is exact in a wider dtype")
    if draw.index(3):
        answers(probe, draw.noise(task.context), task.targets)
    try:
        probe.module.double()
        if draw.index(2):
            answers(probe, task.context.double(), task.targets.double())
        probe.module.float()
    except (SubjectRaised, RuntimeError, TypeError):
        says_nothing("the layer is not cast")
    outputs = answers(probe, task.context, task.targets)
    run = norm.run(task)
    expect_same(outputs[1], run.targets, "targets of a layer cast there and back", symptom="state")
    expect_same(outputs[0], run.context, "context of a layer cast there and back", symptom="state")


@law(
    family=FAMILY,
    kind="exact",
    source="protocol: a layer is a value",
    max_tasks=_TASKS,
    lanes=("native",),
)
def a_copy_never_answers_otherwise(norm: Prober, task: Task, draw: Draw) -> None:
    """A layer that was copied, pickled, or saved and loaded answers as it did, or raises.

    Before its first call, or once it has its task. A violation is the worst of what copying can
    do: an answer from moments that nobody handed over. Laws of the second level ask that it does
    not raise either.
    """
    probe = norm.fresh(task)
    conditioned = bool(draw.index(2))
    how = draw.index(2 if probe.module is None else 3)  # only a module has a state_dict
    with torch.no_grad():
        state = probe.condition(task.context)[1] if conditioned else None
        try:
            twin, twin_state = _twin(norm, task, probe, state, how)
            if not conditioned:
                twin_state = twin.condition(task.context.clone())[1]
            came = twin.normalize(task.targets.clone(), twin_state).clone()
        except NotClaimed:
            raise
        except Exception:  # noqa: BLE001 - laws of the second level speak of errors
            says_nothing("the layer is not copied so")
    when = "after its context" if conditioned else "before its first call"
    expect_same(came, norm.run(task).targets, f"targets of a copy made {when}", symptom="state")


def _twin(norm: Prober, task: Task, probe: Probe, state: object, how: int) -> tuple[Norm, object]:
    """A copy of the instance and of its task state: deep, through pickle, or through a file."""
    if how < 2:
        pair = (probe.norm, state)
        return copy.deepcopy(pair) if how else pickle.loads(pickle.dumps(pair))  # noqa: S301 - written just here
    other = norm.fresh(replace(task, past=()))
    assert probe.module is not None
    assert other.module is not None
    other.module.load_state_dict(copy.deepcopy(probe.module.state_dict()))
    return other.norm, other.module if state is probe.module else state


LAWS = (
    a_copy_never_answers_otherwise,
    how_it_is_called_changes_no_answer,
    a_layer_that_met_inference_mode_trains,
    autocast_changes_answers_by_rounding_alone,
    parameters_that_change_are_read_anew,
    a_loaded_state_is_the_one_that_is_used,
    outputs_that_are_kept_stay_as_they_were,
    an_error_leaves_the_layer_as_it_was,
    a_graph_may_be_used_again,
    casting_a_used_layer_and_back_changes_nothing,
)
