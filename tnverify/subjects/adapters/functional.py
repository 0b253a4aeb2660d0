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
from tnverify.subjects.adapters.spoken import words_in
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


class OnEachParameter(BoundCall):
    """Puts each parameter's value into an attribute of the parameter itself before every call."""

    def __init__(self, layer: Any, name: str, factor: float = 1.0) -> None:
        super().__init__(layer)
        self.name, self.factor = name, factor

    def answer(self, x: Any, more: tuple[Any, ...], given: dict[str, Any]) -> Any:
        for parameter in bare_layer(self.layer).parameters():
            if hasattr(parameter, self.name):
                setattr(parameter, self.name, parameter * self.factor)
        return self.layer(x, *more, **given)


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
    if kind.startswith("dict"):
        return {f"{kind[len('dict@') :]}{name}": value for name, value in own.items()}
    return list(own.values()) if kind == "list" else tuple(own.values())


def _around(text: str) -> Around:
    name, equals, form = text.partition("=")
    if name.startswith("*."):
        return lambda wrap: lambda layer: wrap(OnEachParameter(layer, name[2:]))
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
    for name, parameter in trial.parameters.items():
        if parameter.default in (None, parameter.empty) and not _is_known(name):
            found = _with_all(trial, name, must_answer=True)
            if found is not None:
                return found
    return None if required(trial.parameters) else _as_attributes(trial)


def _is_known(name: str) -> bool:
    return name in words.PARAMETERS | words.LEFT_ALONE | words.MOMENTS


def _as_attributes(trial: Trial) -> Evidence | None:
    """Evidence where the layer, or each of its parameters, has an attribute for them."""
    bare = bare_layer(trial.layer)
    for name, value in vars(bare).items():
        if name in words.PARAMETERS and value is None:
            found = _with_all(trial, f".{name}")
            if found is not None:
                return found
    held = bare.parameters() if isinstance(bare, torch.nn.Module) else ()
    empty = {name for p in held for name, value in vars(p).items() if value is None}
    for name in sorted(empty):
        found = _tried(trial, f"*.{name}", partial(OnEachParameter, name=name))
        if found is not None:
            return found
    return None


def _with_all(trial: Trial, name: str, *, must_answer: bool = False) -> Evidence | None:
    """Evidence where the call takes all parameters in one form or another. An argument of any name
    `must_answer` to some before conventions are tried with it, which takes a while."""
    bare = bare_layer(trial.layer)
    has_own = isinstance(bare, torch.nn.Module) and any(True for _ in bare.parameters())
    forms: tuple[str, ...] = tuple(f"{f}:{a},{b}" for a, b in _PAIRS for f in _FORMS)
    if has_own:
        forms = (*_FORMS, *(f"dict@{prefix}" for prefix in _prefixes(bare)))
    elif must_answer:
        return None
    for form in forms:
        bind = partial(WithParameters, name=name, form=form)
        if must_answer and not _answers(trial.through("functional", bind)):
            continue
        found = _tried(trial, f"{name}={form}", bind)
        if found is not None:
            return found
    return None


def _prefixes(bare: Any) -> list[str]:
    """What stands before the names of the layer's parameters in texts of its source, as in the
    names that a whole network gives them."""
    names = [name for name, _ in bare.named_parameters()]
    said = words_in(bare)
    return sorted({w[: -len(n)] for w in said for n in names if w.endswith(f".{n}") and w != n})


def _answers(trial: Trial) -> bool:
    try:
        return isinstance(trial.run(partial(_outputs, trial.contexts[0])), torch.Tensor)
    except Unusable:
        return False


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
    " functional[weight,bias], or set as an attribute before it, functional[.params=dict], or of"
    " each parameter, functional[*.fast]",
    needs_inner("functional"),
    recognise=recognise,
    around=_around,
)
