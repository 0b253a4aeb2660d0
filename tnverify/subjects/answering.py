"""Whether a layer answers ordinary tasks at all: one that never does has nothing to be asked."""

from __future__ import annotations

import inspect
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch

from tnverify.contract.outcomes import SubjectRaised, Violation, first_line
from tnverify.subjects.building import build
from tnverify.subjects.guard import calling
from tnverify.subjects.handles import has_eps
from tnverify.subjects.ordinary import ordinary_tasks
from tnverify.subjects.prober import SubjectProber
from tnverify.subjects.spec import Unusable

if TYPE_CHECKING:
    from tnverify.contract.task import Task
    from tnverify.subjects.subject import Subject

_MOST_METHODS = 12
"""Set-up methods that are tried, so that a layer with many methods costs no minute."""


def expect_answers(subject: Subject) -> None:
    """Raise Unusable where the layer raises on every ordinary task.

    The message has the error, the call that raised it and, where one is known, what would help.
    So it is with a network, whose outputs are no norm's: the norms in it are named.
    """
    _expect_no_network(subject)
    raised = _refusal(subject)
    if raised is not None:
        error = raised.error
        raise Unusable(
            f"it raises on every ordinary task, in {raised.during}: {type(error).__name__}:"
            f" {first_line(error)}; {_help(subject, error)}"
        )


def _expect_no_network(subject: Subject) -> None:
    task = ordinary_tasks(subject)[0]
    layer = build(subject.factory, task.channels, task.spatial)
    if not isinstance(layer, torch.nn.Module):
        return
    paths = [name for name, part in layer.named_modules() if name and has_eps(part)]
    shape = _shape_of_answer(subject, task) if paths else None
    if shape is not None and len(shape) != task.context.dim():
        spec, several = subject.name.partition("#")[0], len(paths) > 1
        raise Unusable(
            f"it answers to {tuple(task.context.shape)} with {shape}, as a network does and no"
            f" norm: name the norm that is meant, {spec}#{paths[0]}"
            + (f" or another of {', '.join(paths[1:4])}" if several else "")
        )


def _shape_of_answer(subject: Subject, task: Task) -> tuple[int, ...] | None:
    """The shape of what the layer answers to a context, as the adapter calls it; None where that is
    no tensor, or it raises."""
    answer: Any
    try:
        with calling("condition"), torch.no_grad():
            probe = SubjectProber(subject).fresh(task)
            answer = probe.norm.condition(task.context.clone())
    except SubjectRaised:
        return None
    outputs = answer[0] if isinstance(answer, tuple) and answer else None
    return tuple(outputs.shape) if isinstance(outputs, torch.Tensor) else None


def _refusal(subject: Subject) -> SubjectRaised | None:
    """What the layer raises first, if it raises on all ordinary tasks; None where it answers one.

    An answer of a wrong form is one: laws speak of it. So they do of a layer that hangs, or that
    ends its process.
    """
    first: SubjectRaised | None = None
    prober = SubjectProber(subject)
    for task in ordinary_tasks(subject):
        try:
            prober.run(task)
        except SubjectRaised as raised:
            if isinstance(raised.error, TimeoutError | SystemExit):
                return None
            first = first or raised
        except Violation:
            return None
        else:
            return None
    return first


def _help(subject: Subject, error: BaseException) -> str:
    """What to do about it, as the end of a sentence."""
    text = str(error)
    if isinstance(error, TypeError) and "missing" in text and "argument" in text:
        wanted = text.rpartition(":")[2].strip()
        return f"it wants {wanted}: write an adapter that passes it, and name it with --adapter"
    if subject.device.type == "cpu" and ("CUDA" in text or "NVIDIA" in text):
        return "it moves tensors to a CUDA device: run it there with --device cuda"
    if subject.factory.setup is None:
        for name in _setup_methods(build(subject.factory, 2 * subject.channel_step, (4, 4))):
            trial = replace(subject, factory=replace(subject.factory, setup=name))
            if _refusal(trial) is None:
                return f"it answers once {name}() was called: --setup {name}"
    return "if it is called in another way, write an adapter and name it with --adapter"


def _setup_methods(layer: Any) -> list[str]:
    """Public methods of the layer's own that can be called without arguments."""
    usual = set(dir(torch.nn.Module)) | {"condition", "normalize", "observe"}
    names = [name for name in dir(type(layer)) if not name.startswith("_") and name not in usual]
    return [name for name in names if _needs_nothing(getattr(layer, name, None))][:_MOST_METHODS]


def _needs_nothing(method: Any) -> bool:
    if not inspect.ismethod(method):
        return False
    parameters = inspect.signature(method).parameters.values()
    return all(p.default is not p.empty or p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD)
               for p in parameters)  # fmt: skip
