"""Layers that are given something of every item beside it: a style, a map, gains."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from tnverify.subjects import SubjectRecipe, Unusable
from tnverify.subjects.adapters.sided import Side, WithSides
from tnverify.subjects.resolve import drive, find_adapter, resolve

FILE = Path(__file__)


def standardized(x: Tensor) -> Tensor:
    var, mean = torch.var_mean(x, (2, 3), correction=0, keepdim=True)
    return (x - mean) / (var + 1e-5).sqrt()


class Styled(nn.Module):
    """Gains and offsets by a linear map of a style of 8 numbers."""

    def __init__(self, num_features: int, style_dim: int = 8) -> None:
        super().__init__()
        self.fc = nn.Linear(style_dim, 2 * num_features)

    def gains(self, s: Tensor) -> Tensor:
        return self.fc(s)[:, :, None, None]

    def forward(self, x: Tensor, s: Tensor) -> Tensor:
        gamma, beta = self.gains(s).chunk(2, 1)
        return (1 + gamma) * standardized(x) + beta


class StyledByTheFirst(Styled):
    """Styles all items as the first."""

    def gains(self, s: Tensor) -> Tensor:
        return super().gains(s[:1])


class Mapped(nn.Module):
    """Gains by a convolution over a map of three classes."""

    def __init__(self, norm_nc: int, label_nc: int = 3) -> None:
        super().__init__()
        self.gamma = nn.Conv2d(label_nc, norm_nc, 3, padding=1)

    def forward(self, x: Tensor, segmap: Tensor) -> Tensor:
        return standardized(x) * (1 + self.gamma(segmap))


class Given(nn.Module):
    """Gains and offsets by channel, as they are given."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(channels, affine=False)

    def forward(self, x: Tensor, gamma: Tensor, beta: Tensor) -> Tensor:
        return self.norm(x) * gamma[:, :, None, None] + beta[:, :, None, None]


class Transferred(nn.Module):
    """Moments of another map of the same shape."""

    def forward(self, content_feat: Tensor, style_feat: Tensor) -> Tensor:
        mean = style_feat.mean((2, 3), keepdim=True)
        centred = style_feat - mean
        spread = (centred.square().mean((2, 3), keepdim=True) + 1e-5).sqrt()
        return standardized(content_feat) * spread + mean


class WithRest(nn.Module):
    """A norm of a sum with a residual."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels, 1, 1))

    def forward(self, x: Tensor, residual: Tensor) -> tuple[Tensor, Tensor]:
        return standardized(x + residual) * self.weight, x + residual


@pytest.mark.parametrize(
    ("layer", "adapter"),
    [
        (Styled, "sided[s=vector:8]+no_context"),
        (Mapped, "sided[segmap=map:3]+no_context"),
        (Given, "sided[gamma=vector:channels,beta=vector:channels]+frozen"),
        (Transferred, "sided[style_feat=like]+no_context"),
        (WithRest, "sided[residual=like]+outputs[0]+no_context"),
    ],
)
def test_what_a_call_wants_of_every_item_is_given_in_the_form_that_it_takes(
    layer: type, adapter: str
) -> None:
    found = drive(SubjectRecipe(f"{FILE}:{layer.__name__}")).adapter
    assert found.name == find_adapter(adapter).name == adapter


def test_a_style_of_another_item_is_seen_to_be_of_another_item() -> None:
    flows = [
        resolve(SubjectRecipe(f"{FILE}:{n}")).fingerprint for n in ("Styled", "StyledByTheFirst")
    ]
    assert ["other_targets" in flow.target_reads for flow in flows] == [False, True]


@pytest.mark.parametrize("form", ["vector", "point", "map", "like"])
def test_what_is_given_goes_with_its_item_in_every_order_subset_and_dtype(form: str) -> None:
    side = Side("s", form, "" if form == "like" else "4")
    items = torch.randn(20, 3, 5, 4, generator=torch.Generator().manual_seed(1))
    order = torch.randperm(20, generator=torch.Generator().manual_seed(2))
    made = side.of(items)
    assert torch.equal(side.of(items[order]), made[order])
    assert torch.equal(side.of(items[3:5]), made[3:5])
    assert torch.equal(side.of(items.double()).float(), made)
    assert len({tuple(row.flatten().tolist()) for row in made}) > 3
    assert side.of(items[:0]).shape[0] == 0


def test_sides_are_given_by_their_names() -> None:
    def layer(x: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
        return x * scale + shift

    x = torch.randn(3, 2, 4)
    sides = (Side("scale", "point", "channels"), Side("shift", "like"))
    assert torch.equal(WithSides(layer, sides)(x), layer(x, sides[0].of(x), sides[1].of(x)))


@pytest.mark.parametrize("text", ["s", "s=cube:3", "s=vector", "s=like:3", "s=map:x"])
def test_a_form_that_cannot_be_read_is_refused(text: str) -> None:
    with pytest.raises(Unusable):
        find_adapter(f"sided[{text}]+no_context")
