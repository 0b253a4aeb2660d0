"""Handles are what their names say at every width, or they are none."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch
from torch import nn
from torch.nn.utils.parametrizations import weight_norm

from tnverify.contract import parse_claims
from tnverify.subjects import Unusable
from tnverify.subjects.handles import find_handles, leaves_eps_to_dtype

if TYPE_CHECKING:
    from collections.abc import Callable


class ThreeSteps(nn.Module):
    """Three weights a channel: at three channels the first dimension happens to fit."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(3, channels))


class Normed(nn.Module):
    """A weight that is computed from a direction and a length."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels, 1))
        weight_norm(self)


def layers_of(made: type[nn.Module]) -> list[tuple[int, nn.Module]]:
    return [(channels, made(channels)) for channels in (3, 2)]


def test_weights_of_steps_are_not_taken_for_weights_of_channels() -> None:
    assert find_handles(layers_of(ThreeSteps), parse_claims("inductive"), {}).paths == ()


def test_a_kernel_is_not_taken_for_weights_of_channels() -> None:
    layers = [(channels, nn.Conv2d(channels, channels, 3)) for channels in (3, 2)]
    assert find_handles(layers, parse_claims("inductive"), {}).path("weight") is None


def test_a_weight_for_every_pixel_is_a_weight_of_channels() -> None:
    layers = [(channels, nn.LayerNorm((channels, 4, 3))) for channels in (3, 2)]
    assert find_handles(layers, parse_claims("inductive"), {}).path("weight") == "weight"


def test_a_weight_that_keeps_no_value_is_no_handle_and_is_told() -> None:
    layers = layers_of(Normed)
    before = layers[0][1].weight.detach().clone()
    found = find_handles(layers, parse_claims("inductive"), {})
    assert found.paths == ()
    assert found.notes == (
        "weight does not keep a value that is put there, so it stays at its initial values",
    )
    assert torch.equal(layers[0][1].weight, before)


def test_a_lazy_weight_is_no_handle() -> None:
    layers = [(channels, nn.LazyBatchNorm2d()) for channels in (3, 2)]
    assert find_handles(layers, parse_claims("inductive"), {}).path("weight") is None


@pytest.mark.parametrize(
    ("made", "says"),
    [(ThreeSteps, "(3, 2) of a layer with 2 channels"), (Normed, "cannot be read back")],
)
def test_a_mapping_to_what_is_no_handle_is_refused(made: type[nn.Module], says: str) -> None:
    with pytest.raises(Unusable) as raised:
        find_handles(layers_of(made), parse_claims("inductive"), {"weight": "weight"})
    assert says in str(raised.value)


class Wraps(nn.Module):
    """A norm and nothing else, as public code wraps one to give it a name or a layout."""

    def __init__(self, norm: nn.Module) -> None:
        super().__init__()
        self.inner = norm

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.inner(x)
        return out


class WithItsOwnAffine(nn.Module):
    """Weights of its own behind a norm that has none."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(channels, affine=False)
        self.gamma = nn.Parameter(torch.ones(channels))


def paths_of(build: Callable[[int], nn.Module]) -> dict[str, str]:
    layers = [(channels, build(channels)) for channels in (3, 2)]
    return dict(find_handles(layers, parse_claims("inductive"), {}).paths)


def test_what_a_wrapped_norm_holds_is_found_in_it() -> None:
    found = paths_of(lambda channels: Wraps(Wraps(nn.BatchNorm2d(channels))))
    assert found == {
        name: f"inner.inner.{name}"
        for name in ("weight", "bias", "eps", "running_mean", "running_var", "momentum")
    }
    own = paths_of(WithItsOwnAffine)
    assert (own["weight"], own["running_var"]) == ("gamma", "norm.running_var")


@pytest.mark.parametrize("beside", ["norm", "kernel"])
def test_of_two_norms_or_a_norm_beside_other_weights_none_is_taken(beside: str) -> None:
    def build(channels: int) -> nn.Module:
        other = nn.BatchNorm2d(channels) if beside == "norm" else nn.Conv2d(channels, channels, 1)
        return nn.Sequential(nn.BatchNorm2d(channels), other)

    assert paths_of(build) == {}


def test_a_wrapped_norm_that_leaves_eps_to_the_dtype_says_so() -> None:
    assert leaves_eps_to_dtype(Wraps(nn.RMSNorm(3)))
    assert not leaves_eps_to_dtype(Wraps(nn.RMSNorm(3, eps=1e-6)))
    assert not leaves_eps_to_dtype(Wraps(nn.Linear(3, 3)))
