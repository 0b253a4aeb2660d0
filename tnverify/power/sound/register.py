"""What a sound layer of the study is, and the register of them."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


@dataclass(frozen=True, slots=True)
class Sound:
    """A correct layer, the claims that it makes and the adapter that drives it.

    `factory` is called with the number of channels. `shows` has should-level laws that the layer
    is known to fail, each with the reason why it is sound all the same. `compiled` marks a layer
    that is compiled for the shapes it meets: it is studied at few seeds and at fixed shapes.
    """

    name: str
    factory: Callable[..., object]
    claims: str
    adapter: str | None
    shows: Mapping[str, str]
    compiled: bool

    @property
    def spec(self) -> str:
        """How a user names it on the command line."""
        return f"{self.factory.__module__}:{self.name}"

    @property
    def story(self) -> str:
        """How the layer is formulated: its docstring."""
        return inspect.getdoc(self.factory) or ""


_register: dict[str, Sound] = {}


def sound(
    claims: str,
    *,
    adapter: str | None = None,
    shows: Mapping[str, str] | None = None,
    compiled: bool = False,
) -> Callable[[type], type]:
    """Register the decorated class as a sound layer of the study."""

    def declare(layer: type) -> type:
        if "__doc__" not in vars(layer) or not layer.__doc__:
            raise TypeError(f"{layer.__name__} has no docstring: it must tell the formulation")
        _register[layer.__name__] = Sound(
            layer.__name__, layer, claims, adapter, dict(shows or {}), compiled
        )
        return layer

    return declare


def all_sound() -> tuple[Sound, ...]:
    """Every sound layer, by module and then by place in it."""
    package = importlib.import_module("tnverify.power.sound")
    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"{package.__name__}.{module.name}")
    return tuple(_register.values())
