"""Layers that return their moments from one call and take them in the next."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tnverify.subjects.adapters.base import Adapter, AdapterError, set_mode

if TYPE_CHECKING:
    from torch import Tensor


class HandedMoments:
    """`layer(context) -> (outputs, *moments)`, then `layer(targets, *moments)`.

    What the second call returns beside its outputs is dropped: the moments handed on are
    always those of the context.
    """

    def __init__(self, layer: Any) -> None:
        self.layer = layer
        set_mode(layer, training=False)

    def condition(self, context: Tensor) -> tuple[Tensor, object]:
        answer = self.layer(context)
        if not isinstance(answer, tuple) or len(answer) < 2:
            raise AdapterError(
                "the adapter handed_moments wants (outputs, moments) from layer(context), not a"
                f" {type(answer).__name__}"
            )
        return answer[0], answer[1:]

    def normalize(self, targets: Tensor, state: object) -> Tensor:
        if not isinstance(state, tuple):
            raise AdapterError("handed_moments: no moments were handed on: condition first")
        answer = self.layer(targets, *state)
        outputs: Tensor = answer[0] if isinstance(answer, tuple) else answer
        return outputs


HANDED_MOMENTS = Adapter(
    "handed_moments",
    "layer(context) -> (outputs, moments); layer(targets, moments) -> outputs",
    HandedMoments,
)
