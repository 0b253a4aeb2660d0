"""What an object holds, however deep: the modules and the tensors that it computes with."""

from __future__ import annotations

import functools
import types
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from collections.abc import Iterator

_DEEPEST = 5
_FOREIGN = ("torch", "numpy", "builtins", "sklearn", "scipy", "typing", "collections")
"""Packages whose objects hold nothing of a learner's but what they show by themselves."""


def modules_in(subject: Any) -> dict[str, nn.Module]:
    """The outermost modules that an object holds, by the path that leads to each; the path of the
    object itself is empty."""
    return {path: held for path, _, held in _held(subject) if isinstance(held, nn.Module)}


def every_module(subject: Any) -> dict[str, nn.Module]:
    """All modules that an object holds, those inside others too, by path."""
    found: dict[str, nn.Module] = {}
    seen: set[int] = set()
    for path, outer in modules_in(subject).items():
        for inner, module in outer.named_modules():
            if id(module) not in seen:
                seen.add(id(module))
                found[".".join(filter(None, (path, inner)))] = module
    return found


def tensors_in(subject: Any) -> dict[str, Tensor]:
    """Tensors that an object holds outside of modules, by path."""
    return {path: held for path, _, held in _held(subject) if isinstance(held, Tensor)}


def widen(subject: Any) -> None:
    """Turn the numbers that an object holds into float64, in place."""
    for _, put, held in list(_held(subject)):
        if isinstance(held, nn.Module):
            held.double()
            for module in held.modules():
                _widen_loose(module)
        elif isinstance(held, Tensor) and held.dtype == torch.float32 and put is not None:
            put(held.detach().double().requires_grad_(held.requires_grad))


def _widen_loose(module: nn.Module) -> None:
    """Widen the tensors that a module keeps as plain attributes."""
    for name, value in list(vars(module).items()):
        if isinstance(value, Tensor) and value.dtype == torch.float32:
            object.__setattr__(module, name, value.detach().double())


def _held(subject: Any) -> Iterator[tuple[str, Any, Any]]:
    """What an object holds: the path, what puts another in its place (None where nothing does)
    and the module or tensor."""
    yield from _walk(subject, "", None, 0, set())


def _walk(
    value: Any, path: str, put: Any, depth: int, seen: set[int]
) -> Iterator[tuple[str, Any, Any]]:
    if id(value) in seen or depth > _DEEPEST or isinstance(value, type):
        return
    seen.add(id(value))
    if isinstance(value, nn.Module | Tensor):
        yield path, put, value
        return
    for name, inner, place in _inside(value):
        yield from _walk(inner, ".".join(filter(None, (path, name))), place, depth + 1, seen)


def _inside(value: Any) -> Iterator[tuple[str, Any, Any]]:
    if isinstance(value, dict):
        for key, inner in list(value.items()):
            yield str(key), inner, functools.partial(value.__setitem__, key)
    elif isinstance(value, list):
        for place, inner in enumerate(value):
            yield str(place), inner, functools.partial(value.__setitem__, place)
    elif isinstance(value, tuple):
        for place, inner in enumerate(value):
            yield str(place), inner, None
    elif isinstance(value, functools.partial):
        yield "func", value.func, None
        yield from ((f"args.{n}", inner, None) for n, inner in enumerate(value.args))
        yield from ((name, inner, None) for name, inner in value.keywords.items())
    elif isinstance(value, types.MethodType):
        yield "", value.__self__, None
    elif isinstance(value, types.FunctionType):
        yield from _used_by(value)
    elif (type(value).__module__ or "").partition(".")[0] not in _FOREIGN:
        for name, inner in list(getattr(value, "__dict__", {}).items()):
            yield name, inner, functools.partial(setattr, value, name)


def _used_by(function: types.FunctionType) -> Iterator[tuple[str, Any, Any]]:
    """What a function reads from around it: names of its module, and of functions about it."""
    code = function.__code__
    for name, cell in zip(code.co_freevars, function.__closure__ or (), strict=True):
        try:
            yield name, cell.cell_contents, None
        except ValueError:  # not filled yet
            continue
    for name in code.co_names:
        inner = function.__globals__.get(name)
        if inner is not None and not isinstance(inner, type | types.ModuleType):
            yield name, inner, None
