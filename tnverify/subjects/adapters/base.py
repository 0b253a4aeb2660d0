"""What an adapter is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from tnverify.contract.norm import Norm


class AdapterError(TypeError):
    """The layer's answer does not fit the adapter; the message says what fits."""


@dataclass(frozen=True, slots=True)
class Adapter:
    """A calling convention. `wrap` takes a newly built layer and returns a Norm.

    `live_state` says that the task state is the live layer itself, so one layer holds one task
    at a time.
    """

    name: str
    summary: str
    wrap: Callable[[Any], Norm]
    live_state: bool = False


def set_mode(layer: Any, *, training: bool) -> None:
    """Put a layer in train or eval mode, where it knows of one."""
    method = getattr(layer, "train" if training else "eval", None)
    if callable(method):
        method()
