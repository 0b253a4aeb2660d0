"""Layers that one call gives both sets: `layer(support, query)`, `layer(x, context)`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import torch

from tnverify.contract.outcomes import SubjectRaised
from tnverify.subjects.adapters import words
from tnverify.subjects.adapters.base import (
    Adapter,
    AdapterError,
    Evidence,
    Strength,
    around,
    needs_inner,
)
from tnverify.subjects.adapters.signature import BoundCall, call_parameters, give
from tnverify.subjects.spec import Unusable
from tnverify.subjects.trial import same

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor

    from tnverify.contract.norm import Norm
    from tnverify.subjects.adapters.base import Around
    from tnverify.subjects.trial import Trial


@dataclass(frozen=True, slots=True)
class Places:
    """Which argument of a call takes the context, and where in its answer both outputs stand.

    An answer is one tensor of target outputs, one of both sets in the order of the arguments
    (`joined`), or several things with outputs at their places.
    """

    context: str
    joined: bool = False
    of_targets: int | str | None = None
    of_context: int | str | None = None

    def __str__(self) -> str:
        if self.joined:
            return f"{self.context},joined"
        places = [p for p in (self.of_targets, self.of_context) if p is not None]
        return ",".join((self.context, *map(str, places)))


def _read(text: str) -> Places:
    """Places from what stands in an adapter's name. Raises ValueError where there is no name."""
    name, *rest = (part.strip() for part in text.split(","))
    if not name.isidentifier() or len(rest) > 2:
        raise ValueError(text)
    if rest == ["joined"]:
        return Places(name, joined=True)
    places = [int(part) if part.isdigit() else part for part in rest]
    return Places(name, False, *places)


class WithBothSets(BoundCall):
    """Gives the layer a set beside its context: the set itself, but where `context` is set."""

    context: Tensor | None = None

    def __init__(self, layer: Any, places: Places) -> None:
        first, second = _two(layer, places.context)
        super().__init__(layer, (second,))
        self.places, self.second = places, second
        self.context_first = first == places.context

    def answer(self, x: Any, more: tuple[Any, ...], given: dict[str, Any]) -> Any:
        of_context = self.context is None
        context = x if self.context is None else self.context
        one, other = (context, x) if self.context_first else (x, context)
        answer = give(self.layer, one, self.second, other, more, given)
        return self._taken(answer, len(context), len(x), of_context=of_context)

    def _taken(self, answer: Any, contexts: int, targets: int, *, of_context: bool) -> Any:
        """The outputs of the set that was asked about."""
        places = self.places
        if places.joined:
            at_start = of_context or not self.context_first
            return answer[:targets] if at_start else answer[contexts:]
        if of_context and places.of_context is not None:
            return answer[places.of_context]
        return answer if places.of_targets is None else answer[places.of_targets]


class TakesBothSets:
    """The inner convention, whose state is the context itself beside what it keeps."""

    def __init__(self, inner: Norm, bound: WithBothSets) -> None:
        self.inner, self.bound = inner, bound

    def condition(self, context: Tensor) -> tuple[Tensor, object]:
        outputs, state = self.inner.condition(context)
        return outputs, (context.clone(), state)

    def normalize(self, targets: Tensor, state: object) -> Tensor:
        if not isinstance(state, tuple):
            raise AdapterError("two_sets: no context was kept: condition first")
        self.bound.context = state[0]
        try:
            return self.inner.normalize(targets, state[1])
        finally:
            self.bound.context = None

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name in ("inner", "bound"):
            raise AttributeError(name)
        return getattr(self.inner, name)


def _around(text: str) -> Around:
    places = _read(text)

    def around_wrap(wrap: Any) -> Any:
        def made(layer: Any) -> TakesBothSets:
            bound = WithBothSets(layer, places)
            return TakesBothSets(wrap(bound), bound)

        return made

    return around_wrap


def _two(layer: Any, context: str) -> tuple[str, str]:
    """The names of the argument that comes first, and of the other set's."""
    names = [p.name for p in call_parameters(layer)]
    if context not in names or len(names) < 2:
        raise AdapterError(f"two_sets: its call has no argument {context}, or no other beside it")
    return names[0], names[1] if context == names[0] else context


def recognise(trial: Trial) -> Evidence | None:
    """Its call takes a context beside targets, and answers the targets by it."""
    if not callable(trial.layer):
        return None
    for name, must in _contexts(trial):
        places = _places(trial, name)
        if places is None:
            continue
        inner = trial.ask(trial.through("two_sets", partial(WithBothSets, places=places)))
        if inner is None or inner.strength is Strength.LAST_RESORT:
            continue
        found = around(TWO_SETS, str(places), inner.adapter)
        if not (must or _answers_by_it(trial, found)):
            continue
        said = f"its call takes the context as {name}, beside the targets; {inner.sentence}"
        return Evidence(found, Strength.NAMED, said, inner.cautions)
    return None


def _contexts(trial: Trial) -> Iterator[tuple[str, bool]]:
    """Arguments that take a context by their names, and whether a call must give both sets."""
    named = call_parameters(trial.layer)[:1]
    wanted = [n for n, p in trial.parameters.items() if p.default is p.empty]
    if len(wanted) > 1 or not named:
        return
    for name, parameter in trial.parameters.items():
        if name in words.CONTEXT_SETS and (name in wanted or not wanted):
            if parameter.default is parameter.empty or parameter.default is None:
                yield name, bool(wanted)
        elif name in words.TARGET_SETS and named[0].name in words.CONTEXT_SETS and wanted == [name]:
            yield named[0].name, True


def _places(trial: Trial, name: str) -> Places | None:
    """Where the outputs of both sets stand, by their numbers of items; None where neither does."""
    bound = trial.through("two_sets", lambda layer: WithBothSets(layer, Places(name)))

    def script(layer: Any) -> Any:
        layer.context = context
        return [layer(targets)]  # as it comes: no tensor of it is asked for alone

    for rank in (trial.given_rank,) if trial.given_rank is not None else (2, 1, 0, 3):
        there = _of_rank(bound, rank)
        context, targets = there.contexts[0], there.targets[:3]
        answer = there.run(script)
        if isinstance(answer, SubjectRaised):
            continue
        return _where(name, answer[0], context, targets)
    return None


def _of_rank(trial: Trial, rank: int) -> Trial:
    return replace(trial, given_rank=rank, memo={})


def _where(name: str, answer: Any, context: Tensor, targets: Tensor) -> Places | None:
    if isinstance(answer, torch.Tensor):
        if answer.shape == targets.shape:
            return Places(name)
        both = len(context) + len(targets)
        return Places(name, joined=True) if answer.shape == (both, *targets.shape[1:]) else None
    items: Any = answer.items() if isinstance(answer, dict) else ()
    items = enumerate(answer) if isinstance(answer, tuple | list) else items
    found: dict[torch.Size, int | str] = {}
    for key, value in items:
        if isinstance(value, torch.Tensor) and (isinstance(key, int) or str(key).isidentifier()):
            found.setdefault(value.shape, key)
    of_targets = found.get(targets.shape)
    if of_targets is None:
        return None
    return Places(name, of_targets=of_targets, of_context=found.get(context.shape))


def _answers_by_it(trial: Trial, adapter: Adapter) -> bool:
    """Whether targets are answered otherwise by another context."""
    bound = trial.through("two_sets", lambda layer: layer)

    def answer(context: Tensor) -> Any:
        def script(layer: Any) -> Any:
            norm = adapter.wrap(layer)
            return norm.normalize(bound.targets.clone(), norm.condition(context.clone())[1])

        return bound.run(script)

    try:
        first, second, _ = bound.contexts
        one, other = answer(first), answer(second)
    except (SubjectRaised, Unusable):
        return False
    return isinstance(one, torch.Tensor) and not same(one, other)


TWO_SETS = Adapter(
    "two_sets",
    "both sets in one call: two_sets[support,1,0]+no_context gives the context as support, and"
    " takes target outputs from place 1 of what comes back, context outputs from place 0;"
    " two_sets[context]+no_context where target outputs come alone, [support,joined] in one tensor",
    needs_inner("two_sets"),
    recognise=recognise,
    around=_around,
)
