"""Layers that are told with every call whether it is a context or targets that they are given."""

from __future__ import annotations

import ast
import enum
import itertools
import typing
from dataclasses import replace
from functools import partial
from inspect import Parameter
from typing import TYPE_CHECKING, Any

from tnverify.subjects.adapters import words
from tnverify.subjects.adapters.base import Adapter, Evidence, Strength, around, needs_inner
from tnverify.subjects.adapters.signature import BoundCall, bare_layer, give, side_parameters
from tnverify.subjects.movement import movement, reads_others_in_eval

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tnverify.subjects.adapters.base import Around
    from tnverify.subjects.trial import Trial


class WithOption(BoundCall):
    """Gives one value of an option after train() and another after eval(); before both what a
    call gives by default, or the first value where there is no default."""

    def __init__(self, layer: Any, name: str, values: tuple[Any, Any]) -> None:
        super().__init__(layer, (name,))
        self.name = name
        self.values = values
        parameter = side_parameters(bare_layer(layer)).get(name)
        self.given = parameter is None or parameter.default is Parameter.empty
        self.now = values[0]

    def train(self) -> None:
        self.given, self.now = True, self.values[0]

    def eval(self) -> None:
        self.given, self.now = True, self.values[1]

    def answer(self, x: Any, more: tuple[Any, ...], given: dict[str, Any]) -> Any:
        if not self.given:
            return self.layer(x, *more, **given)
        return give(self.layer, x, self.name, self.now, more, given)


def _around(text: str) -> Around:
    name, _, values = text.partition("=")
    first, second = (part.strip() for part in values.split(","))
    if not (name and first and second):
        raise ValueError(text)

    def bound(layer: Any) -> WithOption:
        return WithOption(layer, name, (_value(layer, name, first), _value(layer, name, second)))

    return lambda wrap: lambda layer: wrap(bound(layer))


def _value(layer: Any, name: str, text: str) -> Any:
    """A literal, or the member of this name of the enumeration that the argument takes."""
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        parameter = side_parameters(bare_layer(layer)).get(name)
        return _members(parameter)[text] if parameter is not None else text


def _members(parameter: Parameter) -> dict[str, enum.Enum]:
    """The members of the enumeration that an argument takes, by name."""
    kinds = (parameter.annotation, type(parameter.default))
    for kind in kinds:
        if isinstance(kind, type) and issubclass(kind, enum.Enum):
            return dict(kind.__members__)
    return {}


def _pairs(name: str, parameter: Parameter) -> Iterator[tuple[str, tuple[Any, Any]]]:
    """Pairs of values to try, each as text and as values."""
    members = _members(parameter)
    if members:
        for a, b in itertools.permutations(list(members)[:4], 2):
            yield f"{a},{b}", (members[a], members[b])
        return
    literals = typing.get_args(parameter.annotation)
    if typing.get_origin(parameter.annotation) is typing.Literal:
        pairs: list[tuple[Any, Any]] = list(itertools.permutations(literals[:4], 2))
        # In the usual words' order where they are among them.
        pairs.sort(key=lambda pair: pair not in words.WORDS)
    elif name in words.WORDED:
        pairs = list(words.WORDS)
    elif name in words.CONTEXT_IS_TRUE:
        pairs = [(True, False)]
    else:
        pairs = [(False, True)]
    for first, second in pairs:
        yield f"{first!r},{second!r}", (first, second)


def _is_option(name: str, parameter: Parameter) -> bool:
    known = words.CONTEXT_IS_TRUE | words.CONTEXT_IS_FALSE | words.WORDED
    return name in known or bool(_members(parameter)) or isinstance(parameter.default, bool)


def recognise(trial: Trial) -> Evidence | None:
    """Some value of an option of the call conditions, and another answers by it."""
    if not callable(trial.layer):
        return None
    options = {n: p for n, p in trial.parameters.items() if _is_option(n, p)}
    # What must be given comes first: without it there is no call at all.
    for name in sorted(options, key=lambda n: options[n].default is not Parameter.empty):
        found = best_switch(
            trial,
            OPTION,
            (
                (f"{name}={text}", partial(WithOption, name=name, values=values))
                for text, values in _pairs(name, options[name])
            ),
            needed=options[name].default is Parameter.empty,
        )
        if found is not None:
            return _with_default(trial, name, options[name], found)
    return None


def _with_default(trial: Trial, name: str, option: Parameter, found: Evidence) -> Evidence:
    """The evidence, with a caution where the layer is verified as inductive, and reads other
    targets when the option is left out, as a caller who knows of eval() alone leaves it."""
    keeps_apart = found.adapter.name.endswith(("+frozen", "+in_eval"))
    if option.default is Parameter.empty or not keeps_apart or not reads_others_in_eval(trial):
        return found
    caution = (
        f"Where {name} is left out ({option.default!r} by default) its outputs read other targets,"
        f" in eval() too; it was verified with {found.adapter.name.partition('+')[0]}."
    )
    return replace(found, cautions=(*found.cautions, caution))


def best_switch(
    trial: Trial,
    part: Adapter,
    switches: Iterator[tuple[str, Callable[[Any], Any]]],
    *,
    needed: bool = False,
    conditions: bool = False,
) -> Evidence | None:
    """The first switch after which targets are answered by a context, or by meta-training; else
    the first that changes an answer, unless it must be one that `conditions`; where one is
    `needed`, else the first that is taken."""
    fallback: Evidence | None = None
    for text, bind in switches:
        bound = trial.through(part.name, bind)
        inner = trial.ask(bound)
        if inner is None or inner.strength is Strength.LAST_RESORT:
            continue
        moved = movement(bound)
        said = f"{text} where others call train() and eval(): {inner.sentence}"
        found = Evidence(around(part, text, inner.adapter), Strength.NAMED, said, inner.cautions)
        if moved.conditioned or inner.strength > Strength.MEASURED:
            return found
        if conditions:
            continue
        if not moved.same_in_both:
            fallback = fallback or found
        elif needed and fallback is None:
            caution = f"{part.name}[{text}] was given with its calls and changed nothing."
            fallback = Evidence(found.adapter, Strength.POSSIBLE, said, (*inner.cautions, caution))
    return fallback


OPTION = Adapter(
    "option",
    "an option on every call: option[mode='support','query']+mode_flag gives the first value"
    " where that adapter would call train(), the second where eval()",
    needs_inner("option"),
    recognise=recognise,
    around=_around,
)
