"""Where fresh subjects come from: a class, a function that builds one, or one that is there."""

from __future__ import annotations

import copy
import functools
import inspect
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

from tnverify.auditing.driving import words
from tnverify.auditing.driving.holdings import modules_in, tensors_in
from tnverify.subjects.spec import Unusable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tnverify.subjects.spec import Spec


@dataclass(frozen=True, slots=True)
class Size:
    """The size of tasks that a subject is built for: classes, items of a class, one item."""

    way: int
    shot: int | None
    shape: tuple[int, ...]

    @property
    def features(self) -> int:
        return int(np.prod(self.shape))


@dataclass(frozen=True, slots=True)
class Maker:
    """Makes fresh subjects, each with the same starting values for the same seed."""

    make: Callable[[], Any]
    how: str

    def fresh(self, seed: int) -> Any:
        seed_all(seed)
        return self.make()


@functools.cache
def _has_accelerator() -> bool:
    return (
        torch.cuda.is_available() or torch.backends.mps.is_available() or torch.xpu.is_available()
    )


def seed_all(seed: int) -> None:
    """Seed torch, numpy and Python."""
    if _has_accelerator():
        torch.manual_seed(seed)
    else:
        # torch.manual_seed notes for every kind of device, with a traceback, what is to be seeded
        # once it is there: most of the time of a small audit.
        torch.default_generator.manual_seed(seed)
    np.random.seed(seed % 2**32)  # noqa: NPY002 - learners draw from the shared state
    random.seed(seed)


def maker_of(found: Any, size: Size, spec: Spec | None = None) -> Maker:
    """Return what makes fresh subjects of what a name stands for. Raises Unusable, with the
    argument that cannot be filled, for a class or a function that wants one."""
    if spec is not None and spec.call is not None:
        channels = size.shape[0] if size.shape else 1
        positional, keywords = spec.arguments(channels, size.shape[1:])
        return Maker(lambda: found(*positional, **keywords), "called as its SPEC says")
    if isinstance(found, type):
        given = _filled(found, size)
        return Maker(lambda: found(**given), _told("class", given))
    if inspect.isroutine(found) and is_factory(found):
        given = _filled(found, size)
        return Maker(lambda: found(**given), _told("function that builds it", given))
    if inspect.isroutine(found):
        return Maker(_Restored(found), "function, what it computes with put back each time")
    return Maker(_Copied(found), "object, copied each time")


def is_factory(function: Any) -> bool:
    """Whether a function builds a subject, rather than being one: it takes no data."""
    needed = required(function)
    if any(words.is_data(name) for name in needed):
        return False
    names = set(parameters(function))
    return not {"order", "batch_size"} <= names and all(words.fills(name) for name in needed)


class _Copied:
    """Gives copies of an object."""

    def __init__(self, held: Any) -> None:
        try:
            self.held = copy.deepcopy(held)
        except Exception as error:  # noqa: BLE001 - copying runs the subject's own code
            raise Unusable(
                f"the {type(held).__name__} cannot be copied ({type(error).__name__}: {error}):"
                " give its class, or a function that builds it"
            ) from None

    def __call__(self) -> Any:
        return copy.deepcopy(self.held)


class _Restored:
    """Gives one function, with the modules that it reads as they were at first."""

    def __init__(self, function: Any) -> None:
        self.function = function
        self.modules = modules_in(function)
        self.kept = {path: copy.deepcopy(module) for path, module in self.modules.items()}
        self.tensors = {
            path: (held, held.detach().clone()) for path, held in tensors_in(function).items()
        }

    def __call__(self) -> Any:
        for path, module in self.modules.items():
            _put_back(module, self.kept[path])
        with torch.no_grad():
            for held, before in self.tensors.values():
                held.copy_(before)
        return self.function


def _put_back(module: nn.Module, kept: nn.Module) -> None:
    """Give a module the values, modes and precision of another of its kind."""
    for now, before in zip(module.modules(), kept.modules(), strict=True):
        now.training = before.training
        for tensor, old in _pairs(now, before):
            with torch.no_grad():
                tensor.data = old.detach().clone()
            tensor.requires_grad_(old.requires_grad)
            tensor.grad = None


def _pairs(now: nn.Module, before: nn.Module) -> Iterator[tuple[Any, Any]]:
    """The tensors of a module, each with that of the other at its place."""
    for named in ("named_parameters", "named_buffers"):
        old = dict(getattr(before, named)(recurse=False))
        for name, tensor in getattr(now, named)(recurse=False):
            if name in old:
                yield tensor, old[name]


def parameters(function: Any) -> tuple[str, ...]:
    """The names of a callable's arguments; none where they cannot be read."""
    return tuple(_signature(function))


def required(function: Any) -> tuple[str, ...]:
    """The names of the arguments without a default that stand for one value each."""
    variadic = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return tuple(
        name
        for name, each in _signature(function).items()
        if each.default is inspect.Parameter.empty and each.kind not in variadic
    )


def _signature(function: Any) -> dict[str, inspect.Parameter]:
    try:
        return dict(inspect.signature(function).parameters)
    except (TypeError, ValueError):
        return {}


def _filled(function: Any, size: Size) -> dict[str, Any]:
    """Values for the arguments that have no default, by what their names say."""
    given = {}
    for name in required(function):
        if not words.fills(name):
            raise Unusable(
                f"{getattr(function, '__name__', function)} wants an argument {name!r}, and what to"
                " give is not known: write the call, as in file.py:Name(5), or name a function"
                " without arguments that builds it"
            )
        given[name] = words.filling(name, size.way, size.shot or 1, size.shape)
    return given


def _told(what: str, given: dict[str, Any]) -> str:
    shown = ", ".join(
        f"{name}={value if isinstance(value, int | tuple) else 'a linear network'}"
        for name, value in given.items()
    )
    return f"{what}, called with {shown}" if given else what
