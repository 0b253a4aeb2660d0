"""Ways in which a layer may be called, none of which is to change what it answers."""

from __future__ import annotations

import threading
from contextlib import contextmanager, nullcontext, suppress
from typing import TYPE_CHECKING, Any

import torch

from tnverify.catalogue import law
from tnverify.contract import SubjectRaised
from tnverify.tolerances import expect_close, says_nothing, violate

from .derived import answers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from torch import Tensor

    from tnverify.contract import Probe, Prober, Task

FAMILY = "state"


@contextmanager
def _frozen(probe: Probe) -> Iterator[None]:
    """No parameter requires a gradient inside."""
    parameters = [] if probe.module is None else list(probe.module.parameters())
    required = [each.requires_grad for each in parameters]
    for each in parameters:
        each.requires_grad_(False)
    try:
        yield
    finally:
        for each, requires in zip(parameters, required, strict=True):
            each.requires_grad_(requires)


def _in_a_thread(call: Callable[[], Any]) -> Any:
    """Return what the call returns, made in another thread; raise what it raises."""
    found: list[Any] = []

    def work() -> None:
        try:
            found.extend((True, call()))
        except BaseException as error:  # noqa: BLE001 - it is raised again where it was asked for
            found.extend((False, error))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    if not found[0]:
        raise found[1]
    return found[1]


def _whole(probe: Probe, context: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    outputs, state = probe.condition(context)
    outputs = outputs.detach().clone()
    return outputs, probe.normalize(targets, state).detach().clone()


def _toggle(probe: Probe) -> None:
    """Call train() and eval() with nothing in between; the mode is as it was again."""
    if probe.module is not None:
        mode = probe.module.training
        probe.module.train(not mode)
        probe.module.train(mode)


_WAYS = (
    "inference_mode",
    "thread",
    "frozen",
    "context",
    "targets",
    "both",
    "later",
    "toggled",
    "autocast",
    "half",
    "predicts in a thread",
    "one tensor",
)
_SAID = {
    "later": "with gradients after a call without",
    "toggled": "once its mode was toggled",
    "autocast": "after a call under autocast",
    "half": "after targets in half precision",
    "predicts in a thread": "predicted in another thread than the context's",
    "one tensor": "where both sets are slices of one tensor",
}


@law(family=FAMILY, kind="rounded", source="protocol: answers depend on values", max_tasks=4)
def how_it_is_called_changes_no_answer(norm: Prober, task: Task) -> None:
    """Outputs are the same in inference mode, in a thread, frozen, and whatever needs gradients.

    Or after train() and eval() with no call in between, with gradients once it was called
    without, after a call under autocast or with targets in half precision, and where both sets
    are slices of one tensor. A violation is a layer that takes one of these for something else: a
    fast path with another formula, `requires_grad` for "training", state of a thread that others
    do not have, a cast of its weight or of the task's moments that it keeps.
    """
    run, bound = norm.run(task), norm.bound(task)
    for way in _WAYS:
        probe = norm.fresh(task, lend=way == "one tensor")
        context, targets = _called(probe, task, way)
        how = _SAID.get(way, f"called so: {way}")
        expect_close(targets, run.targets, 2 * bound.targets, f"targets {how}", symptom="state")
        expect_close(context, run.context, 2 * bound.context, f"context {how}", symptom="state")


def _called(probe: Probe, task: Task, way: str) -> tuple[Tensor, Tensor]:
    """The task's context outputs and target outputs, called in this way."""
    context = task.context.clone().requires_grad_(way in ("context", "both"))
    targets = task.targets.clone().requires_grad_(way in ("targets", "both"))
    with torch.no_grad():
        if way in _CALLED:
            return _CALLED[way](probe, context, targets)
        if way == "later":
            _whole(probe, context, targets)
        with torch.enable_grad(), _frozen(probe) if way == "frozen" else nullcontext():
            return _whole(probe, context, targets)


def _in_inference_mode(probe: Probe, context: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    with torch.inference_mode():
        outputs = _whole(probe, context, targets)
    return outputs[0].clone(), outputs[1].clone()


def _by_a_thread(probe: Probe, context: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    return _in_a_thread(lambda: answers(probe, context, targets))  # type: ignore[no-any-return]  # what answers returns


def _predicted_by_a_thread(probe: Probe, context: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    outputs, state = probe.condition(context)
    outputs = outputs.clone()

    def predict() -> Tensor:
        with torch.no_grad():
            return probe.normalize(targets, state).clone()

    return outputs, _in_a_thread(predict)


def _toggled(probe: Probe, context: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """Toggled before the context and after it: a layer may refuse, and not answer otherwise."""
    _toggle(probe)
    outputs, state = probe.condition(context)
    outputs = outputs.clone()
    _toggle(probe)
    try:
        return outputs, probe.normalize(targets, state).clone()
    except SubjectRaised:
        says_nothing("once its mode was toggled, the layer wants another context")


def _after_autocast(probe: Probe, context: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    # Other dtypes are to be expected, which the probe would object to; errors are no answer.
    with suppress(Exception), torch.autocast(context.device.type, torch.bfloat16):
        _, state = probe.norm.condition(context.clone())
        probe.norm.normalize(targets.clone(), state)
    return _whole(probe, context, targets)


def _after_half(probe: Probe, context: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    outputs, state = probe.condition(context)
    outputs = outputs.clone()
    with suppress(Exception):  # not every layer takes them
        probe.norm.normalize(targets.to(torch.bfloat16), state)
    return outputs, probe.normalize(targets, state).clone()


def _of_one_tensor(probe: Probe, context: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    both = torch.cat([context, targets])
    return _whole(probe, both[: len(context)], both[len(context) :])


_CALLED: dict[str, Callable[[Probe, Tensor, Tensor], tuple[Tensor, Tensor]]] = {
    "inference_mode": _in_inference_mode,
    "thread": _by_a_thread,
    "predicts in a thread": _predicted_by_a_thread,
    "toggled": _toggled,
    "autocast": _after_autocast,
    "half": _after_half,
    "one tensor": _of_one_tensor,
}
"""Ways that are more than a setting around both calls."""


@law(
    family=FAMILY,
    kind="rounded",
    level="should",
    source="torch's notes on inference mode: its tensors are not saved for backward",
    max_tasks=4,
    lanes=("native",),
)
def a_layer_that_met_inference_mode_trains(norm: Prober, task: Task) -> None:
    """A layer that was called in `torch.inference_mode()` takes gradients afterwards.

    Evaluation between two epochs is often done so. A violation is a tensor that is made at the
    first call and kept, in a cache or a workspace: made in inference mode, autograd refuses it
    ever after. Make it in the constructor, or outside of inference mode.
    """
    try:
        _train(norm.fresh(task), task)
    except SubjectRaised:
        says_nothing("a new layer takes no gradient either, of which other laws speak")
    probe = norm.fresh(task)
    with torch.inference_mode():
        answers(probe, task.context, task.targets)
    try:
        _train(probe, task)
    except SubjectRaised as raised:
        violate(
            f"once called in inference mode, it takes no gradient: {raised}",
            symptom="raised",
            expected="a gradient, as a new layer gives",
            actual=str(raised),
        )


def _train(probe: Probe, task: Task) -> None:
    """Take the gradient of the sum of all outputs by both sets."""
    sets = [values.clone().requires_grad_() for values in (task.context, task.targets)]
    with torch.enable_grad():
        outputs, state = probe.condition(sets[0])
        loss = outputs.sum() + probe.normalize(sets[1], state).sum()
    probe.grad(loss, sets)
