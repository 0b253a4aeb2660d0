"""The few lines that several sound learners share."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn.functional import one_hot

if TYPE_CHECKING:
    from torch import Tensor

INPUTS = 6
"""Numbers of an item."""


def network(*sizes: int, seed: int = 0) -> nn.Sequential:
    """A network of linear layers and GELU between them, alike each time."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        layers: list[nn.Module] = []
        for incoming, outgoing in pairwise(sizes):
            layers += [nn.Linear(incoming, outgoing), nn.GELU()]
        return nn.Sequential(*layers[:-1])


def members(labels: Tensor, like: Tensor) -> Tensor:
    """(items, classes), 1 where an item is of a class; classes in ascending order."""
    places = torch.unique(labels, return_inverse=True)[1]
    return one_hot(places).to(like.dtype)
