"""What an adapter is, and what speaks for one."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import IntEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from tnverify.contract.norm import Norm
    from tnverify.subjects.trial import Trial

    Wrap = Callable[[Any], Norm]
    Around = Callable[[Wrap], Wrap]


class AdapterError(TypeError):
    """The layer's answer does not fit the adapter; the message says what fits."""


class Strength(IntEnum):
    """How much speaks for an adapter."""

    LAST_RESORT = 0
    """Nothing speaks against it."""
    POSSIBLE = 1
    """It fits, and another fits better."""
    NEARLY = 2
    """It fits nearly as well as another, of which a report tells."""
    MEASURED = 3
    """What moves when the layer is called shows it."""
    NAMED = 4
    """The layer's own call or methods say it, and a trial bears them out."""
    WHOLE = 5
    """The layer offers all that the protocol asks for."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What speaks for an adapter: `sentence` is for the report, cautions come above a verdict."""

    adapter: Adapter
    strength: Strength
    sentence: str
    cautions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Adapter:
    """A calling convention. `wrap` takes a newly built layer and returns a Norm.

    `live_state` says that the task state is the live layer itself, so one layer holds one task
    at a time. `recognise` returns what speaks for this adapter, None where nothing does; a
    user's own has none. `around` makes, from the text between brackets in the adapter's name,
    what stands around the convention behind it, as in `step[num_step=0..4]+frozen`; an adapter
    that has it stands alone only with a convention.
    """

    name: str
    summary: str
    wrap: Wrap
    live_state: bool = False
    recognise: Callable[[Trial], Evidence | None] | None = None
    around: Callable[[str], Around] | None = None


def around(part: Adapter, text: str, inner: Adapter) -> Adapter:
    """The inner convention with a part around it, named `part[text]+inner`."""
    assert part.around is not None
    wrap = part.around(text)(inner.wrap)
    return replace(inner, name=f"{part.name}[{text}]+{inner.name}", wrap=wrap, recognise=None)


def needs_inner(name: str) -> Wrap:
    """The `wrap` of a part that stands around a convention: alone it wraps nothing."""

    def wrap(_layer: Any) -> Norm:
        raise AdapterError(f"the adapter {name} stands around another: {name}[...]+mode_flag")

    return wrap


def set_mode(layer: Any, *, training: bool) -> None:
    """Put a layer in train or eval mode, where it knows of one."""
    method = getattr(layer, "train" if training else "eval", None)
    if callable(method):
        method()
