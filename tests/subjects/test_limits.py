"""What sizes a layer takes: as it was told, and as it is found by trying."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch
from torch import nn

from tnverify.contract import Limits
from tnverify.contract.limits import OnlyWidth
from tnverify.subjects import SubjectRecipe, resolve

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor


class OneWidth(nn.Module):
    """Instance norm for twelve channels, whatever it is built with."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(12))

    def forward(self, x: Tensor) -> Tensor:
        if x.dim() != 4:
            raise ValueError("maps are wanted")
        return nn.functional.instance_norm(x) * self.weight.view(1, -1, 1, 1)


class Refuses(nn.Module):
    """Instance norm that refuses what `refused` says."""

    def __init__(self, channels: int) -> None:
        super().__init__()

    def refused(self, x: Tensor) -> bool:
        return False

    def forward(self, x: Tensor) -> Tensor:
        if x.dim() != 4 or self.refused(x):
            raise ValueError("not these sizes")
        mean, var = x.mean((2, 3), keepdim=True), x.var((2, 3), correction=0, keepdim=True)
        return (x - mean) * torch.rsqrt(var + 1e-5)


class Even(Refuses):
    """It wants an even number of items."""

    def refused(self, x: Tensor) -> bool:
        return len(x) % 2 == 1


class Three(Refuses):
    """It wants three items, and two channels."""

    def refused(self, x: Tensor) -> bool:
        return len(x) < 3 or x.shape[1] < 2


class Sides(Refuses):
    """It wants maps of two by two."""

    def refused(self, x: Tensor) -> bool:
        return min(x.shape[2:]) < 2


def limits_of(name: str, **given: int) -> Limits:
    request = SubjectRecipe(f"{__file__}:{name}", limits=Limits(**given))
    return resolve(request).subject.limits


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("OneWidth", Limits(channels=12)),
        ("Refuses", Limits()),
        ("Even", Limits(multiple_of=2)),
        ("Three", Limits(min_items=3, min_channels=2)),
        ("Sides", Limits(min_side=2)),
    ],
)
def test_sizes_are_found_by_trying(name: str, expected: Limits) -> None:
    assert limits_of(name) == expected


def test_what_was_given_goes_before_what_is_found() -> None:
    assert limits_of("Even", multiple_of=4) == Limits(multiple_of=4)
    assert limits_of("Refuses", channels=9) == Limits(channels=9)


@pytest.mark.parametrize("spec", ["torch.nn:BatchNorm2d(8)", "torch.nn:GroupNorm(2, 8)"])
def test_a_width_in_the_spec_is_the_only_one(spec: str, tmp_path: Path) -> None:
    subject = resolve(SubjectRecipe(spec)).subject
    assert subject.limits.channels == 8
    assert subject.channel_step == 8


class GroupsOf32AtMost(nn.Module):
    """Group norm as networks have it: 32 groups, or as many as there are channels."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.num_groups, self.eps = min(32, channels), 1e-5

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.group_norm(x, self.num_groups, eps=self.eps)


class Beyond32(Refuses):
    """It forgets channels beyond the 32nd."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([super().forward(x[:, :32]), x[:, 32:]], 1)


def test_a_scheme_that_fits_wide_layers_goes_before_one_that_fits_narrow_ones_alone() -> None:
    found = resolve(SubjectRecipe(f"{__file__}:GroupsOf32AtMost")).subject
    assert found.claims.scheme.name == "group_norm"
    # Where none fits so wide, the layer is held to what it is while it is narrow.
    assert resolve(SubjectRecipe(f"{__file__}:Beyond32")).subject.claims.scheme.name == (
        "instance_norm"
    )


def test_every_multiple_of_an_only_width_is_itself() -> None:
    only = OnlyWidth(64, (7, 7))
    assert (3 * only, only * 2) == (64, 64)
    assert (3 * only).spatial == (7, 7)


@pytest.mark.parametrize(
    ("shape", "admitted"), [((4, 3, 2, 2), True), ((3, 3, 2, 2), False), ((4, 2, 2, 2), False)]
)
def test_a_shape_is_admitted_or_not(shape: tuple[int, ...], admitted: bool) -> None:
    assert Limits(multiple_of=2, min_channels=3).admit(shape) is admitted


def test_limits_are_said_in_words() -> None:
    told = Limits(channels=64, spatial=(7, 7), multiple_of=2).in_words
    assert told == "64 channels alone, maps of 7 by 7 alone, items in multiples of 2"
    assert Limits().in_words == ""
