"""Whether a conditioned layer survives being copied, pickled, and saved and loaded.

For a layer whose task state is the live instance, the copy carries the task. Where the state is
a value of its own, it is copied beside the layer; a state that holds a graph is then the
caller's to detach, and only the layer is asked to survive.
"""

from __future__ import annotations

import copy
import io
import pickle
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch

from tnverify.catalogue import law
from tnverify.contract import Parameters, SubjectRaised
from tnverify.contract.outcomes import first_line
from tnverify.tolerances import expect_same, not_claimed, says_nothing, violate

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from tnverify.contract import Draw, Norm, Probe, Prober, Task

FAMILY = "state"
SOURCE = "protocol: a conditioned layer is a value"
_TASKS = 12
"""Copies cost more than calls, and what breaks them rarely depends on the task."""


def _surviving(
    what: str, call: Callable[[], Any], original: Callable[[], Any] = lambda: None
) -> Any:
    """What the call returns; a Violation that carries what it raised, where it did.

    `original` makes the same call without a copy: what it raises too is no matter of copying.
    """
    try:
        return call()
    except Exception as error:  # noqa: BLE001 - whatever is raised is the finding
        original()
        inner = error.error if isinstance(error, SubjectRaised) else error
        if isinstance(inner, NotImplementedError):
            not_claimed(f"{what} is not offered: {first_line(inner)}")
        violate(
            f"{what}: {type(inner).__name__}: {first_line(inner)}",
            symptom="state",
            expected="no error",
            actual=type(inner).__name__,
        )


def _conditioned(norm: Prober, task: Task, *, graph: bool) -> tuple[Probe, object]:
    """An instance conditioned on the context, which is part of a graph or not."""
    probe = norm.fresh(task)
    context = task.context.clone().requires_grad_(graph)
    try:
        with torch.set_grad_enabled(graph):
            # Times one: in a network the context comes out of an operation and is no leaf.
            return probe, probe.condition(context * 1 if graph else context)[1]
    except SubjectRaised:
        if graph:
            says_nothing("the layer takes no context with a graph; other laws speak of that")
        raise


def _copied(probe: Probe, state: object, *, graph: bool) -> tuple[Norm, object]:
    """Deep copies of the layer and of its task state."""
    memo: dict[int, Any] = {}
    twin = copy.deepcopy(probe.norm, memo)
    if id(state) in memo:
        return twin, memo[id(state)]  # the live instance is the state
    return twin, state if graph else copy.deepcopy(state, memo)


def _answer(norm: Norm | Probe, task: Task, state: object) -> Tensor:
    with torch.no_grad():
        return norm.normalize(task.targets.clone(), state).clone()


def _answer_of_copy(
    what: str, twin: tuple[Norm, object], probe: Probe, state: object, task: Task
) -> Tensor:
    """The answer of a copy of the layer and its state. A task that the original refuses too, as
    one without any target, is no matter of copying."""
    answer: Tensor = _surviving(
        what, lambda: _answer(twin[0], task, twin[1]), lambda: _answer(probe, task, state)
    )
    return answer


@law(family=FAMILY, kind="exact", level="should", source=SOURCE, max_tasks=_TASKS)
def a_conditioned_layer_survives_deep_copying(norm: Prober, task: Task, draw: Draw) -> None:
    """A deep copy of a conditioned layer answers as the original does, and holds its own task.

    Learners are copied for every task (MAML's inner loop, averaged models). A layer that keeps
    the moments of a context with a graph in plain attributes cannot be copied at all: torch
    copies leaves alone. Keep the state out of the layer, or write `__deepcopy__`.
    """
    graph = bool(draw.index(2))
    which = "a layer conditioned on a context with a graph" if graph else "a conditioned layer"
    probe, state = _conditioned(norm, task, graph=graph)
    twin, twin_state = _surviving(
        f"deep copying {which}", lambda: _copied(probe, state, graph=graph)
    )
    answer = _answer_of_copy("the copy's answer", (twin, twin_state), probe, state, task)
    with torch.no_grad():
        _surviving("conditioning the copy anew", lambda: twin.condition(draw.noise(task.context)))
        original = probe.normalize(task.targets.clone(), state)
    expect_same(answer, original, "a copy's answer beside the original's", symptom="state")


@law(family=FAMILY, kind="exact", level="should", source=SOURCE, max_tasks=_TASKS)
def a_conditioned_layer_survives_pickling(norm: Prober, task: Task) -> None:
    """A conditioned layer that was pickled and unpickled answers as it did.

    Workers get their learner by pickle. A violation is a lambda, a lock, a hook or a local class
    kept on the layer, or a `__getstate__` that leaves the task out.
    """
    probe, state = _conditioned(norm, task, graph=False)

    def through_pickle() -> tuple[Norm, object]:
        data = pickle.dumps((probe.norm, state))
        return pickle.loads(data)  # type: ignore[no-any-return]  # noqa: S301 - written just above

    twin, twin_state = _surviving("pickling a conditioned layer", through_pickle)
    what = "the unpickled layer's answer"
    answer = _answer_of_copy(what, (twin, twin_state), probe, state, task)
    with torch.no_grad():
        original = probe.normalize(task.targets.clone(), state)
    expect_same(answer, original, "an unpickled layer's answer", symptom="state")


@law(family=FAMILY, kind="exact", level="should", source=SOURCE, max_tasks=_TASKS)
def a_conditioned_layer_survives_saving_and_loading(norm: Prober, task: Task) -> None:
    """A conditioned layer's state_dict, saved and loaded into a new instance, keeps its answers.

    The new instance has met no task and no meta-training. A violation is a moment, a flag or a
    count in a plain attribute, which no state_dict holds, or a buffer that is registered only
    once there is a context, which a new instance then refuses to load. Register buffers when the
    layer is built.
    """
    probe, state = _conditioned(norm, task, graph=False)
    if probe.module is None:
        not_claimed("the layer is no torch module, so it has no state_dict")
    file = io.BytesIO()
    live = state is probe.module
    kept = {"layer": probe.module.state_dict(), "state": None if live else state}
    other = norm.fresh(replace(task, parameters=Parameters(), past=()))
    assert other.module is not None

    def through_file() -> object:
        torch.save(kept, file)
        file.seek(0)
        loaded = torch.load(file, weights_only=False)
        other.module.load_state_dict(loaded["layer"])  # type: ignore[union-attr]  # asserted above
        return other.module if live else loaded["state"]

    other_state = _surviving("saving and loading a conditioned layer", through_file)
    what = "a saved and loaded layer's answer"
    answer = _answer_of_copy(what, (other.norm, other_state), probe, state, task)
    with torch.no_grad():
        original = probe.normalize(task.targets.clone(), state)
    expect_same(answer, original, "a saved and loaded layer's answer", symptom="state")


LAWS = (
    a_conditioned_layer_survives_deep_copying,
    a_conditioned_layer_survives_pickling,
    a_conditioned_layer_survives_saving_and_loading,
)
