"""Meta-batch normalisation: the context's batch moments for context and targets alike."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tnverify.norms.blend import Blend
from tnverify.norms.layer import Layer
from tnverify.norms.state import ContextState, expect_context

if TYPE_CHECKING:
    from torch import Tensor


class MetaBN(Layer):
    """MetaBN (paper, section 4.1): eqs. (3), (4) over the context, at meta-training and -test."""

    scheme = "meta_bn"

    def condition(self, context: Tensor) -> tuple[Tensor, ContextState]:
        return self.output_and_state(context)

    def normalize(self, targets: Tensor, state: object) -> Tensor:
        context = expect_context(state, self.checked(targets)).moments
        return self.output(targets, Blend(context, unbiased=self.unbiased))
