"""Layers that a method tells what is to come: a word, or a method for either side."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

import torch

from tnverify.subjects.adapters import words
from tnverify.subjects.adapters.base import Adapter, Evidence, needs_inner
from tnverify.subjects.adapters.option import best_switch
from tnverify.subjects.adapters.signature import BoundCall, bare_layer
from tnverify.subjects.adapters.texts import values_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tnverify.subjects.adapters.base import Around
    from tnverify.subjects.trial import Trial


class WithMethods(BoundCall):
    """Calls one method where others call train(), another where they call eval()."""

    def __init__(
        self, layer: Any, first: tuple[str, tuple[Any, ...]], second: tuple[str, tuple[Any, ...]]
    ) -> None:
        super().__init__(layer)
        self.first, self.second = first, second

    def train(self) -> None:
        name, given = self.first
        getattr(self.layer, name)(*given)

    def eval(self) -> None:
        name, given = self.second
        getattr(self.layer, name)(*given)

    def answer(self, x: Any, more: tuple[Any, ...], given: dict[str, Any]) -> Any:
        return self.layer(x, *more, **given)


def _bind(text: str) -> Callable[[Any], WithMethods]:
    name, equals, values = text.partition("=")
    if equals:
        one, other = values_of(values)
        return lambda layer: WithMethods(layer, (name, (one,)), (name, (other,)))
    first, second = text.split(",")
    return lambda layer: WithMethods(layer, (first, ()), (second, ()))


def _around(text: str) -> Around:
    bind = _bind(text)
    return lambda wrap: lambda layer: wrap(bind(layer))


def own_methods(layer: Any, arguments: int) -> list[str]:
    """The public methods of a layer, beside those of every module, that take so many arguments
    and need no more."""
    kind = type(bare_layer(layer))
    usual = set(dir(torch.nn.Module)) | {"forward"}
    found = []
    for name in dir(kind):
        if name.startswith("_") or name in usual:
            continue
        method = getattr(kind, name, None)
        if not inspect.isfunction(method) or method.__module__.startswith("torch."):
            continue
        parameters = list(inspect.signature(method).parameters.values())[1:]
        needed = [p for p in parameters if p.default is p.empty and p.kind.value < 2]
        if len(needed) <= arguments <= len(parameters):
            found.append(name)
    return found


def _switches(layer: Any) -> Iterator[tuple[str, Callable[[Any], Any]]]:
    for name in own_methods(layer, 1):
        if name in words.SETTERS:
            for one, other in words.WORDS:
                text = f"{name}={one!r},{other!r}"
                yield text, _bind(text)
    plain = own_methods(layer, 0)
    firsts = [n for n in plain if _says(n, words.CONTEXT_VERBS)]
    seconds = [n for n in plain if _says(n, words.TARGET_VERBS)]
    for first in firsts[:4]:
        for second in seconds[:4]:
            if first != second:
                yield f"{first},{second}", _bind(f"{first},{second}")


def _says(name: str, verbs: tuple[str, ...]) -> bool:
    return any(part.startswith(verbs) for part in name.split("_"))


def recognise(trial: Trial) -> Evidence | None:
    """After one of its methods a call conditions, and after another it answers by that."""
    if not callable(trial.layer):
        return None
    return best_switch(trial, SET_MODE, _switches(trial.layer), conditions=True)


SET_MODE = Adapter(
    "set_mode",
    "a method tells what is to come: set_mode[set_mode='support','query']+mode_flag, or one for"
    " either side, set_mode[condition_mode,predict_mode]+mode_flag",
    needs_inner("set_mode"),
    recognise=recognise,
    around=_around,
)
