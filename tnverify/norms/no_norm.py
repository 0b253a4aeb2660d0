"""No normalisation at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tnverify.norms.layer import Layer
from tnverify.norms.moments import compute_dtype
from tnverify.norms.state import EmptyState, context_size, expect_state

if TYPE_CHECKING:
    from torch import Tensor


class NoNorm(Layer):
    """The weight and bias alone: x * weight + bias.

    What the others are compared with; the paper's baseline for CNAPs freezes the moments of a
    pre-trained extractor instead, which is `ConventionalBN` in eval mode.
    """

    scheme = "none"
    state_kind = EmptyState

    def condition(self, context: Tensor) -> tuple[Tensor, EmptyState]:
        self.checked_context(context)
        return self._affine(context), EmptyState(context_size(context))

    def normalize(self, targets: Tensor, state: object) -> Tensor:
        self.checked(targets)
        expect_state(state, EmptyState)
        return self._affine(targets)

    def _affine(self, x: Tensor) -> Tensor:
        wide = x.to(compute_dtype(x.dtype))
        per_channel = (-1, *(1,) * (x.dim() - 2))
        outputs = wide.clone() if self.weight is None else wide * self.weight.view(per_channel)
        if self.bias is not None:
            outputs = outputs + self.bias.view(per_channel)
        return outputs.to(x.dtype)
