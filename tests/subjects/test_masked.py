"""Layers that are told how much of each item is there."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor, nn

from tnverify.power.sound.padded import LeavesPaddingAsItIs, PoolsWhatIsThere, WeighsByTheMask
from tnverify.subjects import SubjectProber, SubjectRecipe, Unusable
from tnverify.subjects.ordinary import ordinary
from tnverify.subjects.resolve import drive, find_adapter


class MayBeMasked(nn.Module):
    """Takes a mask, or none."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        kept = x if mask is None else torch.where(mask.unsqueeze(1), x, 0.0)
        return kept * self.weight.view(1, -1, *(1,) * (x.dim() - 2))


class RunningOfWhatIsThere(nn.Module):
    """Batch norm by running moments of what is there, as speech models have it."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.register_buffer("running_mean", torch.zeros(channels))

    def forward(self, x: Tensor, padding_mask: Tensor) -> Tensor:
        there = ~padding_mask.unsqueeze(1)
        if self.training:
            dims = (0, *range(2, x.dim()))
            count = there.expand(len(x), 1, *x.shape[2:]).sum()
            with torch.no_grad():
                mean = torch.where(there, x, 0.0).sum(dims) / count
                self.running_mean.lerp_(mean.to(self.running_mean.dtype), 0.1)
        shape = (1, -1, *(1,) * (x.dim() - 2))
        return torch.where(there, x - self.running_mean.to(x.dtype).view(shape), 0.0)


class OfChannels(nn.Module):
    """Wants ones and zeros with a dimension for the channels, and refuses all else."""

    def __init__(self, channels: int) -> None:
        super().__init__()

    def forward(self, x: Tensor, input_mask: Tensor) -> Tensor:
        if input_mask.dim() != x.dim() or input_mask.shape[1] != 1:
            raise ValueError("wants a mask with as many dimensions as the input")
        if not input_mask.is_floating_point():
            raise TypeError("wants ones and zeros")
        dims = tuple(range(2, x.dim()))
        count = input_mask.sum(dims, keepdim=True)
        return (x - (x * input_mask).sum(dims, keepdim=True) / count) * input_mask


@pytest.mark.parametrize(
    ("layer", "adapter", "named"),
    [
        (WeighsByTheMask, "masked[mask=valid]+no_context", None),
        (LeavesPaddingAsItIs, "masked[lengths=lengths]+no_context", None),
        (PoolsWhatIsThere, "masked[padding_mask=padding]+no_context", None),
        (RunningOfWhatIsThere, "masked[padding_mask=padding]+frozen", None),
        (OfChannels, "masked[input_mask=valid:float:channel]+no_context", None),
        (MayBeMasked, "no_context", None),
        (MayBeMasked, "masked[mask=valid]+no_context", "masked"),
    ],
)
def test_a_layer_that_must_be_told_is_and_one_that_may_be_where_that_is_asked(
    layer: type, adapter: str, named: str | None
) -> None:
    found = drive(SubjectRecipe(f"{layer.__module__}:{layer.__name__}", adapter=named))
    assert found.adapter.name == adapter
    probe = SubjectProber(found).fresh(ordinary(found.rank, 1).build(torch.float64))
    assert probe.takes_lengths is adapter.startswith("masked")


def test_a_mask_that_was_left_out_is_told_of() -> None:
    spec = f"{MayBeMasked.__module__}:MayBeMasked"
    (caution,) = drive(SubjectRecipe(spec)).cautions
    assert "argument mask was left at its default" in caution
    assert not drive(SubjectRecipe(spec, adapter="masked")).cautions


@pytest.mark.parametrize("form", ["valid", "padding", "lengths"])
def test_what_is_told_is_how_much_is_there(form: str) -> None:
    told: list[Tensor] = []

    def layer(x: Tensor, told_so: Tensor) -> Tensor:
        told.append(told_so)
        return x

    norm = find_adapter(f"masked[told_so={form}]+no_context").wrap(layer)
    norm.condition(torch.zeros(2, 3, 2, 4), lengths=torch.tensor([1, 4]))  # type: ignore[call-arg]  # it takes lengths
    norm.condition(torch.zeros(2, 3, 2, 4))
    norm.condition(torch.zeros(2, 3))
    some, everything, vectors = told
    if form == "lengths":
        assert [each.tolist() for each in told] == [[1, 4], [4, 4], [1, 1]]
        return
    turned = form == "padding"
    assert (some[0, 1] ^ turned).tolist() == [True, False, False, False]
    assert bool((some[1] ^ turned).all())
    assert everything.shape == (2, 2, 4)
    assert bool((everything ^ turned).all())
    assert (vectors ^ turned).tolist() == [True, True]


def test_a_copy_is_told_for_itself() -> None:
    norm = find_adapter("masked[mask=valid]+no_context").wrap(WeighsByTheMask(2))
    twin = copy.deepcopy(norm)
    x = torch.arange(8.0).view(1, 2, 4)
    short = torch.tensor([2])
    assert torch.equal(twin.condition(x, lengths=short)[0], norm.condition(x, lengths=short)[0])  # type: ignore[call-arg]  # as above
    assert not torch.equal(twin.condition(x)[0], norm.condition(x, lengths=short)[0])  # type: ignore[call-arg]  # as above


@pytest.mark.parametrize("name", ["masked[mask]+no_context", "masked[mask=all]+no_context"])
def test_a_form_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(Unusable, match="cannot be read"):
        find_adapter(name)
