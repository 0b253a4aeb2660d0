"""Layers with a method for the context and another for targets: forward_support, forward_query."""

from __future__ import annotations

import inspect
from functools import partial
from typing import TYPE_CHECKING, Any

import torch

from tnverify.contract.outcomes import SubjectRaised
from tnverify.subjects.adapters import words
from tnverify.subjects.adapters.base import Adapter, Evidence, Strength, around, needs_inner
from tnverify.subjects.adapters.mode_flag import MODE_FLAG
from tnverify.subjects.adapters.no_context import NO_CONTEXT
from tnverify.subjects.adapters.set_mode import own_methods
from tnverify.subjects.adapters.signature import bare_layer
from tnverify.subjects.spec import Unusable
from tnverify.subjects.trial import same

if TYPE_CHECKING:
    from torch import Tensor

    from tnverify.subjects.adapters.base import Around
    from tnverify.subjects.trial import Trial

_MOST = 4


class TwoMethods:
    """Gives the context to one method and targets to another, with what the first returned beside
    its outputs where the second takes that. The mode that it was built in is left alone."""

    def __init__(self, layer: Any, methods: tuple[str, str]) -> None:
        self.layer = layer
        self.first, self.second = (getattr(layer, name) for name in methods)
        self._takes_state = _count(self.second) > 1

    def condition(self, context: Tensor) -> tuple[Tensor, object]:
        answer = self.first(context)
        if not isinstance(answer, tuple):
            return answer, None
        return answer[0], answer[1] if len(answer) == 2 else answer[1:]

    def normalize(self, targets: Tensor, state: object) -> Tensor:
        answer = self.second(targets, state) if self._takes_state else self.second(targets)
        outputs: Tensor = answer[0] if isinstance(answer, tuple) else answer
        return outputs


def _count(method: Any) -> int:
    """How many arguments a method must be given."""
    parameters = inspect.signature(method).parameters.values()
    return sum(p.default is p.empty and p.kind.value < 2 for p in parameters)


def _around(text: str) -> Around:
    first, second = text.split(",")
    return lambda _: lambda layer: TwoMethods(layer, (first, second))


def recognise(trial: Trial) -> Evidence | None:
    """One of its methods answers for a context, another for targets, by that context."""
    bare = bare_layer(trial.layer)
    if trial.parts or not isinstance(bare, torch.nn.Module):
        return None
    if all(callable(getattr(bare, name, None)) for name in ("condition", "normalize")):
        return None  # the task state is in the open, which is known without a call
    firsts = [n for n in own_methods(bare, 1) if _says(n, words.CONTEXT_VERBS)]
    seconds = [*own_methods(bare, 1), *own_methods(bare, 2)]
    seconds = [n for n in dict.fromkeys(seconds) if _says(n, words.TARGET_VERBS)]
    for first in firsts[:_MOST]:
        for second in seconds[:_MOST]:
            if first != second and _conditions(trial, (first, second)):
                said = f"{first}() answers for a context, and {second}() for targets by that"
                state_is_live = _count(getattr(bare, second)) < 2
                inner = MODE_FLAG if state_is_live else NO_CONTEXT
                found = around(METHODS, f"{first},{second}", inner)
                return Evidence(found, Strength.NAMED, said)
    return None


def _says(name: str, verbs: tuple[str, ...]) -> bool:
    return any(part.startswith(verbs) for part in name.split("_"))


def _conditions(trial: Trial, methods: tuple[str, str]) -> bool:
    """Whether both methods answer in the input's shape, the second otherwise after another
    context."""
    first, second, _ = trial.contexts
    try:
        answers = [trial.run(partial(_answered, trial, methods, c)) for c in (first, second)]
    except (SubjectRaised, Unusable):
        return False
    shape = trial.targets.shape
    fit = all(isinstance(y, torch.Tensor) and y.shape == shape for y in answers)
    return fit and not same(*answers)


def _answered(trial: Trial, methods: tuple[str, str], context: Tensor, layer: Any) -> Any:
    norm = TwoMethods(layer, methods)
    outputs: Any
    outputs, state = norm.condition(context.clone())
    if not isinstance(outputs, torch.Tensor) or outputs.shape != context.shape:
        return None
    return norm.normalize(trial.targets.clone(), state)


METHODS = Adapter(
    "methods",
    "a method for the context and another for targets: methods[forward_support,forward_query]"
    "+mode_flag, or +no_context where a state is handed from one to the other",
    needs_inner("methods"),
    recognise=recognise,
    around=_around,
)
