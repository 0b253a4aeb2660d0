"""Predictors of sequences of several lengths, in which what stands in the padding is read.

They are called with a list of sequences (time, features), as `encode(list)`, or with a padded
batch and its lengths.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn.utils.rnn import pad_sequence

from tnverify.faults.learners.bases import INPUTS, WIDTH, seeded, small_network
from tnverify.faults.learners.planted import planted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

PADDING = "padding_does_not_matter"
LONGEST = "the_longest_companion_does_not_matter"
ORDER = "the_order_of_targets_does_not_matter"


def _padded(items: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """The batch (items, longest, features) and whether a step is real (items, longest)."""
    lengths = torch.tensor([len(item) for item in items])
    batch = pad_sequence(list(items), batch_first=True)
    return batch, torch.arange(batch.shape[1]) < lengths[:, None]


class _Encoder(nn.Module):
    """Embeds steps one by one and takes the mean of the real ones."""

    def __init__(self) -> None:
        super().__init__()
        self.body = small_network()
        self.eval()

    def encode(self, items: Sequence[Tensor]) -> Tensor:
        batch, real = _padded(items)
        return self.pooled(self.steps(batch, real), real)

    def steps(self, batch: Tensor, real: Tensor) -> Tensor:
        found: Tensor = self.body(batch)
        return found

    def pooled(self, steps: Tensor, real: Tensor) -> Tensor:
        kept = real[..., None].to(steps.dtype)
        return (steps * kept).sum(1) / kept.sum(1)


@planted(
    kind="predictor",
    kills=LONGEST,
    source="github.com/huggingface/sentence-transformers issue 2569: mean pooling over padding"
    " tokens",
)
class MeanOverPadding(_Encoder):
    """Takes the mean over the padding too."""

    def pooled(self, steps: Tensor, real: Tensor) -> Tensor:
        return steps.mean(1)


@planted(
    kind="predictor",
    kills=LONGEST,
    source="github.com/pytorch/audio issue 2242, github.com/facebookresearch/fairseq issue 3227:"
    " group norm over time, padding and all",
)
class GroupNormOverPadding(_Encoder):
    """Normalises over time before the padding is masked."""

    def steps(self, batch: Tensor, real: Tensor) -> Tensor:
        found = super().steps(batch, real)
        return nn.functional.group_norm(found.transpose(1, 2), 2).transpose(1, 2)


@planted(
    kind="predictor",
    kills=LONGEST,
    hard=True,
    source="github.com/pytorch/audio issue 4205: the convolution reads beyond an item's end, where"
    " padding is no longer zero after the first layer",
)
class ConvolutionReadsPadding(_Encoder):
    """A convolution's last step reads the step after the end, which has a bias in it."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = seeded(lambda: nn.Conv1d(WIDTH, WIDTH, 3, padding=1))

    def steps(self, batch: Tensor, real: Tensor) -> Tensor:
        found = super().steps(batch, real).transpose(1, 2)
        turned: Tensor = self.conv(found).transpose(1, 2)
        return turned


@planted(
    kind="predictor",
    kills=LONGEST,
    source="the last hidden state of a padded batch is that of the padding",
)
class LastStateAfterPadding(_Encoder):
    """Reads a recurrent network's state at the end of the padding."""

    def __init__(self) -> None:
        super().__init__()
        self.recurrent = seeded(lambda: nn.GRU(INPUTS, WIDTH, batch_first=True))

    def encode(self, items: Sequence[Tensor]) -> Tensor:
        batch, _ = _padded(items)
        found: Tensor = self.recurrent(batch)[0][:, -1]
        return found


@planted(
    kind="predictor",
    kills=LONGEST,
    source="github.com/speechbrain/speechbrain issue 2986: the mask never reaches the encoder",
)
class AttentionWithoutMask(_Encoder):
    """Attends to the padding, and leaves it out of the mean alone."""

    def steps(self, batch: Tensor, real: Tensor) -> Tensor:
        found = super().steps(batch, real)
        return torch.softmax(found @ found.transpose(1, 2), -1) @ found


@planted(
    kind="predictor",
    kills=LONGEST,
    hard=True,
    source="a mask of -4 that was -1e4 before scores were scaled",
)
class MaskThatIsTooWeak(_Encoder):
    """Subtracts 12 where there is padding, which leaves it a little."""

    def steps(self, batch: Tensor, real: Tensor) -> Tensor:
        found = super().steps(batch, real)
        scores = found @ found.transpose(1, 2) - 12.0 * (~real[:, None]).to(found.dtype)
        return torch.softmax(scores, -1) @ found


@planted(
    kind="predictor",
    kills=LONGEST,
    source="positions as a share of the batch's length",
)
class PositionsByTheLongest(_Encoder):
    """Positions run from 0 to 1 over the longest sequence of the batch."""

    def steps(self, batch: Tensor, real: Tensor) -> Tensor:
        places = torch.linspace(0, 1, batch.shape[1], dtype=batch.dtype)
        return super().steps(batch + places[:, None], real)


@planted(
    kind="predictor",
    kills=LONGEST,
    source="a batch cut to its shortest sequence",
)
class CutToTheShortest(_Encoder):
    """Cuts all sequences to the length of the shortest."""

    def encode(self, items: Sequence[Tensor]) -> Tensor:
        shortest = min(len(item) for item in items)
        return super().encode([item[:shortest] for item in items])


@planted(
    kind="predictor",
    kills=ORDER,
    source="github.com/fartashf/vsepp pull 36: sorted by length, and not sorted back",
)
class LongestFirst(_Encoder):
    """Returns rows sorted by length."""

    def encode(self, items: Sequence[Tensor]) -> Tensor:
        return super().encode(sorted(items, key=len, reverse=True))


@planted(
    kind="predictor",
    kills=PADDING,
    hard=True,
    source="a mask made from zeros in the values, not from the lengths",
)
class MaskedByZeros(_Encoder):
    """Is called with a padded batch and lengths, and takes steps of zeros for padding instead."""

    def encode(self, items: Sequence[Tensor]) -> Tensor:
        batch, _ = _padded(items)
        return self.forward(batch, torch.tensor([len(item) for item in items]))

    def forward(self, items: Tensor, lengths: Tensor) -> Tensor:
        real = (items != 0).any(-1)
        return self.pooled(self.steps(items, real), real)
