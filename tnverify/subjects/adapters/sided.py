"""Layers that are given something of every item beside it: a style, a code, a map, gains.

What is given goes with its item wherever laws take it: it is made of the item's own values, alike
in every order, subset and dtype.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import torch

from tnverify.contract.outcomes import SubjectRaised
from tnverify.subjects.adapters import words
from tnverify.subjects.adapters.base import Adapter, Evidence, Strength, around, needs_inner
from tnverify.subjects.adapters.labelled import labels_of
from tnverify.subjects.adapters.signature import BoundCall, bare_layer, give, required
from tnverify.subjects.spec import Unusable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor

    from tnverify.subjects.adapters.base import Around
    from tnverify.subjects.trial import Trial

_KINDS = 5
"""How many different rows there are."""
_WIDTH = "channels"
_MOST = 8
"""Widths that are tried."""


@dataclass(frozen=True, slots=True)
class Side:
    """What an argument is given: a `vector` (items, width), a `point` with sizes of one behind it,
    a `map` (items, width, *spatial), or a tensor `like` the input.

    A width is a number, or `channels`.
    """

    name: str
    form: str
    width: str = ""

    def __str__(self) -> str:
        return f"{self.name}={self.form}{self.width and ':'}{self.width}"

    def of(self, items: Tensor) -> Tensor:
        """Return what goes with items, (items, channels, *spatial)."""
        if self.form == "like":
            return 0.75 - 0.5 * items
        columns = torch.arange(items.shape[1] if self.width == _WIDTH else int(self.width))
        if self.width == _WIDTH:
            # Alike for all channels, so that these may be put in another order.
            columns = torch.zeros_like(columns)
        rows = labels_of(items, _KINDS)[:, None]
        made = (rows * 7 + columns.to(rows.device) * 3) % 11 - 5
        made = (made.double() / 4).to(items.dtype)
        if self.form == "vector":
            return made
        made = made.view(*made.shape, *(1,) * (items.dim() - 2))
        return made if self.form == "point" else made.expand(*made.shape[:2], *items.shape[2:])


def _read(text: str) -> Side:
    name, _, what = text.strip().partition("=")
    form, _, width = what.partition(":")
    whole = form == "like" and not width
    wide = form in ("vector", "point", "map") and (width == _WIDTH or width.isdigit())
    if not name.isidentifier() or not (whole or wide):
        raise ValueError(text)
    return Side(name, form, width)


class WithSides(BoundCall):
    """Gives the layer what goes with every item that it is called with."""

    def __init__(self, layer: Any, sides: tuple[Side, ...]) -> None:
        super().__init__(layer, tuple(side.name for side in sides))
        self.sides = sides

    def answer(self, x: Any, more: tuple[Any, ...], given: dict[str, Any]) -> Any:
        first, *rest = self.sides
        given = given | {side.name: side.of(x) for side in rest}
        return give(self.layer, x, first.name, first.of(x), more, given)


def _around(text: str) -> Around:
    sides = tuple(map(_read, text.split(",")))
    return lambda wrap: lambda layer: wrap(WithSides(layer, sides))


def recognise(trial: Trial) -> Evidence | None:
    """Its call wants something of every item, and answers where it is given in some form."""
    if not callable(trial.layer):
        return None
    wanted = required(trial.parameters)
    if not wanted or not set(wanted) <= words.SIDES:
        return None
    for form, width in _forms(trial.layer, wanted):
        sides = tuple(Side(name, form, width) for name in wanted)
        bound = trial.through("sided", partial(WithSides, sides=sides))
        if _answers(bound):
            inner = trial.ask(bound)
            if inner is not None and inner.strength is not Strength.LAST_RESORT:
                return _evidence(sides, inner)
    return None


def _evidence(sides: tuple[Side, ...], inner: Evidence) -> Evidence:
    names = ", ".join(side.name for side in sides)
    text = ",".join(map(str, sides))
    said = f"its call takes {names}: every item got its own, made of its values; {inner.sentence}"
    return Evidence(around(SIDED, text, inner.adapter), Strength.NAMED, said, inner.cautions)


def _forms(layer: Any, wanted: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    if set(wanted) <= words.LIKE_THE_INPUT:
        yield "like", ""
    widths = list(map(str, dict.fromkeys(_widths(bare_layer(layer)))))
    for width in widths[:_MOST]:
        for form in ("vector", "map", "point"):
            yield form, width
    yield "vector", _WIDTH
    yield "like", ""
    yield "map", _WIDTH
    yield "point", _WIDTH


def _widths(layer: Any) -> Iterator[int]:
    """Numbers of inputs that parts of a layer take, and those that it has by name."""
    if not isinstance(layer, torch.nn.Module):
        return
    for part in layer.modules():
        for name in ("in_features", "in_channels"):
            count = getattr(part, name, None)
            if isinstance(count, int) and count > 0:
                yield count
    yield from (n for n in vars(layer).values() if type(n) is int and 0 < n <= 4096)
    yield from (n for p in layer.parameters() for n in p.shape if p.dim() == 2)


def _answers(bound: Trial) -> bool:
    """Whether it answers with the shape of its input, at another width and number of items, too."""
    try:
        wider = bound
        if type(bound.step) is int:
            wider = replace(bound, step=2 * bound.step, given_rank=bound.rank, memo={})
        return all(_takes(one) for one in (bound, wider))
    except (SubjectRaised, Unusable):
        return False


def _takes(bound: Trial) -> bool:
    x = bound.targets[:3]
    answer = bound.run(lambda layer: layer(x.clone()))
    several = answer if isinstance(answer, tuple | list) else (answer,)
    several = tuple(answer.values()) if isinstance(answer, dict) else several
    tensors = (one for one in several if isinstance(one, torch.Tensor))
    return any(one.shape == x.shape and bool(one.isfinite().all()) for one in tensors)


SIDED = Adapter(
    "sided",
    "something of every item on every call: sided[style=vector:8]+no_context gives (items, 8) made"
    " of the items, =map:3 gives (items, 3, *spatial), =point:3 sizes of one, =like the input's"
    " shape; the width may be `channels`",
    needs_inner("sided"),
    recognise=recognise,
    around=_around,
)
