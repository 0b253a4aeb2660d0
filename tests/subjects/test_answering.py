"""A layer that answers no ordinary task is told in one line what would help."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tnverify.subjects import SubjectRecipe, Unusable, resolve

if TYPE_CHECKING:
    from pathlib import Path

LAYERS = """
import torch
from torch import nn


class NeedsSetup(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.channels = channels

    def count(self):
        return self.channels

    def make_weights(self, value=1.0):
        self.gain = nn.Parameter(torch.full((self.channels,), value))

    def forward(self, x):
        return x * self.gain.view(1, -1, *[1] * (x.dim() - 2))


class OnCuda(nn.Module):
    def __init__(self, channels):
        super().__init__()

    def forward(self, x):
        raise RuntimeError("Found no NVIDIA driver on your system.")


class Never(nn.Module):
    def __init__(self, channels):
        super().__init__()

    def forward(self, x):
        raise KeyError("style")
"""


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("NeedsSetup", ("AttributeError", "in condition", "--setup make_weights")),
        ("OnCuda", ("NVIDIA", "--device cuda")),
        ("Never", ("KeyError", "style", "--adapter")),
    ],
)
def test_a_layer_that_never_answers_is_unusable(
    tmp_path: Path, name: str, says: tuple[str, ...]
) -> None:
    path = tmp_path / "layers.py"
    path.write_text(LAYERS)
    with pytest.raises(Unusable) as raised:
        resolve(SubjectRecipe(f"{path}:{name}"))
    message = str(raised.value)
    assert all(words in message for words in says)
    assert "\n" not in message


def test_what_helps_helps(tmp_path: Path) -> None:
    path = tmp_path / "layers.py"
    path.write_text(LAYERS)
    found = resolve(SubjectRecipe(f"{path}:NeedsSetup", setup="make_weights"))
    assert found.target_reads == ("itself",)
