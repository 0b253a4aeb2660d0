"""Reptile normalisation: each target with the moments of the context and itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tnverify.norms.blend import Blend
from tnverify.norms.layer import Layer
from tnverify.norms.state import ContextState, expect_context

if TYPE_CHECKING:
    from torch import Tensor


class ReptileNorm(Layer):
    """RN (paper, section 3.4; Nichol et al. 2018): the union of the context and one target.

    Of equal spatial shapes it is TaskNorm-I with alpha = n / (n + 1) for n context items. It
    trains as transductive batch normalisation: in train mode a target is normalised with the
    moments of all targets.
    """

    scheme = "reptile_norm"

    def condition(self, context: Tensor) -> tuple[Tensor, ContextState]:
        return self.output_and_state(context)

    def normalize(self, targets: Tensor, state: object) -> Tensor:
        context = expect_context(state, self.checked(targets)).moments
        if self.training:
            return self.output(targets, Blend("batch", unbiased=self.unbiased))
        return self.output(targets, Blend(context, self.channels, "by count", self.unbiased))

    def of_context(self, part: Tensor, state: object) -> Tensor:
        context = expect_context(state, self.checked(part)).moments
        return self.output(part, Blend(context, unbiased=self.unbiased))
