"""Small Wav2Vec2 models of transformers with random weights, called with a mask."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torchvision_here  # noqa: F401 - before transformers imports torchvision
from torch import nn
from transformers import Wav2Vec2Config, Wav2Vec2Model

if TYPE_CHECKING:
    from torch import Tensor


class Embedder(nn.Module):
    """The mean of an utterance's own frames."""

    def __init__(self, norm: str) -> None:
        super().__init__()
        config = Wav2Vec2Config(
            hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16,
            conv_dim=(8, 8), conv_kernel=(10, 3), conv_stride=(5, 2), feat_extract_norm=norm,
            do_stable_layer_norm=norm == "layer", num_conv_pos_embeddings=4,
            num_conv_pos_embedding_groups=2, conv_bias=norm == "layer",
        )  # fmt: skip
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            self.model = Wav2Vec2Model(config)
        self.eval()

    def forward(self, waveforms: Tensor, attention_mask: Tensor | None = None) -> Tensor:
        if attention_mask is None:
            attention_mask = torch.ones(waveforms.shape, dtype=torch.bool)
        found = self.model(waveforms, attention_mask=attention_mask.long()).last_hidden_state
        lengths = self.model._get_feat_extract_output_lengths(attention_mask.sum(1))
        real = (torch.arange(found.shape[1]) < lengths[:, None])[..., None].to(found.dtype)
        mean: Tensor = (found * real).sum(1) / real.sum(1)
        return mean


def with_group_norm() -> Embedder:
    return Embedder("group")


def with_layer_norm() -> Embedder:
    return Embedder("layer")
