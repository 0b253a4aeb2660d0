"""What all reference layers share: parameters, what input they take, and how a network calls them.

`train()` and `eval()` mean meta-training and meta-test, nothing else. They matter to the layers
that keep running moments and to those that train by another scheme than they are tested with;
whether a call is about the context or the targets is never a mode but the method called.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, NamedTuple

import torch
from torch import Tensor, nn

from tnverify.norms.blend import Blend
from tnverify.norms.chunks import state_of_chunks
from tnverify.norms.kernels import batch_moments, normalize
from tnverify.norms.network_pass import current_pass
from tnverify.norms.state import ContextState, EmptyState, context_size, remembered

if TYPE_CHECKING:
    from collections.abc import Sequence


class Layer(nn.Module):
    """A normalisation layer over input (items, channels, *spatial), of any spatial shape.

    - `eps`: added to the variance inside the root.
    - `affine`: whether to end with a learned weight and bias per channel (1 and 0 at first).
    - `unbiased`: divide centred sums of squares by n - 1 rather than n, as the authors' code
      does and the paper does not.

    Half-precision input is computed in float32 and comes back in its own dtype; parameters stay
    in theirs.
    """

    scheme: ClassVar[str]
    """The name of the scheme in `tnverify.contract.SCHEMES`."""

    state_kind: ClassVar[type[ContextState | EmptyState]] = ContextState
    """What conditioning leaves: moments of the context, or nothing of it."""

    weight: nn.Parameter | None
    bias: nn.Parameter | None

    def __init__(
        self,
        channels: int,
        *,
        eps: float = 1e-5,
        affine: bool = True,
        unbiased: bool = False,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        if channels < 1:
            raise ValueError(f"channels is {channels}: a layer needs at least one")
        self.channels, self.eps, self.unbiased = channels, eps, unbiased
        ones = torch.ones(channels, device=device, dtype=dtype) if affine else None
        self.weight = None if ones is None else nn.Parameter(ones)
        self.bias = None if ones is None else nn.Parameter(torch.zeros_like(ones))

    def condition(self, context: Tensor) -> tuple[Tensor, NamedTuple]:
        """Outputs for the context and the task state; see `tnverify.contract.Norm`."""
        raise NotImplementedError

    def normalize(self, targets: Tensor, state: object) -> Tensor:
        """Outputs for the targets; see `tnverify.contract.Norm`."""
        raise NotImplementedError

    def summarized(self, part: Tensor) -> ContextState | EmptyState:
        """The task state that a part of a context alone would leave, to be merged with others'."""
        self.checked_context(part)
        if self.state_kind is EmptyState:
            return EmptyState(context_size(part))
        return remembered(part, batch_moments(part))

    def of_context(self, part: Tensor, state: object) -> Tensor:
        """Outputs for items of the very context that `state` is of, as `condition` gives them."""
        return self.normalize(part, state)

    def condition_shards(self, shards: Sequence[Tensor]) -> tuple[list[Tensor], NamedTuple]:
        """Outputs for each part of a context, and the task state of the whole.

        As `condition` on all parts in one piece; a part may have no items. Raises ValueError
        where none has any.
        """
        state = state_of_chunks(self, shards)
        return [self.of_context(shard, state) for shard in shards], state

    def forward(self, x: Tensor) -> Tensor:
        """Outputs for `x` as the context or as targets, whichever the network's pass is about.

        Raises RuntimeError outside of a pass (see `TaskNetwork`).
        """
        return current_pass(self).call(self, x)

    def output(
        self, x: Tensor, blend: Blend, weight: Tensor | None = None, bias: Tensor | None = None
    ) -> Tensor:
        """`x` normalised with what the blend describes, then the layer's affine (or this one)."""
        weight, bias = (self.weight, self.bias) if weight is None else (weight, bias)
        return normalize(self.checked(x), blend, weight, bias, self.eps)[0]

    def output_and_state(
        self, context: Tensor, groups: int | None = None, alpha: Tensor | None = None
    ) -> tuple[Tensor, ContextState]:
        """The context normalised with its batch moments, blended with each item's own if asked.

        `groups` and `alpha` are those of `Blend`.
        """
        blend = Blend("batch", groups, alpha, self.unbiased)
        outputs, batch = normalize(
            self.checked_context(context), blend, self.weight, self.bias, self.eps
        )
        assert batch is not None  # a blend based on batch moments returns them
        return outputs, remembered(context, batch)

    def checked_context(self, context: Tensor) -> Tensor:
        """`context` itself; raises ValueError where it is empty or of another form."""
        self.checked(context)
        if context.numel() == 0:
            raise ValueError(
                f"the context has shape {tuple(context.shape)} and so no values to take moments"
                " over: pass at least one item"
            )
        return context

    def checked(self, x: Tensor) -> Tensor:
        """`x` itself; raises ValueError where it is not of the form that this layer takes."""
        if x.dim() < 2 or x.shape[1] != self.channels:
            raise ValueError(
                f"input has shape {tuple(x.shape)}: {type(self).__name__} takes (items,"
                f" {self.channels} channels, *spatial)"
            )
        if not x.is_floating_point():
            raise ValueError(
                f"input has dtype {x.dtype}: {type(self).__name__} takes floating-point values"
            )
        return x

    def extra_repr(self) -> str:
        return f"{self.channels}, eps={self.eps}" + (", unbiased=True" if self.unbiased else "")
