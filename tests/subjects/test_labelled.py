"""Layers that are told a label with every item."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from tnverify.power.sound.labelled import PicksRowsByLabel
from tnverify.subjects import SubjectRecipe, Unusable
from tnverify.subjects.adapters.labelled import labels_of
from tnverify.subjects.resolve import drive, find_adapter

FILE = Path(__file__)


class OfDomains(nn.Module):
    """Has moments for each of four domains, in a list."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norms = nn.ModuleList(nn.InstanceNorm2d(channels, affine=True) for _ in range(4))

    def forward(self, x: Tensor, domain_label: Tensor) -> Tensor:
        every = torch.stack([norm(x) for norm in self.norms])
        return every[domain_label, torch.arange(len(x))]


class Declares:
    """A user's adapter that declares a label below three."""

    sides = {"style": 3}  # noqa: RUF012 - as users write it

    def __init__(self, layer: nn.Module) -> None:
        self.layer = layer

    def condition(self, context: Tensor, style: Tensor) -> tuple[Tensor, object]:
        return self.layer(context, style), None

    def normalize(self, targets: Tensor, state: object, style: Tensor) -> Tensor:
        return self.layer(targets, style)


def test_labels_go_with_their_items_in_every_order_subset_and_dtype() -> None:
    items = torch.randn(40, 3, 5, generator=torch.Generator().manual_seed(1))
    labels = labels_of(items, 3)
    assert set(labels.tolist()) == {0, 1, 2}
    order = torch.randperm(40, generator=torch.Generator().manual_seed(2))
    assert torch.equal(labels_of(items[order], 3), labels[order])
    assert torch.equal(labels_of(items[7:9].double(), 3), labels[7:9])
    assert labels_of(torch.full((1, 2), torch.nan), 5).tolist()[0] in range(5)
    assert labels_of(items[:0], 3).shape == (0,)


@pytest.mark.parametrize(
    ("spec", "adapter"),
    [
        (f"{PicksRowsByLabel.__module__}:PicksRowsByLabel", "labelled[label=3]+no_context"),
        (f"{FILE}:OfDomains", "labelled[domain_label=4]+no_context"),
    ],
)
def test_a_layer_that_wants_labels_is_given_as_many_as_it_knows(spec: str, adapter: str) -> None:
    assert drive(SubjectRecipe(spec)).adapter.name == adapter


def test_an_adapter_of_the_users_own_is_given_the_labels_that_it_declares() -> None:
    request = SubjectRecipe(f"{FILE}:PicksRowsByLabel", adapter=f"{FILE}:Declares")
    subject = drive(request)
    layer = subject.factory(2, (3, 3))
    norm = subject.adapter.wrap(layer)
    items = torch.randn(6, 2, 3, 3, generator=torch.Generator().manual_seed(3))
    wanted = layer(items, labels_of(items, 3))
    assert torch.equal(norm.condition(items)[0], wanted)
    assert torch.equal(norm.normalize(items, None), wanted)


@pytest.mark.parametrize("name", ["labelled[label=none]+no_context", "labelled[label=0]+frozen"])
def test_a_number_of_labels_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(Unusable, match="cannot be read"):
        find_adapter(name)
