"""What the TaskNorms of a learner have learned: alpha against the size of a context."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from tnverify.norms.alpha import BlendingLayer

if TYPE_CHECKING:
    from torch import nn

SIZES = (1, 2, 3, 5, 7, 10, 15, 20, 25, 30, 40, 50, 70, 100, 200, 500)
"""Context sizes that alpha is told at: those of the paper's figure 3 and more."""


@torch.no_grad()
def alphas(learner: nn.Module) -> dict[str, list[Any]]:
    """Columns of `learned/`: a row for each TaskNorm of the learner and context size.

    `alpha` is the mean over channels where each has its own, between `lowest` and `highest`.
    Nothing where the learner has no TaskNorm.
    """
    rows: dict[str, list[Any]] = {
        name: [] for name in ("layer", "context_size", "alpha", "lowest", "highest")
    }
    for name, layer in learner.named_modules():
        if not isinstance(layer, BlendingLayer):
            continue
        like = next(layer.parameters())
        for size in SIZES:
            alpha = layer.share(like, size).double()
            values = (name, size, float(alpha.mean()), float(alpha.min()), float(alpha.max()))
            for column, value in zip(rows, values, strict=True):
                rows[column].append(value)
    return rows if rows["layer"] else {}
