"""Layers that are told a label with every item, and take it for another's.

They are faults of the family `transductivity`, whose module imports this one.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from tnverify.faults.fault import fault

FAMILY = "transductivity"
_BY_LABEL = "labelled[label=3]+no_context"


class _ByLabel(nn.Module):
    """Instance norm with a weight and a bias for each label."""

    def __init__(self, channels: int, num_classes: int = 3, eps: float = 1e-5) -> None:
        super().__init__()
        self.eps = eps
        rows = torch.arange(float(num_classes))[:, None]
        self.weight = nn.Parameter(1 + rows.expand(-1, channels) / 2)
        self.bias = nn.Parameter(rows.expand(-1, channels) - 0.25)

    def labels(self, label: Tensor) -> Tensor:
        """The labels that its items are taken to have."""
        return label

    def forward(self, x: Tensor, label: Tensor) -> Tensor:
        wide = x.float() if x.dtype.itemsize < 4 else x
        space = tuple(range(2, x.dim()))
        centred = wide - wide.mean(space, keepdim=True) if space else 0 * wide
        square = centred.square()
        var = square.mean(space, keepdim=True) if space else square
        y = centred * torch.rsqrt(var + self.eps)
        shape = (len(x), x.shape[1], *(1,) * len(space))
        taken = self.labels(label)
        return (y * self.weight[taken].reshape(shape) + self.bias[taken].reshape(shape)).to(x.dtype)


@fault(
    family=FAMILY,
    claims="inductive",
    adapter=_BY_LABEL,
    kills="a_target_ignores_the_other_targets",
    source="github.com/woozch/DSBN issue 10: the domain of the first item for the whole batch",
)
class FirstLabelForAll(_ByLabel):
    """Takes the first item's label for that of all."""

    def labels(self, label: Tensor) -> Tensor:
        return label[:1].expand(len(label))


@fault(
    family=FAMILY,
    claims="inductive",
    adapter=_BY_LABEL,
    kills=("a_target_ignores_the_other_targets", "permuting_targets_permutes_outputs"),
    source="items sorted by label for a grouped kernel, and outputs not put back",
)
class LabelsInTheirOrder(_ByLabel):
    """Hands out labels sorted, whatever items they came with."""

    def labels(self, label: Tensor) -> Tensor:
        return label.sort().values


@fault(
    family=FAMILY,
    claims="inductive",
    adapter=_BY_LABEL,
    kills="a_target_ignores_the_other_targets",
    source="a batch of one domain expected, and its most frequent label taken",
)
class TheCommonestLabelForAll(_ByLabel):
    """Takes the label that most items have for that of all."""

    def labels(self, label: Tensor) -> Tensor:
        return label.mode().values.expand(len(label)) if len(label) else label
