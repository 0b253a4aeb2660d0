"""What a JAX layer is once its library is left behind: arrays, and a pure function of them."""

from __future__ import annotations

import inspect
import warnings
from dataclasses import dataclass, field
from inspect import Parameter, Signature
from typing import TYPE_CHECKING, Any

from tnverify.subjects.adapters import words

if TYPE_CHECKING:
    from collections.abc import Callable

Settings = tuple[tuple[str, Any], ...]
"""Attributes of a layer that are set before a call, or options that a call is given, by name."""


@dataclass(frozen=True, slots=True)
class Pure:
    """A layer as a function: `call(parameters, state, x, settings, options, training)` gives
    outputs and the changed state.

    `parameters` and `state` are trees of arrays, x has its items first and its channels where
    `channels_last` says. `training` is None where the layer stays as it was built. `shown` are
    plain values among the layer's attributes.
    """

    identity: Any
    """Equal for layers that compute alike given equal arrays; it can be hashed."""
    parameters: Any = field(compare=False)
    state: Any = field(compare=False)
    call: Callable[[Any, Any, Any, Settings, Settings, bool | None], tuple[Any, Any]] = field(
        compare=False
    )
    signature: Signature = field(compare=False)
    shown: dict[str, Any] = field(default_factory=dict, compare=False)
    channels_last: bool = True
    training: bool = True
    aliases: dict[int, str] = field(default_factory=dict, compare=False)
    """Names of some of the state's leaves, by their place."""


def options_of(call: Callable[..., object], *, is_bound: bool) -> list[Parameter]:
    """The parameters of a layer's call behind its input that say what the call is for; arrays and
    random keys are left out where they may be."""
    parameters = list(inspect.signature(call).parameters.values())[0 if is_bound else 1 :]
    known = words.CONTEXT_IS_TRUE | words.CONTEXT_IS_FALSE | words.WORDED | words.STEPS
    return [
        p
        for p in parameters[1:]
        if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)
        and p.name not in ("state", "key", "rngs", "rng")
        and (p.name in known or p.default is p.empty or isinstance(p.default, bool | str))
    ]


def signature_of(options: list[Parameter], *, must: bool) -> Signature:
    """A call of an input and these options; `must` says that the first is wanted in any case."""
    first = Parameter("x", Parameter.POSITIONAL_ONLY)
    named = [p.replace(kind=Parameter.KEYWORD_ONLY, annotation=p.annotation) for p in options]
    if must and named and named[0].default is None:
        named[0] = named[0].replace(default=Parameter.empty)
    return Signature([first, *named])


def first_options(options: list[Parameter]) -> dict[str, Any]:
    """Values of options under which a layer makes its arrays: those of meta-training."""
    given: dict[str, Any] = {}
    for p in options:
        if p.name in words.CONTEXT_IS_TRUE | words.CONTEXT_IS_FALSE:
            given[p.name] = p.name in words.CONTEXT_IS_TRUE
        elif p.default is p.empty:
            given[p.name] = words.WORDS[0][0] if p.name in words.WORDED else 0
    return given


def plain_values(layer: Any) -> dict[str, Any]:
    """The numbers, words and switches among a layer's public attributes."""
    names = [*getattr(layer, "__dict__", {}), *getattr(layer, "__dataclass_fields__", {})]
    found = {n: getattr(layer, n, None) for n in dict.fromkeys(names) if not n.startswith("_")}
    plain = bool | int | float | str
    return {name: value for name, value in found.items() if isinstance(value, plain)}


def sample(shape: tuple[int, ...]) -> Any:
    """A first input, of mean 0 and variance 1 over its two items: some layers begin with these."""
    import numpy as np

    signs = np.array([1, -1], np.float32).reshape(2, *(1,) * (len(shape) - 1))
    return np.ones(shape, np.float32) * signs


def answers(call: Callable[[], object]) -> bool:
    """Whether a call would give an answer; nothing is computed."""
    import jax

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            jax.eval_shape(call)
        except Exception:  # noqa: BLE001 - layers refuse by errors of every kind
            return False
    return True


def hashable(*parts: Any) -> Any:
    """Parts that tell layers apart, by their own equality where they can be hashed, else by
    themselves."""
    try:
        hash(parts)
    except TypeError:
        return tuple(map(repr, parts))
    return parts
