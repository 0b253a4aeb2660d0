"""Predictors of sequences of several lengths that read no padding."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_sequence

from tnverify.power.sound.learners.common import INPUTS, network
from tnverify.power.sound.learners.register import sound

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor


def _padded(items: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    lengths = torch.tensor([len(item) for item in items])
    batch = pad_sequence(list(items), batch_first=True)
    return batch, torch.arange(batch.shape[1]) < lengths[:, None]


@sound(kind="predictor")
class PackedSequences(nn.Module):
    """A recurrent network over packed sequences, which torch sorts and puts back."""

    def __init__(self) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(20)
            self.recurrent = nn.GRU(INPUTS, 8, batch_first=True)
        self.eval()

    def encode(self, items: Sequence[Tensor]) -> Tensor:
        batch = pad_sequence(list(items), batch_first=True)
        lengths = torch.tensor([len(item) for item in items])
        packed = pack_padded_sequence(batch, lengths, batch_first=True, enforce_sorted=False)
        last: Tensor = self.recurrent(packed)[1][0]
        return last


@sound(kind="predictor")
class MeanOfWhatIsThere(nn.Module):
    """The mean of an item's own steps."""

    def __init__(self) -> None:
        super().__init__()
        self.net = network(INPUTS, 16, 8, seed=21)
        self.eval()

    def encode(self, items: Sequence[Tensor]) -> Tensor:
        batch, real = _padded(items)
        kept = real[..., None].to(batch.dtype)
        mean: Tensor = (self.net(batch) * kept).sum(1) / kept.sum(1)
        return mean


@sound(kind="predictor")
class AttentionWithAMask(nn.Module):
    """Self-attention within an item, with the padding masked as keys and left out of the mean."""

    def __init__(self) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(22)
            self.attention = nn.MultiheadAttention(INPUTS, 2, batch_first=True)
        self.eval()

    def encode(self, items: Sequence[Tensor]) -> Tensor:
        batch, real = _padded(items)
        found = self.attention(batch, batch, batch, key_padding_mask=~real, need_weights=False)[0]
        kept = real[..., None].to(found.dtype)
        mean: Tensor = (found * kept).sum(1) / kept.sum(1)
        return mean


@sound(kind="predictor")
class ConvolutionOfMasked(nn.Module):
    """Convolutions between which the padding is set to zero again."""

    def __init__(self) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(23)
            self.first = nn.Conv1d(INPUTS, 8, 3, padding=1)
            self.second = nn.Conv1d(8, 8, 3, padding=1)
        self.eval()

    def encode(self, items: Sequence[Tensor]) -> Tensor:
        batch, real = _padded(items)
        kept = real[:, None].to(batch.dtype)
        hidden = torch.relu(self.first(batch.transpose(1, 2))) * kept
        mean: Tensor = (self.second(hidden) * kept).sum(2) / kept.sum(2)
        return mean


@sound(kind="predictor")
class OneByOne(nn.Module):
    """A loop over items, each by itself, with group norm over its own steps."""

    def __init__(self) -> None:
        super().__init__()
        self.net = network(INPUTS, 8, seed=24)
        self.eval()

    def encode(self, items: Sequence[Tensor]) -> Tensor:
        rows = [
            nn.functional.group_norm(self.net(item).T[None], 2)[0].mean(1).square()
            for item in items
        ]
        return torch.stack(rows)
