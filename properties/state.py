"""What a call may leave behind: nothing but the task state, and that survives being copied."""

from __future__ import annotations

import random
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
import torch

from tnverify.catalogue import law
from tnverify.tolerances import expect, expect_close, expect_same, not_claimed

from . import calls, state_copies, surroundings
from .derived import answers, seeded

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tnverify.contract import Prober, Task

FAMILY = "state"
PROTOCOL = "protocol: two pure calls with the task state in the open"


@law(family=FAMILY, kind="exact", source=PROTOCOL, about="writes")
def input_is_not_modified(norm: Prober, task: Task) -> None:
    """The context and the targets are as they were after both calls.

    A violation is an in-place step on the input (`x -= mean`, `x.clamp_()`, `x[x == 0] = eps`).
    Residual connections read the input again, and autograd then computes other gradients or
    refuses. Work on a new tensor.
    """
    probe = norm.fresh(task, lend=True)
    context, targets = task.context.clone(), task.targets.clone()
    with torch.no_grad():
        _, state = probe.condition(context)
        probe.normalize(targets, state)
    expect_same(context, task.context, "the context after both calls", symptom="state")
    expect_same(targets, task.targets, "the targets after the call", symptom="state")


@contextmanager
def _moved_generators() -> Iterator[None]:
    """The generators of Python and NumPy moved on inside, so that reseeding them shows."""
    python = random.getstate()
    numpy = np.random.get_state()  # noqa: NPY002 - the global one is watched
    try:
        random.random()
        np.random.random()  # noqa: NPY002 - as above
        yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)  # noqa: NPY002 - as above


@law(family=FAMILY, kind="exact", source=PROTOCOL, about="draws")
def calls_are_deterministic(norm: Prober, task: Task) -> None:
    """Two fresh instances give the same task the same outputs, whatever the global seed.

    A violation is noise (dropout that stays on, jitter against division by zero), uninitialised
    memory, or a counter that instances share. Two runs of one evaluation then differ.
    """
    probe = norm.fresh(task)
    with seeded(task.salt + 7919), _moved_generators():
        context, targets = answers(probe, task.context, task.targets)
    run = norm.run(task)
    expect_same(targets, run.targets, "the targets of a second fresh instance", symptom="state")
    expect_same(context, run.context, "the context outputs of such an instance", symptom="state")


@law(family=FAMILY, kind="exact", source=PROTOCOL, about="draws")
def calls_draw_no_random_numbers(norm: Prober, task: Task) -> None:
    """No call touches the global random generators of torch, NumPy or Python.

    A violation with `calls_are_deterministic` held is a layer that reseeds before it draws, or
    draws what it does not use: it changes every later draw of the program around it, such as
    which tasks are sampled next. Use a generator of its own.
    """
    probe = norm.fresh(task)
    with seeded(task.salt + 7919), _moved_generators():
        before = _generators(task)
        answers(probe, task.context, task.targets)
        after = _generators(task)
    for name, then in before.items():
        expect(
            then == after[name], f"the calls moved the global generator of {name}", symptom="state"
        )


def _generators(task: Task) -> dict[str, object]:
    """The state of each global generator as a value that can be compared."""
    numpy_state = np.random.get_state(legacy=False)  # noqa: NPY002 - the global one is watched
    inner = numpy_state["state"]
    states: dict[str, object] = {
        "torch": torch.get_rng_state().numpy().tobytes(),
        "NumPy": (inner["key"].tobytes(), inner["pos"], numpy_state["has_gauss"]),
        "Python": random.getstate(),
    }
    if task.device.type == "cuda":
        states["CUDA"] = torch.cuda.get_rng_state(task.device).numpy().tobytes()
    return states


@law(family=FAMILY, kind="exact", source=PROTOCOL)
def parameters_do_not_change_in_forward(norm: Prober, task: Task) -> None:
    """Both calls leave every parameter's values, gradient and requires_grad as they were.

    Only an optimiser may change parameters. A violation is a constraint applied in place
    (`weight.data.clamp_`), decay or renormalisation inside forward, or a call to backward there.
    """
    probe = norm.fresh(task)
    if probe.module is None:
        not_claimed("the layer is no torch module, so its parameters are not known")
    held = [
        (name, parameter, parameter.detach().clone(), parameter.requires_grad)
        for name, parameter in probe.module.named_parameters()
    ]
    answers(probe, task.context, task.targets)
    now = dict(probe.module.named_parameters())
    for name, parameter, values, requires_grad in held:
        expect(
            now.get(name) is parameter,
            f"parameter {name} was replaced by another",
            symptom="state",
        )
        expect_same(
            parameter.detach(), values, f"parameter {name} after both calls", symptom="state"
        )
        expect(
            parameter.requires_grad == requires_grad and parameter.grad is None,
            f"parameter {name} was frozen, unfrozen or given a gradient by a forward call",
            symptom="state",
        )


@law(family=FAMILY, kind="rounded", source="protocol: meta-training tracks gradients, tests do not")
def tracking_gradients_changes_no_answer(norm: Prober, task: Task) -> None:
    """The outputs are the same whether or not gradients are tracked.

    Training runs with gradients and evaluation under `torch.no_grad()`. A violation is a layer
    that takes the one for the other (`torch.is_grad_enabled()` for "training"): what is evaluated
    is then not what was trained.
    """
    probe = norm.fresh(task)
    with torch.enable_grad():
        context, state = probe.condition(task.context.clone())
        context = context.detach().clone()
        targets = probe.normalize(task.targets.clone(), state).detach()
    run, bound = norm.run(task), norm.bound(task)
    expect_close(targets, run.targets, 2 * bound.targets, "targets with gradients tracked")
    expect_close(context, run.context, 2 * bound.context, "context outputs with gradients tracked")


@law(family=FAMILY, kind="exact", source=PROTOCOL)
def conditioning_twice_equals_conditioning_once(norm: Prober, task: Task) -> None:
    """Conditioning a second time on the same context changes no answer.

    A second epoch over a context, or a retry, must not count it twice. A violation is state that
    accumulates: a moving average, a count, a list of moments that is appended to.
    `a_task_forgets_the_task_before` sees most of these too; this one tells accumulation within a
    task from leakage between tasks, and sees what a reset on a change of shape hides.
    """
    probe = norm.fresh(task)
    with torch.no_grad():
        probe.condition(task.context.clone())
    context, targets = answers(probe, task.context, task.targets)
    run = norm.run(task)
    expect_same(targets, run.targets, "the targets after conditioning twice", symptom="state")
    expect_same(context, run.context, "the second context outputs", symptom="state")


LAWS = (
    input_is_not_modified,
    calls_are_deterministic,
    calls_draw_no_random_numbers,
    parameters_do_not_change_in_forward,
    tracking_gradients_changes_no_answer,
    *state_copies.LAWS,
    *calls.LAWS,
    conditioning_twice_equals_conditioning_once,
    *surroundings.LAWS,
)
