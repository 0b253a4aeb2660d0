"""Predictors without a context in which the rows of a batch see one another."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn

from tnverify.faults.learners.bases import INPUTS, WIDTH, seeded, small_network
from tnverify.faults.learners.planted import planted

if TYPE_CHECKING:
    from torch import Tensor

READS = "what_other_targets_hold_does_not_matter"
COUNTS = "dropping_targets_does_not_matter"
ORDER = "the_order_of_targets_does_not_matter"
_SEQUENCES = {"input_shape": (5, WIDTH)}


class _Network(nn.Module):
    """A small network in eval()."""

    def __init__(self) -> None:
        super().__init__()
        self.body = small_network()
        self.eval()

    def forward(self, items: Tensor) -> Tensor:
        found: Tensor = self.body(items)
        return found


@planted(
    kind="predictor",
    kills=(READS, COUNTS),
    source="github.com/nshaud/DeepHyperX issue 51: no eval() before validation",
)
class BatchNormLeftTraining(nn.Module):
    """A network with batch norm that nobody has switched to eval()."""

    def __init__(self) -> None:
        super().__init__()
        self.body = small_network(normalised=True)

    def forward(self, items: Tensor) -> Tensor:
        found: Tensor = self.body.train()(items)
        return found


@planted(
    kind="predictor",
    kills=READS,
    input_shape=(5, WIDTH),
    source="torch's TransformerEncoderLayer without batch_first takes items for time steps",
)
class BatchTakenForTime(nn.Module):
    """An encoder layer that is given (items, time, features) and expects (time, items, ...)."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = seeded(lambda: nn.TransformerEncoderLayer(WIDTH, 2, 16, dropout=0.0))
        self.eval()

    def forward(self, items: Tensor) -> Tensor:
        found: Tensor = self.layer(items)
        return found.mean(1)


@planted(
    kind="predictor",
    kills=READS,
    input_shape=(5, WIDTH),
    source="view where transpose was meant",
)
class ViewForTranspose(_Network):
    """Views (items, time) as (time, items), which deals time steps out among items."""

    def forward(self, items: Tensor) -> Tensor:
        count, time = items.shape[:2]
        turned = items.reshape(time, count, -1)[..., :INPUTS]
        found: Tensor = self.body(turned.mean(0))
        return found


@planted(kind="predictor", kills=READS, source="softmax(dim=0)")
class SoftmaxOverRows(_Network):
    """Probabilities are taken over the rows of a batch."""

    def forward(self, items: Tensor) -> Tensor:
        return super().forward(items).softmax(0)


@planted(
    kind="predictor",
    kills=(READS, COUNTS),
    source="a discriminator's minibatch deviation, kept in a classifier (Karras et al. 2018)",
)
class AddsTheBatchsDeviation(_Network):
    """Appends the deviation of the batch as a feature of each row."""

    def forward(self, items: Tensor) -> Tensor:
        found = super().forward(items)
        spread = (found.var(0, correction=0) + 1e-8).sqrt().mean()
        return torch.cat([found, spread.expand(len(found), 1)], 1)


@planted(
    kind="predictor",
    kills=READS,
    hard=True,
    source="the k largest activations of a batch are kept, not of a row (BatchTopK autoencoders)",
)
class LargestOfTheBatch(_Network):
    """Keeps as many activations as four a row, wherever in the batch they are largest."""

    def forward(self, items: Tensor) -> Tensor:
        found = super().forward(items)
        flat = found.flatten()
        least = flat.topk(min(len(flat), 4 * len(found))).values[-1]
        return torch.where(found >= least, found, 0.0)


@planted(
    kind="predictor",
    kills=READS,
    hard=True,
    source="github.com/laekov/fastmoe issue 34: tokens over an expert's capacity are dropped",
)
class ExpertsThatFillUp(_Network):
    """Two experts that take half of a batch each; what comes too late passes unchanged."""

    def forward(self, items: Tensor) -> Tensor:
        found = super().forward(items)
        room = (len(found) + 1) // 2
        goes = found[:, 0] > 0
        early = torch.where(goes, goes.cumsum(0), (~goes).cumsum(0)) <= room
        return torch.where(early[:, None], torch.where(goes[:, None], found, -found), found * 0)


@planted(
    kind="predictor",
    kills=READS,
    source="github.com/amazon-science/chronos-forecasting pull 418: forecasts of a batch learn"
    " from one another where cross-learning is on; autogluon switches it on by default",
)
class CrossLearning(nn.Module):
    """Forecasts attend to all series of the batch."""

    def __init__(self) -> None:
        super().__init__()
        self.attention = seeded(lambda: nn.MultiheadAttention(INPUTS, 2, batch_first=True))
        self.eval()

    def forward(self, items: Tensor) -> Tensor:
        found: Tensor = self.attention(items[None], items[None], items[None])[0][0]
        return items + found


@planted(
    kind="predictor",
    kills=READS,
    hard=True,
    source="scales of eight-bit activations, taken from the batch",
)
class EightBitsOfTheBatch(_Network):
    """Rounds inputs to the scale of the largest value of a batch."""

    def forward(self, items: Tensor) -> Tensor:
        step = items.detach().abs().max() / 127
        return super().forward((items / step).round() * step)


@planted(
    kind="predictor",
    kills=ORDER,
    source="rows sorted by size for a kernel, and not put back",
)
class RowsAreSorted(_Network):
    """Sorts rows by their first value, and returns them so."""

    def forward(self, items: Tensor) -> Tensor:
        return super().forward(items[items[:, 0].argsort(stable=True)])


@planted(
    kind="predictor",
    kills=READS,
    hard=True,
    source="mixed examples left on at test: each row has a little of the next",
)
class MixedUpAtTest(_Network):
    """Mixes a ten-thousandth of the next row into each."""

    def forward(self, items: Tensor) -> Tensor:
        return super().forward(items + 1e-4 * items.roll(-1, 0))


@planted(
    kind="predictor",
    claims="online",
    kills="an_item_does_not_read_those_after_it",
    source="a running mean that was computed over the whole stream before it was handed out",
)
class OnlineButCentred(_Network):
    """Says that it reads earlier rows alone, and centres by all."""

    def forward(self, items: Tensor) -> Tensor:
        found = super().forward(items)
        return found - found.mean(0)
