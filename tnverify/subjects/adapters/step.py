"""Layers that are told the number of the inner loop's step, for weights or moments of each."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch

from tnverify.contract.outcomes import SubjectRaised, first_line
from tnverify.subjects.adapters import words
from tnverify.subjects.adapters.base import Adapter, Evidence, Strength, around, needs_inner
from tnverify.subjects.adapters.set_mode import own_methods
from tnverify.subjects.adapters.signature import BoundCall, bare_layer, give, required
from tnverify.subjects.adapters.texts import values_of
from tnverify.subjects.spec import Unusable
from tnverify.subjects.trial import same

if TYPE_CHECKING:
    from inspect import Parameter

    from tnverify.subjects.adapters.base import Around
    from tnverify.subjects.trial import Trial

_COUNTS = (
    "num_steps", "n_steps", "steps", "num_inner_steps", "inner_steps", "max_steps",
    "max_num_steps", "total_steps", "number_of_steps", "n_inner_steps", "num_inner_loop_steps",
)  # fmt: skip
_NUMBERED = frozenset(("step", "steps", "iter", "inner", "idx", "index", "i", "k", "t", "loop"))
"""Words in the names of arguments that number something."""

_ASSUMED = 3
_MOST = 33
"""Steps that are tried to see at which a layer raises first."""

_EACH = 8
"""So many steps are called each; of more, some at both ends and one between."""


class AtEachStep(BoundCall):
    """Calls the layer at each step and returns the mean of the answers, so that each is seen.

    A name that begins with a dot is an attribute, and one that ends with () a method, that is told
    the step before the call.
    """

    def __init__(self, layer: Any, name: str, steps: tuple[int, ...]) -> None:
        super().__init__(layer, (name,))
        self.name, self.steps = name, steps

    def answer(self, x: Any, more: tuple[Any, ...], given: dict[str, Any]) -> Any:
        answers = [self._at(step, x, more, given) for step in self.steps]
        if len(answers) == 1 or not all(isinstance(y, torch.Tensor) for y in answers):
            return answers[-1]
        # Summed, not stacked: sums keep the memory format of what they add.
        return sum(answers[1:], answers[0]) / len(answers)

    def _at(self, step: int, x: Any, more: tuple[Any, ...], given: dict[str, Any]) -> Any:
        if self.name.startswith("."):
            setattr(bare_layer(self.layer), self.name[1:], step)
        elif self.name.endswith("()"):
            getattr(self.layer, self.name[:-2])(step)
        else:
            return give(self.layer, x, self.name, step, more, given)
        return self.layer(x, *more, **given)


def _around(text: str) -> Around:
    name, _, values = text.partition("=")
    steps = values_of(values)
    return lambda wrap: lambda layer: wrap(AtEachStep(layer, name, steps))


def _how_many(trial: Trial, name: str) -> int:
    """How many steps a layer answers at, where it does not at all; else as many as it says that
    it is built for."""
    for step in range(_MOST):
        if _refusal(_bound(trial, name, (step,))) is not None:
            return step or _said_by(trial.layer)
    return _said_by(trial.layer)


def _said_by(layer: Any) -> int:
    """How many steps a layer says that it is built for, or has weights or moments for."""
    bare = bare_layer(layer)
    for name in _COUNTS:
        count = getattr(bare, name, None)
        if isinstance(count, int) and not isinstance(count, bool) and count > 0:
            return count
    if isinstance(bare, torch.nn.Module):
        for child in bare.children():
            if isinstance(child, torch.nn.ModuleList | torch.nn.ParameterList) and len(child):
                return len(child)
        leading = [t.shape[0] for t in (*bare.parameters(), *bare.buffers()) if t.dim() > 1]
        if leading:
            return min(leading)
    return _ASSUMED


def _chosen(count: int) -> tuple[int, ...]:
    if count <= _EACH:
        return tuple(range(count))
    return (0, 1, 2, count // 2, count - 2, count - 1)


def recognise(trial: Trial) -> Evidence | None:
    """Its call takes the number of a step, and answers at those that it has weights for."""
    if not callable(trial.layer):
        return None
    for name, parameter in trial.parameters.items():
        if name in words.STEPS or _may_be_step(name, parameter):
            found = _at_steps(trial, name)
            if found is not None:
                return found
    if required(trial.parameters):
        return None
    for name in _told(trial.layer):
        if _matters(trial, name):
            return _at_steps(trial, name)
    return None


def _may_be_step(name: str, parameter: Parameter) -> bool:
    """Whether an argument that must be given is a whole number, by its name or annotation."""
    if parameter.default is not parameter.empty:
        return False
    numbered = bool(set(name.lower().split("_")) & _NUMBERED)
    return numbered or parameter.annotation in (int, "int")


def _told(layer: Any) -> list[str]:
    """Methods and attributes by which a layer is told the step, as AtEachStep names them."""
    methods = [f"{n}()" for n in own_methods(layer, 1) if _says_step(n) and "set" in n.split("_")]
    held = getattr(bare_layer(layer), "__dict__", {})
    numbers = [n for n, v in held.items() if type(v) is int and n in words.STEPS - set(_COUNTS)]
    return [*methods[:3], *(f".{name}" for name in numbers[:3])]


def _says_step(name: str) -> bool:
    return any(part.startswith(("step", "iter")) for part in name.split("_"))


def _matters(trial: Trial, name: str) -> bool:
    """Whether another step answers otherwise, with parameters such as training leaves."""
    trained = replace(trial, trained=True, memo={})
    try:
        answers = [
            _bound(trained, name, (step,)).run(lambda layer: layer(trial.contexts[0].clone()))
            for step in (0, 1)
        ]
    except Unusable:
        return False
    return all(isinstance(y, torch.Tensor) for y in answers) and not same(*answers)


def _at_steps(trial: Trial, name: str) -> Evidence | None:
    count = _how_many(trial, name)
    steps = _chosen(count)
    inner = trial.ask(_bound(trial, name, steps))
    if inner is None or inner.strength is Strength.LAST_RESORT:
        steps = (0,)
        inner = trial.ask(_bound(trial, name, steps))
    if inner is None:
        return None
    takes = f"its call takes {name}" if name.isidentifier() else f"{name.strip('.')} tells the step"
    said = f"{takes}, and was made at each of {', '.join(map(str, steps))}"
    beyond = _refusal(_bound(trial, name, (count,)))
    if beyond is None and steps != (0,):
        steps = (*steps, count)
        said = f"{said} and at {count}, one more than it was built for"
    elif beyond is not None:
        said = f"{said}; at {count}, one more than it was built for, it raises {beyond}"
    text = f"{name}={','.join(map(str, steps))}"
    sentence = f"{said}; {inner.sentence}"
    return Evidence(around(STEP, text, inner.adapter), Strength.NAMED, sentence, inner.cautions)


def _bound(trial: Trial, name: str, steps: tuple[int, ...]) -> Trial:
    return trial.through("step", lambda layer: AtEachStep(layer, name, steps))


def _refusal(trial: Trial) -> str | None:
    """What the call raises, in a line; None where it answers or cannot be made so."""
    try:
        answer = trial.run(lambda layer: layer(trial.contexts[0].clone()))
    except Unusable as error:
        return first_line(error).rpartition(": ")[0].rpartition(": ")[2] or "an error"
    if isinstance(answer, SubjectRaised):
        return type(answer.error).__name__
    return None


STEP = Adapter(
    "step",
    "a step's number on every call: step[num_step=0,1,2]+frozen calls at each and takes the mean"
    " of the answers; step[set_step()=0,1] calls a method before it, step[.step=0,1] sets an"
    " attribute",
    needs_inner("step"),
    recognise=recognise,
    around=_around,
)
