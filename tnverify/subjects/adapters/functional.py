"""Layers that are given their parameters with every call, as inner loops that adapt them do."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import torch

from tnverify.subjects.adapters import words
from tnverify.subjects.adapters.base import Adapter, Evidence, Strength, around, needs_inner
from tnverify.subjects.adapters.signature import (
    BoundCall,
    bare_layer,
    give,
    required,
    side_parameters,
)
from tnverify.subjects.spec import Unusable
from tnverify.subjects.trial import same

if TYPE_CHECKING:
    from tnverify.subjects.adapters.base import Around
    from tnverify.subjects.trial import Trial

_PAIRS = (("weight", "bias"), ("gamma", "beta"), ("scale", "shift"), ("scale", "bias"))
_FORMS = ("dict", "list", "tuple")


class WithParameters(BoundCall):
    """Gives the layer its own parameters, read anew for every call, in the form that it takes.

    A layer that has none is given ones and zeros.
    """

    def __init__(self, layer: Any, name: str, form: str, factor: float = 1.0) -> None:
        super().__init__(layer, (name,) if not name.startswith(".") else ())
        self.name, self.form, self.factor = name, form, factor

    def answer(self, x: Any, more: tuple[Any, ...], given: dict[str, Any]) -> Any:
        held = _held(self.layer, self.form, x, self.factor)
        if self.name.startswith("."):
            setattr(bare_layer(self.layer), self.name[1:], held)
            return self.layer(x, *more, **given)
        return give(self.layer, x, self.name, held, more, given)


class WithEachParameter(BoundCall):
    """Gives each parameter by the name that it has in the call: `layer(x, weight, bias)`."""

    def __init__(self, layer: Any, names: tuple[str, ...], factor: float = 1.0) -> None:
        super().__init__(layer, names)
        self.names, self.factor = names, factor

    def answer(self, x: Any, more: tuple[Any, ...], given: dict[str, Any]) -> Any:
        bare = bare_layer(self.layer)
        held = [getattr(bare, name, None) for name in self.names]
        own = {
            name: (_made(x, zeros=place > 0) if value is None else value) * self.factor
            for place, (name, value) in enumerate(zip(self.names, held, strict=True))
        }
        by_place = [own.pop(n) for n in self.names if _has_no_name(bare, n)]
        return self.layer(x, *by_place, *more, **own, **given)


def _has_no_name(bare: Any, name: str) -> bool:
    found = side_parameters(bare).get(name)
    return found is not None and found.kind is found.POSITIONAL_ONLY


def _made(x: Any, *, zeros: bool) -> Any:
    return (torch.zeros if zeros else torch.ones)(x.shape[1], dtype=x.dtype, device=x.device)


def _held(layer: Any, form: str, x: Any, factor: float) -> Any:
    bare = bare_layer(layer)
    kind, _, names = form.partition(":")
    if names:
        one, other = names.split(",")
        own = {one: _made(x, zeros=False), other: _made(x, zeros=True)}
    else:
        own = dict(bare.named_parameters()) if isinstance(bare, torch.nn.Module) else {}
    if factor != 1.0:
        own = {name: value * factor for name, value in own.items()}
    if kind == "dict":
        return own
    return list(own.values()) if kind == "list" else tuple(own.values())


def _around(text: str) -> Around:
    name, equals, form = text.partition("=")
    if not equals:
        names = tuple(text.split(","))
        return lambda wrap: lambda layer: wrap(WithEachParameter(layer, names))
    return lambda wrap: lambda layer: wrap(WithParameters(layer, name, form))


def recognise(trial: Trial) -> Evidence | None:
    """Its call takes its parameters, and answers otherwise to others."""
    if not callable(trial.layer):
        return None
    for name in trial.parameters:
        if name in words.PARAMETERS:
            found = _with_all(trial, name)
            if found is not None:
                return found
    for pair in _PAIRS:
        if set(pair) <= set(trial.parameters):
            found = _tried(trial, ",".join(pair), partial(WithEachParameter, names=pair))
            if found is not None:
                return found
    if required(trial.parameters):
        return None
    for name, value in vars(bare_layer(trial.layer)).items():
        if name in words.PARAMETERS and value is None:
            found = _with_all(trial, f".{name}")
            if found is not None:
                return found
    return None


def _with_all(trial: Trial, name: str) -> Evidence | None:
    bare = bare_layer(trial.layer)
    has_own = isinstance(bare, torch.nn.Module) and any(True for _ in bare.parameters())
    forms = _FORMS if has_own else tuple(f"{f}:{a},{b}" for a, b in _PAIRS for f in _FORMS)
    for form in forms:
        found = _tried(trial, f"{name}={form}", partial(WithParameters, name=name, form=form))
        if found is not None:
            return found
    return None


def _tried(trial: Trial, text: str, bind: Any) -> Evidence | None:
    """Evidence where the call takes parameters so, and answers otherwise to doubled ones."""
    bound = trial.through("functional", bind)
    doubled = trial.through("functional", partial(bind, factor=2.0))
    inner = trial.ask(bound)
    if inner is None or inner.strength is Strength.LAST_RESORT:
        return None
    try:
        answers = [t.run(partial(_outputs, t.contexts[0])) for t in (bound, doubled)]
    except Unusable:
        # Its call wants more than this part gives: another stands around, and was asked.
        answers = []
    if answers and same(*answers):
        return None
    said = f"its call takes its parameters ({text}); {inner.sentence}"
    return Evidence(around(FUNCTIONAL, text, inner.adapter), Strength.NAMED, said, inner.cautions)


def _outputs(x: Any, layer: Any) -> Any:
    answer = layer(x.clone())
    return answer[0] if isinstance(answer, tuple | list) else answer


FUNCTIONAL = Adapter(
    "functional",
    "its parameters with every call: functional[params=dict]+mode_flag (or list, tuple),"
    " functional[weight,bias], or set as an attribute before it, functional[.params=dict]",
    needs_inner("functional"),
    recognise=recognise,
    around=_around,
)
