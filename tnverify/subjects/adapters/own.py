"""A user's own adapter, and the slips that are its own rather than the layer's."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

import torch

from tnverify.contract.outcomes import SubjectRaised, first_line
from tnverify.subjects.adapters.base import Adapter
from tnverify.subjects.adapters.labelled import with_sides
from tnverify.subjects.building import build
from tnverify.subjects.guard import calling
from tnverify.subjects.ordinary import ordinary
from tnverify.subjects.spec import Unusable, parse_spec

if TYPE_CHECKING:
    from collections.abc import Callable

    from tnverify.subjects.subject import Factory

_RAISED = object()
"""Stands for the answer of a call that raised, or that was not made."""

_METHODS = {"condition": ("context",), "normalize": ("targets", "the task state")}


def own_adapter(name: str) -> Adapter:
    """The adapter that `module:Name` or `file.py:Name` names. Raises Unusable where it is not
    there, or is a layer."""
    wrap = parse_spec(name).load()
    if isinstance(wrap, type) and issubclass(wrap, torch.nn.Module):
        lacking = [m for m in _METHODS if not callable(getattr(wrap, m, None))]
        if lacking:
            raise Unusable(f"the adapter {name} is a layer without {' and '.join(lacking)}")
    return Adapter(name, "a user's own", lambda layer: with_sides(wrap(layer)))  # type: ignore[arg-type]  # callable, says load


def check_own(adapter: Adapter, factory: Factory, step: int, device: torch.device | str) -> None:
    """Raise Unusable, naming the adapter, where what it makes of a layer is no Norm."""
    said = f"the adapter {adapter.name}"
    layer = build(factory, 3 * step, (5, 4))
    try:
        with calling("build"):
            norm = adapter.wrap(layer)
    except SubjectRaised as raised:
        error = raised.error
        raise Unusable(
            f"{said} does not take the layer: {type(error).__name__}: {first_line(error)}; it is"
            " called with the layer alone and returns an object with condition and normalize"
        ) from None
    lacking = [method for method in _METHODS if not callable(getattr(norm, method, None))]
    if lacking:
        raise Unusable(
            f"{said} returns a {type(norm).__name__} without {' and '.join(lacking)}: an adapter"
            " has condition(context) -> (outputs, state) and normalize(targets, state) -> outputs"
        )
    for method, given in _METHODS.items():
        _check_arguments(said, method, getattr(norm, method), given)
    _check_answer(adapter, factory, step, device)


def _check_arguments(
    said: str, method: str, call: Callable[..., object], given: tuple[str, ...]
) -> None:
    try:
        signature = inspect.signature(call)
    except (TypeError, ValueError):
        return
    try:
        signature.bind(*given)
    except TypeError as error:
        raise Unusable(f"{said}: {method} does not take {' and '.join(given)}: {error}") from None


def _check_answer(
    adapter: Adapter, factory: Factory, step: int, device: torch.device | str
) -> None:
    """Check that condition returns a pair and normalize a tensor, where the task is taken."""
    said = f"the adapter {adapter.name}"
    slip: str | None = None
    for rank in (2, 1, 0, 3):
        task = ordinary(rank, step).build(torch.float32, device)
        try:
            answer, outputs = _called(adapter, factory, task)
        except _OwnError as error:
            slip = slip or str(error)
            continue
        if answer is _RAISED:
            continue
        if not (isinstance(answer, tuple | list) and len(answer) == 2):
            raise Unusable(
                f"{said}: condition returned {_in_words(answer)}, not two values: (outputs, state)"
            )
        if not isinstance(answer[0], torch.Tensor):
            raise Unusable(
                f"{said}: condition returned {_in_words(answer[0])} for its outputs, not a tensor"
            )
        if outputs is not _RAISED and not isinstance(outputs, torch.Tensor):
            raise Unusable(f"{said}: normalize returned {_in_words(outputs)}, not a tensor")
        return
    if slip is not None:
        raise Unusable(f"{said}: {slip}")


class _OwnError(Exception):
    """What a statement of the adapter itself raised, not the layer."""


def _called(adapter: Adapter, factory: Factory, task: Any) -> tuple[Any, Any]:
    """What condition and normalize return; _RAISED for each that does not, or is not called."""
    answer: Any = _RAISED
    outputs: Any = _RAISED
    norm: Any = None
    try:
        with calling("condition"), torch.no_grad():
            layer = factory(task.channels, task.spatial)
            if isinstance(layer, torch.nn.Module):
                layer = layer.to(device=task.device, dtype=task.dtype)
            norm = adapter.wrap(layer)
            answer = norm.condition(task.context.clone())
        if isinstance(answer, tuple | list) and len(answer) == 2:
            with calling("normalize"), torch.no_grad():
                outputs = norm.normalize(task.targets.clone(), answer[1])
    except SubjectRaised as raised:
        error = raised.error
        if isinstance(error, TimeoutError | SystemExit):
            raise
        own = (norm, getattr(norm, "inner", None))
        raised_in = _raised_in(error)
        if raised_in is not None and raised_in is not layer and any(raised_in is o for o in own):
            said = f"{raised.during} raised {type(error).__name__}: {first_line(error)}"
            raise _OwnError(said) from None
    return answer, outputs


def _raised_in(error: BaseException) -> object:
    """The object whose method raised the error; None where no method did."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return None if trace is None else trace.tb_frame.f_locals.get("self")


def _in_words(value: Any) -> str:
    if isinstance(value, torch.Tensor):
        return "one tensor"
    if isinstance(value, tuple | list):
        return f"{len(value)} values"
    return "nothing" if value is None else f"a {type(value).__name__}"
