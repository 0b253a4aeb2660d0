"""TaskNorm-I and TaskNorm-L: context moments pooled with each item's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tnverify.norms.alpha import BlendingLayer
from tnverify.norms.blend import Blend
from tnverify.norms.state import ContextState, expect_context

if TYPE_CHECKING:
    from torch import Tensor


class _TaskNorm(BlendingLayer):
    """Context batch moments, pooled with an item's own over `_own_groups` groups of channels."""

    @property
    def _own_groups(self) -> int:
        raise NotImplementedError

    def condition(self, context: Tensor) -> tuple[Tensor, ContextState]:
        self.checked_context(context)
        alpha = self.share(context, context.shape[0])
        return self.output_and_state(context, self._own_groups, alpha)

    def normalize(self, targets: Tensor, state: object) -> Tensor:
        context, size = expect_context(state, self.checked(targets))
        alpha = self.share(targets, size)
        return self.output(targets, Blend(context, self._own_groups, alpha, self.unbiased))


class TaskNormI(_TaskNorm):
    """TaskNorm-I (paper, section 4.2, eqs. (10), (11)): pooled with instance moments."""

    scheme = "tasknorm_i"

    @property
    def _own_groups(self) -> int:
        return self.channels


class TaskNormL(_TaskNorm):
    """TaskNorm-L (paper, section 4.2, eqs. (10), (11)): pooled with layer moments."""

    scheme = "tasknorm_l"

    @property
    def _own_groups(self) -> int:
        return 1
