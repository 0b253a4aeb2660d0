"""Layers whose context goes to a method, and whose call answers by it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from tnverify.subjects.adapters import words
from tnverify.subjects.adapters.base import Adapter, Evidence, needs_inner
from tnverify.subjects.adapters.option import best_switch
from tnverify.subjects.adapters.set_mode import own_methods
from tnverify.subjects.adapters.signature import BoundCall, required

if TYPE_CHECKING:
    from tnverify.subjects.adapters.base import Around
    from tnverify.subjects.trial import Trial

_TAKING = (*words.CONTEXT_VERBS, "set", "update", "observe", "calibrate", "stat", "compute")
_MOST = 4


class WithTeaching(BoundCall):
    """Gives what it is called with to a method first, where others would call train()."""

    def __init__(self, layer: Any, method: str) -> None:
        super().__init__(layer)
        self.method = method
        self._teaches = False

    def train(self) -> None:
        self._teaches = True

    def eval(self) -> None:
        self._teaches = False

    def answer(self, x: Any, more: tuple[Any, ...], given: dict[str, Any]) -> Any:
        if self._teaches:
            getattr(self.layer, self.method)(x)
        return self.layer(x, *more, **given)


def _around(text: str) -> Around:
    return lambda wrap: lambda layer: wrap(WithTeaching(layer, text))


def recognise(trial: Trial) -> Evidence | None:
    """One of its methods takes a context, and its call answers by that."""
    if not callable(trial.layer) or required(trial.parameters):
        return None
    methods = [n for n in own_methods(trial.layer, 1) if n.startswith(_TAKING)][:_MOST]
    switches = ((name, partial(WithTeaching, method=name)) for name in methods)
    said = "{}() takes the context, where others call train()"
    return best_switch(trial, TAUGHT, switches, conditions=True, says=said)


TAUGHT = Adapter(
    "taught",
    "a method takes the context, and the call answers by it: taught[set_context]+mode_flag",
    needs_inner("taught"),
    recognise=recognise,
    around=_around,
)
