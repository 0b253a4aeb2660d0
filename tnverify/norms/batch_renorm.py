"""Batch renormalisation: batch moments corrected towards the running ones while training."""

from __future__ import annotations

import torch
from torch import Tensor

from tnverify.norms.blend import Blend
from tnverify.norms.kernels import batch_moments
from tnverify.norms.moments import with_convention
from tnverify.norms.running import RunningLayer
from tnverify.norms.state import EmptyState, context_size, expect_state


class BatchRenorm(RunningLayer):
    """BRN (paper, appendix A.1; Ioffe 2017).

    In eval mode (meta-test) the running moments, as `ConventionalBN`. In train mode each set is
    normalised with its own batch moments and then corrected, y * r + d with
    r = sigma_batch / sigma_running within [1 / r_max, r_max] and
    d = (mean_batch - mean_running) / sigma_running within [-d_max, d_max], both constants to
    the gradient; then the batch moments move the running ones. The limits are Ioffe's; the
    paper does not state its own. Every other argument is that of `RunningLayer`.
    """

    scheme = "batch_renorm"
    state_kind = EmptyState

    def __init__(
        self,
        channels: int,
        *,
        r_max: float = 3.0,
        d_max: float = 5.0,
        momentum: float | None = 0.1,
        eps: float = 1e-5,
        affine: bool = True,
        unbiased: bool = False,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__(
            channels,
            momentum=momentum,
            eps=eps,
            affine=affine,
            unbiased=unbiased,
            device=device,
            dtype=dtype,
        )
        if r_max < 1 or d_max < 0:
            raise ValueError(f"r_max is {r_max} and d_max {d_max}: they are at least 1 and 0")
        self.r_max, self.d_max = r_max, d_max

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
        kept = batch_moments(x)
        batch, running = with_convention(kept, self.unbiased), self.running
        with torch.no_grad():
            sigma, sigma_running = ((m.var + self.eps).sqrt() for m in (batch, running))
            r = (sigma / sigma_running).clamp(1 / self.r_max, self.r_max)
            d = ((batch.mean - running.mean) / sigma_running).clamp(-self.d_max, self.d_max)
        weight, bias = r, d
        if self.weight is not None:
            weight, bias = self.weight * r, self.weight * d
        if self.bias is not None:
            bias = bias + self.bias
        outputs = self.output(x, Blend(batch), weight, bias)
        self.keep(kept)
        return outputs
