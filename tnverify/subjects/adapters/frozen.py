"""Layers that meet tasks in eval mode with what meta-training left behind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tnverify.subjects.adapters.base import Adapter, set_mode

if TYPE_CHECKING:
    from torch import Tensor


class Frozen:
    """A train() call on each set is a meta-training step; at meta-test the layer stays in eval."""

    def __init__(self, layer: Any) -> None:
        self.layer = layer
        set_mode(layer, training=False)

    def observe(self, context: Tensor, targets: Tensor) -> None:
        set_mode(self.layer, training=True)
        self.layer(context)
        self.layer(targets)
        set_mode(self.layer, training=False)

    def condition(self, context: Tensor) -> tuple[Tensor, object]:
        return self.layer(context), None

    def normalize(self, targets: Tensor, state: object) -> Tensor:
        return self.layer(targets)  # type: ignore[no-any-return]  # checked by the probe


FROZEN = Adapter(
    "frozen",
    "train() calls are meta-training steps; context and targets are seen in eval()",
    Frozen,
)
