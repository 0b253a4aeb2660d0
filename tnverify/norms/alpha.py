"""The blending weight alpha: the share of the context's moments (paper, section 4.2, app. E)."""

from __future__ import annotations

from typing import Literal, get_args

import torch
from torch import Tensor, nn

from tnverify.norms.layer import Layer
from tnverify.norms.moments import cast, compute_dtype

AlphaForm = Literal["functional", "free"]


class BlendingLayer(Layer):
    """A layer with an alpha, of one of the paper's four forms, 0.5 at first.

    - `alpha="functional"`: sigmoid(scale * context size + offset), with parameters `scale` and
      `offset`, 0 at first. Use it where the context size varies.
    - `alpha="free"`: the parameter `alpha` itself. A step that carries it out of [0, 1] counts
      as having reached the limit, and its gradient can bring it back.
    - `per_channel`: one alpha per channel rather than one for the layer.

    Every other argument is that of `Layer`.
    """

    scale: nn.Parameter | None
    offset: nn.Parameter | None
    alpha: nn.Parameter | None

    def __init__(
        self,
        channels: int,
        *,
        alpha: AlphaForm = "functional",
        per_channel: bool = False,
        eps: float = 1e-5,
        affine: bool = True,
        unbiased: bool = False,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__(
            channels, eps=eps, affine=affine, unbiased=unbiased, device=device, dtype=dtype
        )
        if alpha not in get_args(AlphaForm):
            raise ValueError(f"alpha is {alpha!r}: pass one of {', '.join(get_args(AlphaForm))}")
        zeros = torch.zeros((channels,) if per_channel else (), device=device, dtype=dtype)
        functional = alpha == "functional"
        self.scale = nn.Parameter(zeros) if functional else None
        self.offset = nn.Parameter(zeros.clone()) if functional else None
        self.alpha = None if functional else nn.Parameter(zeros + 0.5)

    def share(self, x: Tensor, size: Tensor | int) -> Tensor:
        """alpha for a context of `size` items, in the dtype that `x` is computed in."""
        dtype = compute_dtype(x.dtype)
        if self.alpha is not None:
            alpha = cast(self.alpha, dtype)
            return alpha.detach().clamp(0, 1) + (alpha - alpha.detach())
        assert self.scale is not None  # what is not free is functional
        assert self.offset is not None
        return torch.sigmoid(cast(self.scale, dtype) * size + cast(self.offset, dtype))
