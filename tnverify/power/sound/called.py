"""Layers that remember, fold and reuse, and answer as if they did not."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import torch

from tnverify.power.sound.common import CONTIGUOUS, Scaled, along, required, space, wide
from tnverify.power.sound.register import sound

if TYPE_CHECKING:
    from torch import Tensor

Moments = tuple["Tensor", "Tensor"]


class _OfContext(Scaled):
    """Moments of the context for both sets, handed over as a state."""

    def condition(self, context: Tensor) -> tuple[Tensor, Moments]:
        var, mean = torch.var_mean(wide(context), (0, *space(context)), correction=0)
        return self.normalize(context, (mean, var)), (mean, var)

    def normalize(self, targets: Tensor, state: Moments | None) -> Tensor:
        mean, var = required(state)
        x = wide(targets)
        return self.affine((x - along(mean, x)) / along(torch.sqrt(var + self.eps), x)).to(
            targets.dtype
        )


@sound("meta_bn")
class FoldsByVersion(_OfContext):
    """Keeps a copy of its weight while the weight is the same tensor and nobody wrote to it."""

    folded: tuple[tuple[int, int], Tensor] | None = None

    def affine(self, y: Tensor) -> Tensor:
        if torch.is_grad_enabled():
            return super().affine(y)
        key = (self.weight.data_ptr(), self.weight._version)  # noqa: SLF001 - torch has no other
        if self.folded is None or self.folded[0] != key or self.folded[1].dtype != y.dtype:
            self.folded = (key, self.weight.detach().to(y.dtype, copy=True))
        return along(self.folded[1], y) * y + along(self.bias, y)


class _Named:
    """A task state that names what the layer keeps for it, as long as somebody holds it."""


@sound("meta_bn", adapter="explicit_state", shows={
    "a_conditioned_layer_survives_deep_copying": "a copied name names nothing, as it says",
    "a_conditioned_layer_survives_pickling": "a dictionary of weak references is not pickled",
    "a_conditioned_layer_survives_saving_and_loading": "names are of one process",
})  # fmt: skip
class RemembersWhileItIsHeld(_OfContext):
    """Keeps moments by the identity of a state, and drops them when the state is gone."""

    def __init__(self, channels: int, eps: float = 1e-5) -> None:
        super().__init__(channels, eps)
        self.kept: WeakKeyDictionary[object, Moments] = WeakKeyDictionary()

    def condition(self, context: Tensor) -> tuple[Tensor, object]:  # type: ignore[override]  # its state is a name
        outputs, moments = super().condition(context)
        state = _Named()
        self.kept[state] = moments
        return outputs, state

    def normalize(self, targets: Tensor, state: object) -> Tensor:
        moments = state if state is None or isinstance(state, tuple) else self.kept.get(state)
        return super().normalize(targets, moments)


@sound("meta_bn", shows={
    **CONTIGUOUS,
    "vmap_over_tasks_agrees_with_a_loop": "its buffer is no batched tensor",
})  # fmt: skip
class ComputesInAWorkspace(_OfContext):
    """Computes in one buffer a thread, and answers with what was copied out of it."""

    local = threading.local()

    def normalize(self, targets: Tensor, state: Moments | None) -> Tensor:
        outputs = super().normalize(targets, state)
        if outputs.requires_grad:
            return outputs.contiguous()
        buffer = getattr(self.local, "buffer", None)
        if buffer is None or buffer.dtype != outputs.dtype or buffer.numel() < outputs.numel():
            with torch.inference_mode(False):  # else nothing could be written to it later
                buffer = torch.empty(outputs.numel(), dtype=outputs.dtype, device=outputs.device)
            self.local.buffer = buffer
        used: Tensor = buffer[: outputs.numel()].view(outputs.shape)
        return used.copy_(outputs).clone()


@sound("meta_bn")
class OutsideOfAutocast(_OfContext):
    """Turns autocast off for itself, so that its moments stay in the precision of its input."""

    def normalize(self, targets: Tensor, state: Moments | None) -> Tensor:
        with torch.autocast(targets.device.type, enabled=False):
            return super().normalize(targets, state)


@sound("meta_bn")
class BusyUntilItIsDone(_OfContext):
    """Refuses a call from within a call, and is free again whatever became of the first."""

    busy = False

    def condition(self, context: Tensor) -> tuple[Tensor, Moments]:
        if self.busy:
            raise RuntimeError("already conditioning on a context")
        self.busy = True
        try:
            if context.shape[1] != len(self.weight):
                raise ValueError(f"{context.shape[1]} channels, not {len(self.weight)}")
            return super().condition(context)
        finally:
            self.busy = False
