"""Layers whose moments the caller takes from a method, and hands to the call."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import torch

from tnverify.contract.outcomes import SubjectRaised
from tnverify.subjects.adapters import words
from tnverify.subjects.adapters.base import Adapter, Evidence, Strength, around, needs_inner
from tnverify.subjects.adapters.handed import HANDED_MOMENTS, handed_over
from tnverify.subjects.adapters.set_mode import own_methods
from tnverify.subjects.adapters.signature import BoundCall, required, side_parameters
from tnverify.subjects.spec import Unusable

if TYPE_CHECKING:
    from tnverify.subjects.adapters.base import Around
    from tnverify.subjects.trial import Trial

_METHODS = ("stat", "moment", "summar", "encod", "context")


class WithStats(BoundCall):
    """Called with its input alone, it takes the moments of that, and returns them as well."""

    def __init__(self, layer: Any, method: str) -> None:
        super().__init__(layer)
        self.method = method

    def answer(self, x: Any, more: tuple[Any, ...], given: dict[str, Any]) -> Any:
        if any(value is not None for value in (*more, *given.values())):
            return self.layer(x, *more, **given)
        found = getattr(self.layer, self.method)(x)
        apart = isinstance(found, tuple) and len(side_parameters(self.layer)) >= len(found) > 1
        handed = found if apart else (found,)
        return (self.layer(x, *handed), *handed)


def _around(text: str) -> Around:
    return lambda wrap: lambda layer: wrap(WithStats(layer, text))


def recognise(trial: Trial) -> Evidence | None:
    """Its call wants moments, and one of its methods returns those of a set."""
    wanted = required(trial.parameters)
    if not wanted or not set(wanted) <= words.STATES | words.MOMENTS:
        return None
    for method in own_methods(trial.layer, 1):
        if not any(part.startswith(_METHODS) for part in method.split("_")):
            continue
        found = around(STATS, method, HANDED_MOMENTS)
        try:
            answer = trial.run(partial(handed_over, found, trial))
        except (SubjectRaised, Unusable):
            return None
        if isinstance(answer, torch.Tensor):
            said = f"its call wants {', '.join(wanted)}, which {method}() returns"
            return Evidence(found, Strength.NAMED, said)
    return None


STATS = Adapter(
    "stats",
    "moments that a method returns and the call wants: stats[compute_stats]+handed_moments",
    needs_inner("stats"),
    recognise=recognise,
    around=_around,
)
