"""What a spec may name, how it is built, and what is said of it."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import conventions
import pytest
import torch
from torch import nn

from tnverify.subjects import SubjectRecipe, Unusable
from tnverify.subjects.resolve import drive

FILE = Path(conventions.__file__)


class Eps(conventions.Own):
    def __init__(self, eps: float = 1e-3) -> None:
        super().__init__(1)


class Required(nn.Module):
    def __init__(self, k: int) -> None:
        super().__init__()
        self.k = k

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x


class Second(nn.BatchNorm2d):
    def __init__(self, eps: float = 1e-5, num_features: int = 4) -> None:
        super().__init__(num_features, eps=eps)


class Wide(nn.Module):
    """A gate that is narrow inside."""

    def __init__(self) -> None:
        super().__init__()
        self.squeeze, self.widen = nn.Linear(12, 3), nn.Linear(3, 12)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        means = x.flatten(2).mean(2)
        return x * self.widen(self.squeeze(means)).sigmoid()[:, :, None, None]


class Needs(nn.Module):
    def __init__(self, classes: int) -> None:
        super().__init__()
        self.bn = nn.BatchNorm2d(classes)


def tokens() -> list[nn.Module]:
    return [nn.LayerNorm(4), nn.LayerNorm(5)]


class ByName(nn.InstanceNorm2d):
    def __init__(self, *, num_channels: int) -> None:
        super().__init__(num_channels)


def branches() -> dict[str, nn.Module]:
    return {"one": nn.LayerNorm(4), "other": nn.LayerNorm(5)}


class Configured(nn.Module):
    def __init__(self, groups: int, channels: int) -> None:
        super().__init__()


def driven(spec: str, **asked: Any) -> Any:
    return drive(SubjectRecipe(spec, **asked))


@pytest.mark.parametrize(
    ("spec", "adapter", "width", "says"),
    [
        (f"{FILE}:NETWORK#block.bn", "frozen", 6, "is copied for every fresh layer"),
        (f"{FILE}:Network#block.flag", "mode_flag", 6, None),
        (f"{FILE}:Network()#block.bn", "frozen", 6, None),
        (f"{FILE}:layer_of_seven", "mode_flag", 7, None),
        (f"{FILE}:several", "mode_flag", 4, "the first of 2 layers; name the others as"),
        (f"{__file__}:tokens#1", "no_context", 5, None),
        (f"{__file__}:ByName", "no_context", None, None),
        (f"{FILE}:several#1", "no_context", 6, None),
        (f"{FILE}:Wraps", "frozen", None, "its argument bn was given a batch norm"),
        (f"{FILE}:converted", "mode_flag", None, "its argument model was given a batch norm in a"),
        (f"{FILE}:converted_in_place", "no_context", None, "its argument net was given"),
        (f"{FILE}:converted(model)", "mode_flag", None, None),
        (f"{FILE}:Wraps(norm)", "frozen", None, None),
        ("torch.nn:BatchNorm2d(9)", "frozen", 9, None),
        ("torch.nn:InstanceNorm2d(9)", "no_context", 9, None),
        (f"{__file__}:Wide", "no_context", 12, None),
        (f"{__file__}:Eps", "no_context", None, "its first argument eps (0.001) is no number"),
        (f"{__file__}:Required", "no_context", None, "passed as its argument k, which may be"),
        (f"{__file__}:Second", "frozen", None, "passed as its argument num_features"),
    ],
)
def test_what_a_spec_names_is_built(
    spec: str, adapter: str, width: int | None, says: str | None
) -> None:
    found = driven(spec)
    assert found.adapter.name == adapter
    assert found.factory.only == width
    assert found.notes == found.factory.notes
    assert (says is None) == (not found.factory.notes)
    assert says is None or says in found.factory.notes[0]


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        (f"{FILE}:Network#block.bm", "a ModuleDict has no 'bm': did you mean 'bn'"),
        (f"{FILE}:Network#blok", "a Network has no 'blok': did you mean 'block'"),
        (f"{FILE}:several#2", "a list has no '2'"),
        (f"{__file__}:branches", "it is several layers: say which behind #, one of one, other"),
        (f"{__file__}:Configured", "write a call, as"),
        (
            f"{FILE}:Network",
            "with (4, 6), as a network does and no norm: name the norm that is meant",
        ),
        (f"{__file__}:Needs#bn", "wants classes: write its arguments, Needs(...)#bn"),
    ],
)
def test_what_is_not_there_is_named_with_the_nearest(spec: str, says: str) -> None:
    with pytest.raises(Unusable) as raised:
        driven(spec)
    assert says in str(raised.value)
    assert "\n" not in str(raised.value)


class KeepsNormsStill(nn.Module):
    """Keeps its norm in eval(), whatever mode it is put in, as backbones that are tuned do."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 6, 3), nn.BatchNorm2d(6))

    def train(self, mode: bool = True) -> KeepsNormsStill:
        super().train(mode)
        self.stem[1].eval()
        return self

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.stem(x).mean((2, 3))  # type: ignore[no-any-return]  # a tensor


def test_a_norm_has_the_modes_that_its_network_gives_it() -> None:
    kept = driven(f"{__file__}:KeepsNormsStill#stem.1")
    layer = kept.factory(6, (4, 4))
    assert not layer.train().training
    assert not copy.deepcopy(layer).train().training
    assert kept.adapter.name != "frozen"
    assert driven(f"{FILE}:Network#block.bn").factory(6, (4, 4)).train().training
