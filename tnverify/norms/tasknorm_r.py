"""TaskNorm-r: context moments pooled with running ones (an ablation of the paper)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tnverify.norms.alpha import AlphaForm, BlendingLayer
from tnverify.norms.blend import Blend
from tnverify.norms.kernels import batch_moments
from tnverify.norms.moments import Moments, pool, with_convention
from tnverify.norms.running import RunningLayer
from tnverify.norms.state import ContextState, expect_context, remembered

if TYPE_CHECKING:
    import torch
    from torch import Tensor


class TaskNormR(BlendingLayer, RunningLayer):
    """TaskNorm-r (paper, section 5, eqs. (10), (11)), running moments in the place of own ones.

    The running moments are those of the contexts of meta-training. In train mode a context's
    batch moments move them once it is normalised; targets never do, for their moments are
    never taken. Arguments are those of `BlendingLayer`, and `momentum` of `RunningLayer`.
    """

    scheme = "tasknorm_r"

    def __init__(
        self,
        channels: int,
        *,
        alpha: AlphaForm = "functional",
        per_channel: bool = False,
        momentum: float | None = 0.1,
        eps: float = 1e-5,
        affine: bool = True,
        unbiased: bool = False,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__(
            channels,
            alpha=alpha,
            per_channel=per_channel,
            eps=eps,
            affine=affine,
            unbiased=unbiased,
            device=device,
            dtype=dtype,
        )
        self.momentum = momentum

    def condition(self, context: Tensor) -> tuple[Tensor, ContextState]:
        batch = batch_moments(self.checked_context(context))
        state = remembered(context, batch)
        outputs = self.output(context, Blend(self._pooled(context, state)))
        if self.training:
            self.keep(batch)
        return outputs, state

    def normalize(self, targets: Tensor, state: object) -> Tensor:
        kept = expect_context(state, self.checked(targets))
        return self.output(targets, Blend(self._pooled(targets, kept)))

    def observe(self, context: Tensor, targets: Tensor) -> None:
        """One task of meta-training: its context moves the running moments."""
        self.checked(targets)
        self.keep_set(self.checked_context(context))

    def _pooled(self, x: Tensor, state: ContextState) -> Moments:
        alpha = self.share(x, state.size)
        running = self.running
        if self.training:
            # The gradient needs the values of now, which `keep` is about to overwrite.
            running = Moments(running.mean.clone(), running.var.clone(), running.count)
        # The running variance is unbiased already, so no convention applies to it.
        return pool(alpha, with_convention(state.moments, self.unbiased), running)
