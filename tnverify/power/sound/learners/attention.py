"""Learners in which targets attend to the context, and never to one another."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn.functional import one_hot

from tnverify.power.sound.learners.common import INPUTS, members, network
from tnverify.power.sound.learners.register import sound

if TYPE_CHECKING:
    from torch import Tensor

_CLASSES = 12
_POISON = {
    "a_target_that_is_not_finite_spoils_itself_alone": "a weight of zero times NaN is NaN,"
    " as in every masked attention",
}


@sound(shows=_POISON)
class InContextTransformer(nn.Module):
    """One sequence of context and targets, with a mask: all read the context alone, and
    themselves."""

    def __init__(self) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(9)
            self.embed = nn.Linear(INPUTS + _CLASSES, 16)
            layer = nn.TransformerEncoderLayer(16, 2, 32, dropout=0.0, batch_first=True)
            self.layers = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
            self.head = nn.Linear(16, _CLASSES)
        self.eval()

    def forward(self, context: Tensor, labels: Tensor, targets: Tensor) -> Tensor:
        known = one_hot(labels, _CLASSES).to(context.dtype)
        unknown = torch.zeros(len(targets), _CLASSES, dtype=context.dtype)
        rows = torch.cat([torch.cat([context, known], 1), torch.cat([targets, unknown], 1)])
        total, shown = len(rows), len(context)
        hidden = torch.arange(total) >= shown
        mask = hidden.expand(total, total) & ~torch.eye(total, dtype=torch.bool)
        out = self.layers(self.embed(rows)[None], mask=mask)[0]
        logits: Tensor = self.head(out[shown:])
        return logits


@sound()
class CrossAttention(nn.Module):
    """Targets are queries, context items are keys and values: no target is a key."""

    def __init__(self) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(10)
            self.embed = nn.Linear(INPUTS, 8)
            self.attention = nn.MultiheadAttention(8, 2, batch_first=True)
        self.eval()

    def fit(self, context: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        keys = self.embed(context)
        return keys, members(labels, keys)

    def predict(self, targets: Tensor, state: tuple[Tensor, Tensor]) -> Tensor:
        keys, of = state
        queries = self.embed(targets)[None]
        read = self.attention(queries, keys[None], keys[None], need_weights=False)[0][0]
        logits: Tensor = read @ (of.T @ keys).T
        return logits


@sound()
class NeuralProcess(nn.Module):
    """A conditional neural process: one code of the context, then every target by itself."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = network(INPUTS + _CLASSES, 24, 16, seed=11)
        self.decoder = network(INPUTS + 16, 24, _CLASSES, seed=12)

    def fit(self, context: Tensor, labels: Tensor) -> None:
        known = one_hot(labels, _CLASSES).to(context.dtype)
        self.code = self.encoder(torch.cat([context, known], 1)).mean(0)

    def predict(self, targets: Tensor) -> Tensor:
        code = self.code.expand(len(targets), -1)
        logits: Tensor = self.decoder(torch.cat([targets, code], 1))
        return logits


@sound()
class EachTargetWithTheWholeContext(nn.Module):
    """Every target gets a sequence of its own: the context, then it; batched over targets."""

    def __init__(self) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(13)
            self.embed = nn.Linear(INPUTS + _CLASSES, 16)
            self.layer = nn.TransformerEncoderLayer(16, 4, 16, dropout=0.0, batch_first=True)
            self.head = nn.Linear(16, _CLASSES)
        self.eval()

    def forward(self, support: Tensor, support_labels: Tensor, query: Tensor) -> Tensor:
        known = one_hot(support_labels, _CLASSES).to(support.dtype)
        shown = torch.cat([support, known], 1).expand(len(query), -1, -1)
        asked = nn.functional.pad(query, (0, _CLASSES))[:, None]
        out: Tensor = self.layer(self.embed(torch.cat([shown, asked], 1)))
        logits: Tensor = self.head(out[:, -1])
        return logits
