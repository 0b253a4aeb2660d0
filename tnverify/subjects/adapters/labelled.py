"""Layers that are told a label with every item: its class, its domain, its style.

A label goes with its item wherever laws take it: it is drawn from the item's values, and is the
same in every order, in every subset and in every dtype.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from tnverify.subjects.adapters import words
from tnverify.subjects.adapters.base import Adapter, Evidence, Strength, around, needs_inner
from tnverify.subjects.adapters.signature import BoundCall, bare_layer, give, required

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

    from tnverify.contract.norm import Norm
    from tnverify.subjects.adapters.base import Around
    from tnverify.subjects.trial import Trial

_FIRST, _APART = 0.3137, 0.00973
"""Where a label ends, and how far apart labels are, in means of items: no mean of a grid, and so
little that items of large maps, whose means lie close together, have labels of their own."""
_FEW = 2


def labels_of(items: Tensor, classes: int) -> Tensor:
    """Return a label below `classes` for every item, (items,), by the mean of its values."""
    means = items.detach().double().flatten(1).mean(1)
    steps = torch.floor((torch.nan_to_num(means, 0.0, 0.0, 0.0) - _FIRST) / _APART)
    return torch.remainder(steps, classes).long()


class WithLabels(BoundCall):
    """Gives the layer a label for every item that it is called with."""

    def __init__(self, layer: Any, name: str, classes: int) -> None:
        super().__init__(layer, (name,))
        self.name, self.classes = name, classes

    def answer(self, x: Any, more: tuple[Any, ...], given: dict[str, Any]) -> Any:
        return give(self.layer, x, self.name, labels_of(x, self.classes), more, given)


class Sided:
    """A user's own norm whose calls want labels, by the names that its `sides` give.

    `sides` is {name: classes}: `condition(context, name=...)`, `normalize(targets, state,
    name=...)`, with one label below `classes` an item.
    """

    def __init__(self, inner: Any, sides: Mapping[str, int]) -> None:
        self.inner, self.sides = inner, dict(sides)

    def condition(self, context: Tensor, **more: Any) -> tuple[Tensor, object]:
        return self.inner.condition(context, **self._labels(context), **more)  # type: ignore[no-any-return]  # checked by the probe

    def normalize(self, targets: Tensor, state: object, **more: Any) -> Tensor:
        return self.inner.normalize(targets, state, **self._labels(targets), **more)  # type: ignore[no-any-return]  # as above

    def _labels(self, items: Tensor) -> dict[str, Tensor]:
        return {name: labels_of(items, classes) for name, classes in self.sides.items()}

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name in ("inner", "sides"):
            raise AttributeError(name)
        return getattr(self.inner, name)


def with_sides(norm: Norm) -> Norm:
    """Return the norm itself, or with the labels that it declares given to its calls."""
    sides = getattr(norm, "sides", None)
    return Sided(norm, sides) if isinstance(sides, dict) and sides else norm


def _around(text: str) -> Around:
    name, _, classes = text.partition("=")
    count = int(classes)
    if count < 1:
        raise ValueError(text)
    return lambda wrap: lambda layer: wrap(WithLabels(layer, name, count))


def recognise(trial: Trial) -> Evidence | None:
    """Its call wants a label, and answers where every item has one."""
    if not callable(trial.layer):
        return None
    for name in required(trial.parameters):
        if name in words.LABELS:
            found = _told(trial, name, _how_many(trial.layer))
            if found is not None:
                return found
    return None


def _told(trial: Trial, name: str, classes: int) -> Evidence | None:
    inner = trial.ask(trial.through("labelled", lambda layer: WithLabels(layer, name, classes)))
    if inner is None or inner.strength is Strength.LAST_RESORT:
        return None
    return Evidence(
        around(LABELLED, f"{name}={classes}", inner.adapter),
        Strength.NAMED,
        f"its call takes {name}: every item got one of {classes}; {inner.sentence}",
        inner.cautions,
    )


def _how_many(layer: Any) -> int:
    """How many labels a layer says that it knows, or has weights or moments for."""
    bare = bare_layer(layer)
    for name in words.LABEL_COUNTS:
        count = getattr(bare, name, None)
        if isinstance(count, int) and not isinstance(count, bool) and count > 0:
            return count
    if isinstance(bare, torch.nn.Module):
        for child in bare.modules():
            if isinstance(child, torch.nn.Embedding):
                return child.num_embeddings
            if isinstance(child, torch.nn.ModuleList | torch.nn.ParameterList) and len(child):
                return len(child)
        leading = [t.shape[0] for t in (*bare.parameters(), *bare.buffers()) if t.dim() > 1]
        if leading:
            return min(leading)
    return _FEW


LABELLED = Adapter(
    "labelled",
    "a label of every item on every call: labelled[label=3]+no_context gives one of 0, 1, 2, drawn"
    " with the item",
    needs_inner("labelled"),
    recognise=recognise,
    around=_around,
)
