"""Layers that every call tells how much of each item is there, by a mask or by lengths."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from tnverify.subjects.adapters import words
from tnverify.subjects.adapters.base import Adapter, Evidence, Strength, around, needs_inner
from tnverify.subjects.adapters.signature import BoundCall, give, required

if TYPE_CHECKING:
    from torch import Tensor

    from tnverify.contract.norm import Norm
    from tnverify.subjects.adapters.base import Around
    from tnverify.subjects.trial import Trial

_FORMS = ("valid", "padding", "lengths")
"""A mask that is true where something is, one that is true where nothing is, or lengths."""
_LAID = ("", ":channel", ":float", ":float:channel")
"""A mask may be of ones and zeros in the input's dtype, and have a dimension of one for the
channels."""


_ALL = tuple(
    f"{form}{laid}" for laid in _LAID for form in _FORMS if not (laid and form == "lengths")
)


class WithLengths(BoundCall):
    """Tells the layer how much of each item is there: all of it, but where `lengths` is set.

    `lengths` counts positions along the last dimension, (items,); a mask is (items, *spatial),
    or (items, 1, *spatial) with `:channel`, of ones and zeros with `:float`.
    """

    lengths: Tensor | None = None

    def __init__(self, layer: Any, name: str, form: str) -> None:
        super().__init__(layer, (name,))
        self.name = name
        self.form, *self.laid = form.split(":")

    def answer(self, x: Any, more: tuple[Any, ...], given: dict[str, Any]) -> Any:
        return give(self.layer, x, self.name, self._told(x), more, given)

    def _told(self, x: Tensor) -> Tensor:
        whole = x.shape[-1] if x.dim() > 2 else 1
        lengths = self.lengths
        if lengths is None:
            lengths = torch.full((len(x),), whole, device=x.device)
        if self.form == "lengths":
            return lengths
        places = torch.arange(whole, device=x.device)
        valid = places < lengths.view(-1, *(1,) * max(1, x.dim() - 2))
        valid = valid.expand(len(x), *x.shape[2:]) if x.dim() > 2 else valid[:, 0]
        mask = ~valid if self.form == "padding" else valid
        if "channel" in self.laid:
            mask = mask.unsqueeze(1)
        return mask.to(x.dtype) if "float" in self.laid else mask


class TakesLengths:
    """The inner convention, whose calls take `lengths` beside their set (contract: Padded)."""

    takes_lengths = True

    def __init__(self, inner: Norm, bound: WithLengths) -> None:
        self.inner, self.bound = inner, bound

    def condition(self, context: Tensor, lengths: Tensor | None = None) -> tuple[Tensor, object]:
        self.bound.lengths = lengths
        try:
            return self.inner.condition(context)
        finally:
            self.bound.lengths = None

    def normalize(self, targets: Tensor, state: object, lengths: Tensor | None = None) -> Tensor:
        self.bound.lengths = lengths
        try:
            return self.inner.normalize(targets, state)
        finally:
            self.bound.lengths = None

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name in ("inner", "bound"):
            raise AttributeError(name)
        return getattr(self.inner, name)


def _around(text: str) -> Around:
    name, _, form = text.partition("=")
    if form not in _ALL:
        raise ValueError(text)

    def around_wrap(wrap: Any) -> Any:
        def made(layer: Any) -> TakesLengths:
            bound = WithLengths(layer, name, form)
            return TakesLengths(wrap(bound), bound)

        return made

    return around_wrap


def recognise(trial: Trial) -> Evidence | None:
    """Its call takes a mask or lengths, and answers where all of every item is there."""
    if not callable(trial.layer):
        return None
    told = (
        (name, form)
        for name in trial.parameters
        for form in _ALL
        if name in words.TELL_LENGTHS[form.partition(":")[0]]
    )
    return next((found for n, form in told if (found := _told_by(trial, n, form))), None)


def _told_by(trial: Trial, name: str, form: str) -> Evidence | None:
    inner = trial.ask(trial.through("masked", lambda layer: WithLengths(layer, name, form)))
    if inner is None or inner.strength is Strength.LAST_RESORT:
        return None
    # Where it may be left out, other conventions call the layer as most do.
    must = name in required(trial.parameters)
    return Evidence(
        around(MASKED, f"{name}={form}", inner.adapter),
        Strength.NAMED if must else Strength.POSSIBLE,
        f"its call takes {name}, which says what is there; {inner.sentence}",
        inner.cautions,
    )


MASKED = Adapter(
    "masked",
    "a mask or lengths on every call: masked[mask=valid]+no_context gives a mask that is true where"
    " something is, =padding its opposite, =lengths how many positions are there;"
    " =valid:float:channel one of ones and zeros, (items, 1, *spatial)",
    needs_inner("masked"),
    recognise=recognise,
    around=_around,
)
