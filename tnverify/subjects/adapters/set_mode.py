"""Layers that a method tells what is to come: a word, or a method for either side."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

import torch

from tnverify.subjects.adapters import words
from tnverify.subjects.adapters.base import Adapter, Evidence, needs_inner
from tnverify.subjects.adapters.option import best_switch
from tnverify.subjects.adapters.signature import BoundCall, bare_layer
from tnverify.subjects.adapters.spoken import pairs_of, spoken
from tnverify.subjects.adapters.texts import values_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tnverify.subjects.adapters.base import Around
    from tnverify.subjects.trial import Trial


class WithMethods(BoundCall):
    """Calls one method where others call train(), another where they call eval().

    A name that begins with a dot is an attribute, which is set instead.
    """

    def __init__(
        self, layer: Any, first: tuple[str, tuple[Any, ...]], second: tuple[str, tuple[Any, ...]]
    ) -> None:
        super().__init__(layer)
        self.first, self.second = first, second

    def train(self) -> None:
        self._told(*self.first)

    def eval(self) -> None:
        self._told(*self.second)

    def _told(self, name: str, given: tuple[Any, ...]) -> None:
        if name.startswith("."):
            setattr(bare_layer(self.layer), name[1:], *given)
        else:
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
    yield from _told(_setters(layer))
    plain = own_methods(layer, 0)
    firsts = [n for n in plain if _says(n, words.CONTEXT_VERBS)]
    seconds = [n for n in plain if _says(n, words.TARGET_VERBS)]
    for first in firsts[:4]:
        for second in seconds[:4]:
            if first != second:
                yield f"{first},{second}", _bind(f"{first},{second}")
    yield from _told(_attributes(layer))


def _told(
    told: Iterator[tuple[str, list[tuple[Any, Any]]]],
) -> Iterator[tuple[str, Callable[[Any], Any]]]:
    for name, values in told:
        for one, other in values:
            text = f"{name}={one!r},{other!r}"
            yield text, _bind(text)


def _setters(layer: Any) -> Iterator[tuple[str, list[tuple[Any, Any]]]]:
    """Methods that take one value, with the pairs of values that they may be told."""
    kind = type(bare_layer(layer))
    for name in own_methods(layer, 1):
        *_, parameter = list(inspect.signature(getattr(kind, name)).parameters.values())[:2]
        pairs = pairs_of([v for v in spoken(layer, parameter.name) if isinstance(v, str)])
        if name in words.SETTERS:
            pairs += list(words.WORDS)
        elif parameter.annotation in (bool, "bool") or isinstance(parameter.default, bool):
            pairs += _EITHER
        elif not pairs and _says(name, _SETTING) and _says(name, _VERBS):
            pairs = _EITHER
        if pairs:
            yield name, list(dict.fromkeys(pairs))


def _attributes(layer: Any) -> Iterator[tuple[str, list[tuple[Any, Any]]]]:
    """Attributes and properties, of the layer's own class, that its source compares with texts or
    that are switches by their names, with the pairs of values that they may be given."""
    bare = bare_layer(layer)
    kinds = [k for k in type(bare).__mro__ if not k.__module__.startswith(("torch.", "builtins"))]
    held: dict[str, Any] = {}
    for kind in kinds:
        for name, value in vars(kind).items():
            if isinstance(value, property) and value.fset is not None:
                held[name] = getattr(bare, name, None)
            elif type(value) in (str, bool):
                held[name] = getattr(bare, name, value)
    held |= {name: value for name, value in vars(bare).items() if type(value) in (str, bool)}
    for name, value in held.items():
        if name.startswith("_") or name in ("training", *vars(torch.nn.Module)):
            continue
        if isinstance(value, str):
            pairs = pairs_of([value, *(v for v in spoken(layer, name) if isinstance(v, str))])
        else:
            pairs = _EITHER if isinstance(value, bool) and _says(name, _VERBS) else []
        if pairs:
            yield f".{name}", pairs


def _says(name: str, verbs: tuple[str, ...]) -> bool:
    return any(part.startswith(verbs) for part in name.split("_"))


_VERBS = (*words.CONTEXT_VERBS, *words.TARGET_VERBS, "store", "stored", "cache", "batch", "task")
_SETTING = ("set", "enable", "use", "switch", "toggle")
_EITHER: list[tuple[Any, Any]] = [(True, False), (False, True)]


def recognise(trial: Trial) -> Evidence | None:
    """After one of its methods a call conditions, and after another it answers by that."""
    if not callable(trial.layer):
        return None
    return best_switch(trial, SET_MODE, _switches(trial.layer), conditions=True)


SET_MODE = Adapter(
    "set_mode",
    "a method tells what is to come: set_mode[set_mode='support','query']+mode_flag, or one for"
    " either side, set_mode[condition_mode,predict_mode]+mode_flag, or an attribute that is set,"
    " set_mode[.phase='adapt','infer']+mode_flag",
    needs_inner("set_mode"),
    recognise=recognise,
    around=_around,
)
