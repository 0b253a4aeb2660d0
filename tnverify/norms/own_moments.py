"""Layer, instance and group normalisation: each item with its own moments, whatever its set."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tnverify.norms.blend import Blend
from tnverify.norms.layer import Layer
from tnverify.norms.state import EmptyState, context_size, expect_state

if TYPE_CHECKING:
    import torch
    from torch import Tensor


class _OwnMoments(Layer):
    """An item's own moments over `_own_groups` groups of its channels."""

    state_kind = EmptyState

    @property
    def _own_groups(self) -> int:
        raise NotImplementedError

    def condition(self, context: Tensor) -> tuple[Tensor, EmptyState]:
        self.checked_context(context)
        return self._by_own(context), EmptyState(context_size(context))

    def normalize(self, targets: Tensor, state: object) -> Tensor:
        self.checked(targets)
        expect_state(state, EmptyState)
        return self._by_own(targets)

    def _by_own(self, x: Tensor) -> Tensor:
        return self.output(x, Blend(groups=self._own_groups, unbiased=self.unbiased))


class LayerNorm(_OwnMoments):
    """LN (paper, section 3.3, eqs. (6), (7)): moments over channels and space.

    Weight and bias are per channel, as in every scheme here; torch's own layer of this name has
    one per value that it normalises.
    """

    scheme = "layer_norm"

    @property
    def _own_groups(self) -> int:
        return 1


class InstanceNorm(_OwnMoments):
    """IN (paper, section 3.3, eqs. (8), (9)): moments over space, per channel."""

    scheme = "instance_norm"

    @property
    def _own_groups(self) -> int:
        return self.channels


class GroupNorm(_OwnMoments):
    """GN (paper, appendix A.2): moments over space and the channels of one group.

    `num_groups` must divide the number of channels; left out, it is the largest divisor up to
    32 that leaves two channels or more to a group (one group for a prime number of channels).
    Every other argument is that of `Layer`.
    """

    scheme = "group_norm"

    def __init__(
        self,
        channels: int,
        *,
        num_groups: int | None = None,
        eps: float = 1e-5,
        affine: bool = True,
        unbiased: bool = False,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__(
            channels, eps=eps, affine=affine, unbiased=unbiased, device=device, dtype=dtype
        )
        if num_groups is None:
            num_groups = default_groups(channels)
        if num_groups < 1 or channels % num_groups:
            raise ValueError(f"num_groups is {num_groups}: it must divide the {channels} channels")
        self.num_groups = num_groups

    @property
    def _own_groups(self) -> int:
        return self.num_groups

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, num_groups={self.num_groups}"


def default_groups(channels: int) -> int:
    """The largest divisor up to 32 that leaves two channels or more to a group, else 1."""
    most = max(min(32, channels // 2), 1)
    return next(groups for groups in range(most, 0, -1) if channels % groups == 0)
