"""A subject: what is verified, with all that is needed to build it anew for any task."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch

from tnverify.contract.limits import Limits, OnlyWidth
from tnverify.subjects.handles import Handles
from tnverify.subjects.jax import bridged
from tnverify.subjects.recipe import lanes_of
from tnverify.subjects.starting import FirstInstances, seed_generators

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tnverify.contract.claims import Claims
    from tnverify.subjects.adapters import Adapter
    from tnverify.subjects.spec import Spec


@dataclass(frozen=True, slots=True)
class Factory:
    """Builds the bare layer, with equal starting values whenever it is called.

    `spec` is None where a planted fault is the factory itself. `first` keeps the values of first
    instances for a constructor that draws from generators of its own, else it is None.
    """

    call: Callable[..., object]
    spec: Spec | None = None
    setup: str | None = None
    first: FirstInstances | None = field(default=None, compare=False)
    only: OnlyWidth | None = None
    """The one width that the layer is built for, None where it is built for any."""
    told: bool = True
    """Whether the layer is built for a number of channels, rather than for any."""
    notes: tuple[str, ...] = ()
    """What is to be said of how the layer is built."""

    def __call__(self, channels: int, spatial: tuple[int, ...]) -> Any:
        seed_generators()
        if self.spec is None:
            layer = self.call(channels)
        else:
            positional, keywords = self.spec.arguments(channels, spatial)
            layer = bridged(self.call(*positional, **keywords), channels, spatial)
        if self.setup is not None:
            getattr(layer, self.setup)()
        if self.first is not None:
            self.first.give(layer, channels)
        return layer


@dataclass(frozen=True, slots=True)
class Subject:
    """A layer behind an adapter, with its claims and everything that was found out about it.

    `rank` is the number of spatial dimensions of an ordinary task, `channel_step` the smallest
    number that every count of channels must be a multiple of, `native` the dtype in which the
    layer is built. `has_float64` is False where it cannot compute in float64. `eps` is the one that
    the layer shows, or the one that was found to fit. `lazy` says that parameters are made at the
    first call, which therefore draws from seeded generators, as construction does. `limits` are
    sizes that it asks for.
    """

    name: str
    factory: Factory
    adapter: Adapter
    claims: Claims
    handles: Handles = Handles()
    rank: int = 2
    channel_step: int = 1
    native: torch.dtype = torch.float32
    has_float64: bool = True
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    eps: float = 1e-5
    lazy: bool = False
    eps_of_dtype: bool = False
    """Whether eps is that of the dtype, as torch takes it where a layer's `eps` is None."""
    eps_is_idle: bool = False
    """Whether a value that is put in the place of eps changes no answer."""
    given_handles: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    limits: Limits = field(default_factory=Limits)
    evidence: str | None = None
    """What speaks for the adapter, where it was detected."""
    cautions: tuple[str, ...] = ()
    """What a reader must know before the verdict: what was left out, or done to the layer."""
    ranks_taken: dict[int, bool] = field(default_factory=dict, compare=False)
    """Which ranks were found to be taken, as they are asked for; shared by all copies."""

    def dtype(self, lane: str) -> torch.dtype:
        """The dtype of a lane: float64, or the subject's own."""
        return torch.float64 if lane == "float64" else self.native

    @property
    def lanes(self) -> tuple[str, ...]:
        return lanes_of(self.has_float64, self.native is torch.float64)
