"""Which scheme a learner is over: names, what of a scheme a learner has to know, and networks."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

from tnverify.contract import SCHEMES as TABLE
from tnverify.norms import BY_SCHEME, TaskNetwork, convert
from tnverify.norms.alpha import AlphaForm, BlendingLayer
from tnverify.norms.running import RunningLayer

if TYPE_CHECKING:
    from torch import nn

SCHEMES: tuple[str, ...] = tuple(BY_SCHEME)
"""The schemes that every learner can be over."""

BASELINE = "baseline"
"""The moments of the pre-trained backbone, frozen everywhere: a choice of CNAPs alone."""


def blends(scheme: str) -> bool:
    """Whether the scheme has an alpha."""
    return scheme in BY_SCHEME and issubclass(BY_SCHEME[scheme], BlendingLayer)


def keeps_running_moments(scheme: str) -> bool:
    """Whether meta-training moves running moments, task by task."""
    return scheme in BY_SCHEME and issubclass(BY_SCHEME[scheme], RunningLayer)


def reads_context(scheme: str, *, training: bool) -> bool:
    """Whether what targets are normalised with depends on the context."""
    if scheme == BASELINE:
        return False
    entry = TABLE[scheme]
    if training and entry.trains_as is not None:
        entry = TABLE[entry.trains_as]
    return entry.reads_context


def normalized(
    network: nn.Module, scheme: str, *, alpha: AlphaForm = "functional", per_channel: bool = False
) -> TaskNetwork:
    """A copy of the network with its batch norms replaced by the scheme's layers.

    `alpha` and `per_channel` matter to the TaskNorms alone (see `BlendingLayer`). The copy has
    the network's values, so that learners over different schemes start from the same.
    """
    options = {"alpha": alpha, "per_channel": per_channel} if blends(scheme) else {}
    return TaskNetwork(convert(copy.deepcopy(network), scheme, **options))
