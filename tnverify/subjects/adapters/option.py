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
from tnverify.subjects.adapters.signature import (
    BoundCall,
    bare_layer,
    call_parameters,
    give,
    side_parameters,
)
from tnverify.subjects.adapters.spoken import pairs_of, spoken, words_in
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
        return text if parameter is None else _members(layer, parameter)[text]


def _annotation(layer: Any, parameter: Parameter) -> Any:
    """What an argument is annotated with, read from its text where it is one."""
    if not isinstance(parameter.annotation, str):
        return parameter.annotation
    bare = bare_layer(layer)
    for name in ("forward", "__call__"):
        try:
            hints = typing.get_type_hints(getattr(type(bare), name))
        except Exception:  # noqa: BLE001, S112 - any text may stand there
            continue
        if parameter.name in hints:
            return hints[parameter.name]
    return bool if parameter.annotation == "bool" else Parameter.empty


def _members(layer: Any, parameter: Parameter) -> dict[str, enum.Enum]:
    """The members of the enumeration that an argument takes, by name."""
    for kind in (_annotation(layer, parameter), type(parameter.default)):
        if isinstance(kind, type) and issubclass(kind, enum.Enum):
            return dict(kind.__members__)
    return {}


def _pairs(layer: Any, parameter: Parameter) -> Iterator[tuple[str, tuple[Any, Any]]]:
    """Pairs of values to try, each as text and as values."""
    members = _members(layer, parameter)
    if members:
        for a, b in itertools.permutations(list(members)[:4], 2):
            yield f"{a},{b}", (members[a], members[b])
        return
    for first, second in dict.fromkeys(_plain_pairs(layer, parameter)):
        yield f"{first!r},{second!r}", (first, second)


def _plain_pairs(layer: Any, parameter: Parameter) -> Iterator[tuple[Any, Any]]:
    name, kind = parameter.name, _annotation(layer, parameter)
    if name in words.CONTEXT_IS_TRUE:
        yield True, False
        return
    if name in words.CONTEXT_IS_FALSE:
        yield False, True
        return
    if typing.get_origin(kind) is typing.Literal:
        yield from pairs_of(typing.get_args(kind))
        return
    if not _is_flag(kind, parameter):
        yield from pairs_of([*_texts(parameter.default), *spoken(layer, name)])
    if name in words.WORDED:
        yield from words.WORDS
    else:
        yield False, True
        yield True, False


def _texts(default: Any) -> tuple[Any, ...]:
    return (default,) if isinstance(default, str) else ()


def _is_flag(kind: Any, parameter: Parameter) -> bool:
    return kind is bool or isinstance(parameter.default, bool)


def _is_known(name: str) -> bool:
    return name in words.CONTEXT_IS_TRUE | words.CONTEXT_IS_FALSE | words.WORDED


def _is_option(layer: Any, parameter: Parameter) -> bool:
    if _is_known(parameter.name) or _members(layer, parameter):
        return True
    kind = _annotation(layer, parameter)
    if _is_flag(kind, parameter) or typing.get_origin(kind) is typing.Literal:
        return True
    said = [*_texts(parameter.default), *spoken(layer, parameter.name)]
    return any(isinstance(value, str) for value in said) and len(set(said)) > 1


def _options(trial: Trial) -> dict[str, Parameter]:
    """Arguments that may tell what a call is for, what must be given first: without it there is no
    call at all. Those that a call takes by `**kwargs` are known by the words of its source."""
    layer, found = trial.layer, trial.parameters
    options = {n: p for n, p in found.items() if _is_option(layer, p)}
    known = sorted(options, key=lambda n: options[n].default is not Parameter.empty)
    options = {name: options[name] for name in known}
    if any(p.kind is Parameter.VAR_KEYWORD for p in call_parameters(layer)):
        taken = {*found, *getattr(layer, "bound_names", ())}
        for name in sorted(words_in(layer)):
            if _is_known(name) and name not in taken:
                options[name] = Parameter(name, Parameter.KEYWORD_ONLY, default=None)
    return options


def recognise(trial: Trial) -> Evidence | None:
    """Some value of an option of the call conditions, and another answers by it."""
    if not callable(trial.layer):
        return None
    for name, option in _options(trial).items():
        needed = option.default is Parameter.empty
        found = best_switch(
            trial,
            OPTION,
            (
                (f"{name}={text}", partial(WithOption, name=name, values=values))
                for text, values in _pairs(trial.layer, option)
            ),
            needed=needed,
            # What an argument of any name changes says nothing of contexts, unless it conditions.
            conditions=not (needed or _is_known(name)) or name in words.SAYING_LITTLE,
        )
        if found is not None:
            return _with_default(trial, name, option, found)
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


_SWITCHES = frozenset(("option", "set_mode", "taught"))


def best_switch(
    trial: Trial,
    part: Adapter,
    switches: Iterator[tuple[str, Callable[[Any], Any]]],
    *,
    needed: bool = False,
    conditions: bool = False,
    says: str = "{} where others call train() and eval()",
) -> Evidence | None:
    """The first switch after which targets are answered by a context, or by meta-training; else
    the first that changes an answer, unless it must be one that `conditions`; where one is
    `needed`, else the first that is taken."""
    if _SWITCHES & set(trial.parts):
        return None  # one switch is told by train() and eval(), and only one
    fallback: Evidence | None = None
    for text, bind in switches:
        bound = trial.through(part.name, bind)
        inner = trial.ask(bound)
        if inner is None or inner.strength is Strength.LAST_RESORT:
            continue
        moved = movement(bound)
        said = f"{says.format(text)}: {inner.sentence}"
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
