"""Layers that are simply called, on the context as on the targets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tnverify.subjects.adapters.base import Adapter

if TYPE_CHECKING:
    from torch import Tensor


class NoContext:
    """Calls the layer in the mode that it was built in: no flag is touched.

    A torch layer is built in training mode, so a batch norm behind this adapter is one that is
    always training.
    """

    def __init__(self, layer: Any) -> None:
        self.layer = layer

    def condition(self, context: Tensor) -> tuple[Tensor, object]:
        return self.layer(context), None

    def normalize(self, targets: Tensor, state: object) -> Tensor:
        return self.layer(targets)  # type: ignore[no-any-return]  # checked by the probe


NO_CONTEXT = Adapter(
    "no_context",
    "one call, as built: stateless layers, and those that always use the batch",
    NoContext,
)
