"""Conventional batch normalisation: running moments of meta-training at meta-test."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tnverify.norms.blend import Blend
from tnverify.norms.running import RunningLayer
from tnverify.norms.state import EmptyState, context_size, expect_state

if TYPE_CHECKING:
    from torch import Tensor


class ConventionalBN(RunningLayer):
    """CBN (paper, section 3.1, eqs. (3), (4)): what `nn.BatchNorm2d` does.

    In eval mode (meta-test) context and targets are normalised with the running moments; in
    train mode each set with its own batch moments, which also move the running ones.
    """

    scheme = "conventional_bn"
    state_kind = EmptyState

    def condition(self, context: Tensor) -> tuple[Tensor, EmptyState]:
        self.checked_context(context)
        return self._normalized(context), EmptyState(context_size(context))

    def normalize(self, targets: Tensor, state: object) -> Tensor:
        self.checked(targets)
        expect_state(state, EmptyState)
        return self._normalized(targets)

    def observe(self, context: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """Return what both sets of a task of meta-training give, in whichever mode the layer is.

        The context and then the targets move the running moments.
        """
        self.checked_context(context)
        self.checked(targets)
        return self._trained(context), self._trained(targets)

    def _normalized(self, x: Tensor) -> Tensor:
        if not self.training:
            # The running variance is unbiased already, so no convention applies to it.
            return self.output(x, Blend(self.running))
        return self._trained(x)

    def _trained(self, x: Tensor) -> Tensor:
        """Outputs by the set's own moments, which then move the running ones; an empty set moves
        nothing."""
        if not x.numel():
            return x.clone()
        outputs, state = self.output_and_state(x)
        self.keep(state.moments)
        return outputs
