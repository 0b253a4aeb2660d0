"""What a layer's call takes beside its input."""

from __future__ import annotations

import inspect
from inspect import Parameter
from typing import Any

_NAMED = (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD, Parameter.KEYWORD_ONLY)


def side_parameters(layer: Any) -> dict[str, Parameter]:
    """The parameters of a call behind its first one, by name; those already bound left out.

    Empty where the signature cannot be read.
    """
    taken = set(getattr(layer, "bound_names", ()))
    named = [p for p in call_parameters(layer) if p.kind in _NAMED]
    return {p.name: p for p in named[1:] if p.name not in taken}


def call_parameters(layer: Any) -> list[Parameter]:
    """All parameters of the bare layer's call; none where the signature cannot be read."""
    bare = bare_layer(layer)
    try:
        whole = bare if hasattr(bare, "__signature__") else getattr(bare, "forward", bare)
        return list(inspect.signature(whole).parameters.values())
    except (TypeError, ValueError):
        return []


def required(parameters: dict[str, Parameter]) -> tuple[str, ...]:
    """The names that a call must give."""
    return tuple(name for name, p in parameters.items() if p.default is p.empty)


def bare_layer(layer: Any) -> Any:
    """The layer behind everything that was bound to its call."""
    while isinstance(layer, BoundCall):
        layer = layer.layer
    return layer


class BoundCall:
    """A layer of which some arguments are given with every call; all else is the layer's own.

    Subclasses say in `answer` how it is called. Nothing is copied: parameters are read anew.
    """

    bound_names: tuple[str, ...] = ()

    def __init__(self, layer: Any, names: tuple[str, ...] = ()) -> None:
        self.layer = layer
        self.bound_names = (*getattr(layer, "bound_names", ()), *names)

    def __call__(self, x: Any, *more: Any, **given: Any) -> Any:
        return self.answer(x, more, given)

    def answer(self, x: Any, more: tuple[Any, ...], given: dict[str, Any]) -> Any:
        raise NotImplementedError

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name == "layer":
            raise AttributeError(name)
        return getattr(self.layer, name)


def give(layer: Any, x: Any, name: str, value: Any, more: tuple[Any, ...], given: Any) -> Any:
    """Call the layer with one argument by its name, or by its place where it has no name."""
    found = side_parameters(bare_layer(layer)).get(name)
    if found is not None and found.kind is Parameter.POSITIONAL_ONLY:
        return layer(x, value, *more, **given)
    return layer(x, *more, **{name: value}, **given)
