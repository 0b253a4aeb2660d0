"""Layers that use what the process shares and leave it as it was, and that keep a few tasks."""

from __future__ import annotations

import os
import warnings
from collections import deque
from typing import TYPE_CHECKING

import numpy as np
import torch

from tnverify.power.sound.common import Scaled, along, required, space, wide
from tnverify.power.sound.register import sound

if TYPE_CHECKING:
    from torch import Tensor

Moments = tuple["Tensor", "Tensor"]


@sound("meta_bn", adapter="explicit_state")
class PutsBackWhatItChanges(Scaled):
    """Sums in float64 by default, in another directory, without warnings or errors of NumPy, and
    puts each of them back."""

    def condition(self, context: Tensor) -> tuple[Tensor, Moments]:
        before, here = torch.get_default_dtype(), os.getcwd()  # noqa: PTH109 - what is left alone
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            torch.set_default_dtype(torch.float64)
            os.chdir("/")
            try:
                state = self.moments(context)
            finally:
                os.chdir(here)
                torch.set_default_dtype(before)
        return self.normalize(context, state), state

    def normalize(self, targets: Tensor, state: Moments | None) -> Tensor:
        mean, var = required(state)
        x = wide(targets)
        root = torch.sqrt(along(var, x) + self.eps)
        return self.affine((x - along(mean, x)) / root).to(targets.dtype)

    def moments(self, context: Tensor) -> Moments:
        x = wide(context)
        dims = (0, *space(x))
        mean = x.mean(dims)
        return mean, (x - along(mean, x)).square().mean(dims)


@sound("meta_bn", adapter="explicit_state")
class KeepsTheLastContexts(PutsBackWhatItChanges):
    """Keeps the last twelve contexts, for whoever wants to look at them."""

    def __init__(self, channels: int, eps: float = 1e-5) -> None:
        super().__init__(channels, eps)
        self.met: deque[Tensor] = deque(maxlen=12)

    def moments(self, context: Tensor) -> Moments:
        self.met.append(context.detach())
        return super().moments(context)
