"""Several tasks of one shape as one, for a launch over all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from .source import ImageTask


class Stack(NamedTuple):
    """Tasks along a first dimension: (tasks, items, channels, height, width), (tasks, items)."""

    context: Tensor
    context_labels: Tensor
    targets: Tensor
    target_labels: Tensor


def stacked(tasks: Sequence[ImageTask]) -> Stack:
    """The tasks as one stack. Raises `ValueError` where their shapes differ (variable shots)."""
    shapes = {(tuple(t.context.shape), tuple(t.targets.shape)) for t in tasks}
    if len(shapes) != 1:
        raise ValueError(f"tasks of {len(shapes)} different shapes cannot be stacked: {shapes}")
    return Stack(
        torch.stack([t.context for t in tasks]),
        torch.stack([t.context_labels for t in tasks]),
        torch.stack([t.targets for t in tasks]),
        torch.stack([t.target_labels for t in tasks]),
    )
