"""Which objects are JAX layers, and what their constructors are given beside channels."""

from __future__ import annotations

import inspect
import warnings
from dataclasses import dataclass, field
from inspect import Parameter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

_BASES = {
    "flax.nnx": "nnx",
    "flax.linen": "linen",
    "equinox._module": "equinox",
    "haiku._src": "haiku",
}
"""Where the base class `Module` of each library lies, and what the library is called here."""

_FILLED: dict[str, Any] = {
    "axis_name": "batch",
    "axis": -1,
    "create_scale": True,
    "create_offset": True,
    "decay_rate": 0.9,
}
"""What constructors are given that want one of these and are not told."""


def is_jax(found: object) -> str | None:
    """The library whose layer, or class of layers, this is: nnx, linen, equinox or haiku."""
    if isinstance(found, Waiting):
        return "haiku"
    kind = found if isinstance(found, type) else type(found)
    for base in kind.__mro__:
        if base.__name__ == "Module":
            library = _BASES.get(".".join(base.__module__.split(".")[:2]))
            if library is not None:
                return library
    return None


def jax_signature(function: Callable[..., object]) -> list[Parameter]:
    """The parameters of a constructor, which metaclasses hide."""
    whole: Any = getattr(function, "__init__" if isinstance(function, type) else "__call__")
    return list(inspect.signature(whole).parameters.values())[isinstance(function, type) :]


@dataclass(frozen=True, slots=True)
class Waiting:
    """A haiku layer that is not built yet: its library builds layers inside a transform alone."""

    kind: type
    positional: tuple[Any, ...] = ()
    keywords: dict[str, Any] = field(default_factory=dict)

    def built(self) -> Any:
        return self.kind(*self.positional, **self.keywords)


@dataclass(frozen=True, slots=True)
class Filled:
    """Calls a JAX class with what is given, and with what else it wants of what is known.

    `channels` names the argument that takes the number of channels; None where the layer learns it
    from its first input.
    """

    kind: type
    channels: str | None
    bare: bool
    made: dict[str, Any] = field(default_factory=dict, compare=False)
    """Layers by their arguments. Nobody changes them, so that one serves as often as it is asked
    for; JAX takes many times as long to make one as torch does."""

    def __call__(self, *positional: Any, **keywords: Any) -> Any:
        key = repr((positional, keywords))
        if key not in self.made:
            self.made[key] = self._built(*positional, **keywords)
        return self.made[key]

    def _built(self, *positional: Any, **keywords: Any) -> Any:
        parameters = jax_signature(self.kind)
        if self.bare:
            keywords = {} if self.channels is None else {self.channels: positional[0]}
            positional = ()
        named = [p.name for p in parameters[: len(positional)]]
        for parameter in parameters:
            if parameter.name not in named and parameter.name not in keywords:
                keywords.update(_wanted(parameter))
        if is_jax(self.kind) == "haiku":
            return Waiting(self.kind, positional, keywords)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of defaults that changed: the user meant them
            return self.kind(*positional, **keywords)


def _wanted(parameter: Parameter) -> dict[str, Any]:
    """What an argument is given that is not told, by its name."""
    if parameter.kind in (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD):
        return {}
    if parameter.name == "rngs":
        from flax import nnx

        return {"rngs": nnx.Rngs(0)}
    if parameter.default is not Parameter.empty:
        return {}
    if parameter.name in ("key", "rng"):
        import jax

        return {parameter.name: jax.random.PRNGKey(0)}
    return {parameter.name: _FILLED[parameter.name]} if parameter.name in _FILLED else {}


def jax_call(
    kind: type, is_channels: Callable[[Parameter], bool], *, bare: bool
) -> tuple[Filled, tuple[str, ...]]:
    """What builds layers of a JAX class, and a note on what it is given beside channels."""
    needed = [p for p in jax_signature(kind) if p.default is p.empty]
    channels = next((p.name for p in needed if p.name not in _FILLED and is_channels(p)), None)
    filled = [f"{p.name}={_FILLED[p.name]!r}" for p in needed if p.name in _FILLED]
    said = (f"built with {', '.join(filled)}",) if filled and bare else ()
    return Filled(kind, channels, bare), said
