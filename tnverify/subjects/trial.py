"""A trial: fresh layers, all alike, called on copies of a few tensors to see what moves."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import torch

from tnverify.contract.outcomes import SubjectRaised
from tnverify.subjects.adapters.base import Adapter
from tnverify.subjects.adapters.signature import side_parameters
from tnverify.subjects.building import native_dtype, placed
from tnverify.subjects.guard import calling
from tnverify.subjects.handles import Handles
from tnverify.subjects.ordinary import ordinary
from tnverify.subjects.ranks import find_rank
from tnverify.subjects.spread import spread_out
from tnverify.subjects.starting import kept_generators, seed_generators

if TYPE_CHECKING:
    from collections.abc import Callable
    from inspect import Parameter

    from torch import Tensor

    from tnverify.contract.claims import Claims
    from tnverify.contract.task import Task
    from tnverify.subjects.adapters.base import Evidence
    from tnverify.subjects.subject import Factory


@dataclass(frozen=True, eq=False)
class Trial:
    """What adapters recognise a layer by. Fresh layers and the random numbers that they draw are
    equal, every tensor that a layer is given is a copy.

    `bind` is put around every fresh layer: what it gives is called with its input alone.
    """

    factory: Factory
    step: int
    device: torch.device | str = "cpu"
    declared: Claims | None = None
    bind: Callable[[Any], Any] = field(default=lambda layer: layer)
    parts: tuple[str, ...] = ()
    """The parts that are bound already, by name."""
    given_rank: int | None = None
    ask: Callable[[Trial], Evidence | None] = field(default=lambda _: None)
    """The convention that fits a trial best, for those parts that stand around one."""
    memo: dict[str, Any] = field(default_factory=dict)
    """What was measured already, by name."""
    trained: bool = False
    """Whether parameters are moved from their initial values, where a gain of zero hides all."""

    @cached_property
    def rank(self) -> int:
        """How many spatial dimensions the call takes. Raises Unusable where it takes none."""
        if self.given_rank is not None:
            return self.given_rank
        probe = Adapter("trial", "one call, as built", lambda layer: _AsBuilt(self.bind(layer)))
        return find_rank(self.factory, probe, self.step, self.device)

    @cached_property
    def layer(self) -> Any:
        """A fresh layer to look at, never called."""
        return self.bind(placed(self.factory, 3 * self.step, (5, 4, 2), self.device))

    @cached_property
    def parameters(self) -> dict[str, Parameter]:
        """What the call takes beside its input, and beside what is bound."""
        return side_parameters(self.layer)

    @cached_property
    def contexts(self) -> tuple[Tensor, Tensor, Tensor]:
        """Three contexts of means and spreads far apart, none near 0 and 1."""
        first, second, third = (self._set(seed, "context") for seed in (1, 2, 4))
        return first * 3 + 5, second * 2 - 6, third * 5 + 1

    @cached_property
    def targets(self) -> Tensor:
        return self._set(3, "targets")

    @cached_property
    def _away(self) -> Task:
        """A task whose parameters are away from initial values."""
        return replace(ordinary(self.rank, self.step), spread=0.5).build()

    def _set(self, seed: int, name: str) -> Tensor:
        task = ordinary(self.rank, self.step, seed=seed).build(
            native_dtype(self.layer), self.device
        )
        found: Tensor = getattr(task, name)
        return found

    def through(self, part: str, bind: Callable[[Any], Any]) -> Trial:
        """The same trial with one more part around every layer."""
        inner = self.bind
        return replace(
            self, bind=lambda layer: bind(inner(layer)), parts=(*self.parts, part), memo={}
        )

    def run(self, script: Callable[[Any], Any]) -> Any:
        """What a script returns that is given a fresh layer; SubjectRaised, as a value, where the
        layer raises. A layer that hangs or exits would do so every time: it is raised."""
        spatial = (5, 4, 2)[: self.rank]
        try:
            with kept_generators():
                seed_generators()
                bare = placed(self.factory, 3 * self.step, spatial, self.device)
                if self.trained:
                    spread_out(bare, Handles(), self._away)
                layer = self.bind(bare)
                with calling("condition"), torch.no_grad():
                    answer = script(layer)
        except SubjectRaised as raised:
            if isinstance(raised.error, TimeoutError | SystemExit):
                raise
            return raised
        return answer.clone() if isinstance(answer, torch.Tensor) else answer


class _AsBuilt:
    """One call, so that a rank can be tried."""

    def __init__(self, layer: Any) -> None:
        self.layer = layer

    def condition(self, context: Tensor) -> tuple[Tensor, object]:
        return self.layer(context), None

    def normalize(self, targets: Tensor, state: object) -> Tensor:
        return self.layer(targets)  # type: ignore[no-any-return]  # nobody asks for it


def same(a: Any, b: Any) -> bool:
    """Whether two answers are one tensor, but for rounding; what is no tensor is never the same."""
    if not (isinstance(a, torch.Tensor) and isinstance(b, torch.Tensor)) or a.shape != b.shape:
        return False
    return distance(a, b) <= 1e-6 * (1 + float(torch.nan_to_num(b.double()).abs().max()))


def distance(a: Tensor, b: Tensor) -> float:
    """The largest difference of two tensors; infinite where their shapes differ."""
    if a.shape != b.shape:
        return float("inf")
    a, b = a.double(), b.double()
    gap = torch.where((a == b) | (a.isnan() & b.isnan()), torch.zeros_like(a), (a - b).abs())
    return float(torch.nan_to_num(gap, nan=1e300).max()) if gap.numel() else 0.0
