"""Mutants that need no source: what the built layer does is changed at its two calls."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from tnverify.power.mutants.mutant import Mutant

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from tnverify.contract.norm import Norm

_LEAKED = 1e-3
"""How much of the other targets' mean reaches each target."""


class _Passing:
    """Passes every call on to the layer's own norm; a mutant overrides one."""

    def __init__(self, inner: Norm) -> None:
        self.inner = inner
        observe = getattr(inner, "observe", None)
        if observe is not None:
            self.observe = observe

    def condition(self, context: Tensor) -> tuple[Tensor, object]:
        return self.inner.condition(context)

    def normalize(self, targets: Tensor, state: object) -> Tensor:
        return self.inner.normalize(targets, state)


class _LeaksTargets(_Passing):
    def normalize(self, targets: Tensor, state: object) -> Tensor:
        count = len(targets)
        if count > 1:
            others = (targets.sum(0, keepdim=True) - targets) / (count - 1)
            targets = targets + _LEAKED * others
        return self.inner.normalize(targets, state)


class _ForgetsContext(_Passing):
    def condition(self, context: Tensor) -> tuple[Tensor, object]:
        outputs, _ = self.inner.condition(context)
        outputs = outputs.clone()
        ramp = torch.linspace(-1, 1, context.numel(), dtype=context.dtype, device=context.device)
        return outputs, self.inner.condition(ramp.reshape(context.shape))[1]


class _KeepsFirstTask(_Passing):
    first: Tensor | None = None

    def condition(self, context: Tensor) -> tuple[Tensor, object]:
        outputs, state = self.inner.condition(context)
        if self.first is None:
            self.first = context.detach().clone()
            return outputs, state
        return outputs.clone(), self.inner.condition(self.first)[1]


class _RoundsToHalf(_Passing):
    def condition(self, context: Tensor) -> tuple[Tensor, object]:
        return self.inner.condition(context.half().to(context.dtype))

    def normalize(self, targets: Tensor, state: object) -> Tensor:
        return self.inner.normalize(targets.half().to(targets.dtype), state)


@dataclass(frozen=True, slots=True)
class Behaviour:
    """A change of what a built layer does; `words` say which."""

    words: str
    wrap: Callable[[Norm], Norm]


BEHAVIOURS: dict[str, Behaviour] = {
    "leaks_targets": Behaviour(
        f"{_LEAKED:g} of the mean of the other targets is added to each target", _LeaksTargets
    ),
    "forgets_context": Behaviour(
        "targets are normalised after a ramp from -1 to 1 in the context's place", _ForgetsContext
    ),
    "keeps_first_task": Behaviour(
        "from the second task on, targets are normalised after the first one's context",
        _KeepsFirstTask,
    ),
    "rounds_to_half": Behaviour(
        "context and targets are rounded to float16 and back", _RoundsToHalf
    ),
}
"""By name, each with what it does."""


def behaviour_mutants() -> tuple[Mutant, ...]:
    """A mutant for each behaviour."""
    return tuple(
        Mutant(name.replace("_", " "), "behaviour", None, each.words, behaviour=name)
        for name, each in BEHAVIOURS.items()
    )
