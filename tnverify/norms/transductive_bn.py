"""Transductive batch normalisation: the moments of whichever set is passed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tnverify.norms.blend import Blend
from tnverify.norms.layer import Layer
from tnverify.norms.state import ContextState, expect_context

if TYPE_CHECKING:
    from torch import Tensor


class TransductiveBN(Layer):
    """TBN (paper, section 3.2): a target is normalised with the moments of all targets.

    The only scheme of the paper whose predictions depend on the other targets (eq. (5)).
    """

    scheme = "transductive_bn"

    def condition(self, context: Tensor) -> tuple[Tensor, ContextState]:
        return self.output_and_state(context)

    def normalize(self, targets: Tensor, state: object) -> Tensor:
        context = expect_context(state, self.checked(targets)).moments
        if targets.shape[0] == 0:  # len would fix the number of items for torch.export
            # No targets have no moments: NaN would reach the gradients of weight and bias.
            return self.output(targets, Blend(context))
        return self.output(targets, Blend("batch", unbiased=self.unbiased))

    def of_context(self, part: Tensor, state: object) -> Tensor:
        context = expect_context(state, self.checked(part)).moments
        return self.output(part, Blend(context, unbiased=self.unbiased))
