"""Laws of the family `sizes`, beyond what test_families asks of all."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import torch
import trials
from torch import Tensor, nn

from tnverify.contract.limits import Limits
from tnverify.engine.evaluate import evaluate
from tnverify.plans import Plan
from tnverify.properties import tiling
from tnverify.properties.tiles import Tile, small, turned
from tnverify.subjects import SubjectProber

if TYPE_CHECKING:
    from tnverify.catalogue import Law


def test_turned_has_every_number_as_often() -> None:
    assert turned(3, 2) == [0, 1, 2, 1, 2, 0]
    assert sorted(turned(5, 4)) == sorted([*range(5)] * 4)


def test_a_tile_repeats_values_weights_and_past_and_leaves_alpha() -> None:
    task = Plan(context=2, targets=1, channels=2, spatial=(1, 2), weight=(1.0, 2.0), scale=1.0,
                past=1).build()  # fmt: skip
    large = Tile(channels=[0, 1, 1], context=[0, 1, 1, 0], pixels=(2, 1), times=4).of_task(task)
    assert large.context.shape == (4, 3, 2, 2)
    assert torch.equal(large.context[3, 2, 1], task.context[0, 1, 0])
    assert large.targets.shape == (1, 3, 2, 2)
    assert large.past[0][0].shape == (4, 3, 2, 2)
    assert large.parameters.weight == (1.0, 2.0, 2.0)
    assert large.parameters.scale * 4 == task.parameters.scale * 2


def test_small_tasks_have_channels_that_differ() -> None:
    task = small(Plan(seed=3).build(), context=2, targets=3, channels=7, spatial=(3, 2))
    assert task.context.shape == (2, 7, 3, 2)
    assert task.parameters.weight is not None
    assert len(set(task.parameters.weight)) == 7


class RandomMix(nn.Module):
    """Channels through a matrix that is drawn when the layer is built."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.matrix = nn.Parameter(torch.randn(channels, channels))

    def forward(self, x: Tensor) -> Tensor:
        return torch.einsum("cd,nd...->nc...", self.matrix, x)


class OwnGains(nn.Module):
    """A gain by channel that no handle sets."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gains = nn.Parameter(torch.linspace(1, 2, channels))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.gains.to(x.dtype).view(1, -1, *(1,) * (x.dim() - 2))


@pytest.mark.parametrize("layer", [RandomMix, OwnGains])
def test_channels_that_mix_or_differ_are_not_asked_to_repeat(layer: type[nn.Module]) -> None:
    subject = trials.subject_of(layer, "inductive")
    task = Plan(context=3, targets=2, channels=3, spatial=(2, 2)).build()
    law = tiling.repeated_channels_give_repeated_outputs
    assert evaluate(law, SubjectProber(subject), task).ending == "not_claimed"


@pytest.mark.parametrize("groups", [lambda c: 1, lambda c: c, lambda c: 2 if c % 2 == 0 else 1])
def test_groups_are_repeated_whole(groups) -> None:  # type: ignore[no-untyped-def]  # a function
    subject = trials.subject_of(lambda channels: nn.GroupNorm(groups(channels), channels),
                                "group_norm")  # fmt: skip
    task = Plan(context=3, targets=2, channels=4, spatial=(2, 2)).build()
    law = tiling.repeated_channels_give_repeated_outputs
    assert evaluate(law, SubjectProber(subject), task).ending == "held"


def test_counts_that_matter_are_not_asked_to_repeat() -> None:
    subject = trials.subject_of(nn.Identity, "tasknorm_i,unbiased")
    assert tiling.repeated_context_items_change_nothing.claimed(subject.claims)
    assert tiling.repeated_maps_give_repeated_outputs.claimed(subject.claims)
    assert tiling.repeated_targets_give_repeated_outputs.claimed(subject.claims) is None


class AtLeastFive(nn.InstanceNorm2d):
    def forward(self, x: Tensor) -> Tensor:
        if x.dim() > 1 and x.shape[1] < 5:
            raise ValueError(f"needs five channels, got {x.shape[1]}")
        return super().forward(x)


@pytest.mark.parametrize("law", tiling.LAWS, ids=lambda law: law.name)
def test_a_layer_is_asked_of_no_fewer_channels_than_it_takes(law: Law) -> None:
    plain = trials.subject_of(AtLeastFive, "instance_norm")
    subject = replace(plain, limits=Limits(min_channels=5))
    task = Plan(context=3, targets=2, channels=6, spatial=(3, 2)).build()
    assert evaluate(law, SubjectProber(subject), task).ending == "held"
