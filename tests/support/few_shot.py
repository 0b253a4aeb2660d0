"""Random tasks and small bodies for tests of learners."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from tnverify.analyses.learners import Body, conv4
from tnverify.norms import Layer


class Sets(NamedTuple):
    context: Tensor
    context_labels: Tensor
    targets: Tensor
    target_labels: Tensor


def drawn_sets(
    seed: int = 0,
    *,
    way: int = 3,
    shot: int = 2,
    targets: int = 4,
    side: int = 28,
    dtype: torch.dtype = torch.float64,
) -> Sets:
    """A task of noise, its classes apart by a constant, in each set sorted by label."""
    generator = torch.Generator().manual_seed(seed)
    labels = [torch.arange(way).repeat_interleave(each) for each in (shot, targets)]
    images = [
        torch.randn(len(each), 1, side, side, generator=generator, dtype=dtype)
        + each[:, None, None, None]
        for each in labels
    ]
    return Sets(images[0], labels[0], images[1], labels[1])


def small_body(dtype: torch.dtype = torch.float64, *, width: int = 4) -> Body:
    torch.manual_seed(1)
    return conv4(channels=1, width=width, reduce="stride").to(dtype)


def unsettled(network: nn.Module) -> None:
    """Moves what normalisation layers learn away from 1, 0 and 0.5, where errors could hide."""
    generator = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for layer in network.modules():
            if isinstance(layer, Layer):
                for parameter in layer.parameters(recurse=False):
                    parameter += 0.2 * torch.rand(parameter.shape, generator=generator)
