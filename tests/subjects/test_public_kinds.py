"""Kinds of layer that public code has, each once called what it is not."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from tnverify.contract.limits import Limits
from tnverify.plans import Plan
from tnverify.plans.fitting import fitted
from tnverify.subjects.prober import SubjectProber
from tnverify.subjects.recipe import SubjectRecipe
from tnverify.subjects.resolve import drive, resolve

if TYPE_CHECKING:
    from pathlib import Path

LAYERS = """
import torch
from torch import nn


class NoConstructor(nn.Module):
    def forward(self, x):
        return x / (x.square().mean(1, keepdim=True) + 1e-8).sqrt()


class FloatInside(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))

    def forward(self, x):
        y = x.float()
        y = y * torch.rsqrt(y.square().mean(-1, keepdim=True) + 1e-6)
        return self.weight * y.to(x.dtype)


class FloatMoments(nn.Module):
    def __init__(self, channels):
        super().__init__()

    def forward(self, x):
        return x / x.float().square().mean((2, 3), keepdim=True).add(1e-5).sqrt().to(x.dtype)


class OfNodes(nn.Module):
    def forward(self, x):
        x = x - x.mean(0, keepdim=True)
        return x / (1e-5 + x.square().sum(-1).mean()).sqrt()


class OfMapsWithAFault(OfNodes):
    def __init__(self, channels):
        super().__init__()


class OfMapsThatDraws(nn.Module):
    def forward(self, x):
        return x * torch.rand_like(x)


class GroupsOfCalls(nn.Module):
    def __init__(self, channels, groups=8):
        super().__init__()
        self.groups = groups

    def forward(self, x):
        assert x.shape[1] % self.groups == 0
        return nn.functional.group_norm(x, self.groups)


class MixedStatistics(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.source = nn.BatchNorm2d(channels).eval()
        self.batch = nn.BatchNorm2d(channels, momentum=1.0, affine=False)

    def forward(self, x):
        self.batch(x)
        mean = (self.source.running_mean + self.batch.running_mean) / 2
        var = (self.source.running_var + self.batch.running_var) / 2
        return nn.functional.batch_norm(x, mean, var)


class RootOfSquares(nn.Module):
    def __init__(self, channels):
        super().__init__()

    def forward(self, x):
        return x / (x.pow(2).sum(dim=1, keepdim=True).sqrt() + 1e-10)


class WrapsBatchNorm(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.bn = nn.BatchNorm2d(channels)

    def forward(self, x):
        return self.bn(x)


class IgnoresEps(nn.Module):
    def __init__(self, channels, eps=1e-3):
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x):
        return nn.functional.instance_norm(x, weight=self.weight, bias=self.bias)


class FloorsVariances(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.eps = 1e-5

    def forward(self, x):
        var, mean = torch.var_mean(x, (2, 3), correction=0, keepdim=True)
        return (x - mean) / var.clamp_min(self.eps).sqrt()


class FixesEps(IgnoresEps):
    def __init__(self, channels):
        super().__init__(channels)
        self.used = self.eps

    def forward(self, x):
        return nn.functional.instance_norm(x, weight=self.weight, bias=self.bias, eps=self.used)


class AnswersVectorsByAccident(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))

    def forward(self, x):
        y = x - x.mean(1, keepdim=True)
        return self.weight[:, None, None] * y
"""


@pytest.fixture
def layers(tmp_path: Path) -> Path:
    path = tmp_path / "public_kinds.py"
    path.write_text(LAYERS)
    return path


def test_a_class_without_a_constructor_is_given_nothing(layers: Path) -> None:
    assert drive(SubjectRecipe(f"{layers}:NoConstructor")).adapter.name == "no_context"


def test_a_layer_that_casts_to_float32_is_held_to_float32(layers: Path) -> None:
    claims = resolve(SubjectRecipe(f"{layers}:FloatInside")).subject.claims
    assert (claims.scheme.name, claims.float32) == ("rms_norm", True)


def test_moments_in_float32_are_seen_behind_values_in_float64(layers: Path) -> None:
    assert resolve(SubjectRecipe(f"{layers}:FloatMoments")).subject.claims.float32


@pytest.mark.parametrize("name", ["BatchNorm2d", "LayerNorm", "InstanceNorm2d"])
def test_float64_is_not_taken_for_float32(name: str) -> None:
    assert not resolve(SubjectRecipe(f"torch.nn:{name}")).subject.claims.float32


def test_a_wrapped_norm_is_the_scheme_that_it_wraps(layers: Path) -> None:
    claims = resolve(SubjectRecipe(f"{layers}:WrapsBatchNorm")).subject.claims
    assert claims.scheme.name == "conventional_bn"


def test_an_eps_that_is_ignored_is_named_and_not_put_elsewhere(layers: Path) -> None:
    found = resolve(SubjectRecipe(f"{layers}:IgnoresEps")).subject
    assert found.claims.scheme.name == "instance_norm"
    assert found.cautions == (
        "Its eps (0.001) is ignored: its outputs are those of instance_norm with 1e-05.",
    )
    fixed = resolve(SubjectRecipe(f"{layers}:FixesEps")).subject
    assert (fixed.claims.scheme.name, fixed.eps) == ("instance_norm", 1e-3)
    assert (fixed.cautions, fixed.notes[0]) == (
        (),
        "its eps (0.001) changes nothing once it is built",
    )
    for subject in (found, fixed):
        assert subject.handles.path("eps") is None
    assert not drive(SubjectRecipe("torch.nn:BatchNorm2d")).eps_is_idle
    assert not drive(SubjectRecipe(f"{layers}:FloorsVariances")).eps_is_idle


def test_groups_that_only_calls_ask_for_make_the_step(layers: Path) -> None:
    assert drive(SubjectRecipe(f"{layers}:GroupsOfCalls")).channel_step == 8


def test_a_norm_of_nodes_is_not_held_to_maps_on_which_it_runs(layers: Path) -> None:
    found = drive(SubjectRecipe(f"{layers}:OfNodes"))
    assert found.rank == 0
    assert any("asked about (items, channels) alone" in said for said in found.notes)
    for name in ("NoConstructor", "OfMapsWithAFault", "OfMapsThatDraws"):
        other = drive(SubjectRecipe(f"{layers}:{name}"))
        assert other.rank == 2, name
        assert not any("(items, channels) alone" in said for said in other.notes)


def test_what_was_built_in_eval_is_called_as_it_was_built(layers: Path) -> None:
    found = resolve(SubjectRecipe(f"{layers}:MixedStatistics"))
    assert found.subject.adapter.name == "no_context"
    assert "other_targets" in found.target_reads


def test_maps_of_three_dimensions_are_no_promise_of_axes_that_are_written_down(
    layers: Path,
) -> None:
    prober = SubjectProber(drive(SubjectRecipe(f"{layers}:FloatMoments")))
    assert not prober.takes(1)
    assert not prober.takes(3)
    both = SubjectProber(drive(SubjectRecipe(f"{layers}:NoConstructor")))
    assert both.takes(1)
    assert both.takes(3)


def test_an_answer_in_another_shape_promises_no_rank(layers: Path) -> None:
    prober = SubjectProber(drive(SubjectRecipe(f"{layers}:AnswersVectorsByAccident")))
    assert prober.takes(2)
    assert not prober.takes(0)


def test_torch_s_lazy_instance_norm_answers_once_it_is_initialised() -> None:
    assert drive(SubjectRecipe("torch.nn:LazyInstanceNorm2d")).lazy


def test_a_window_s_size_is_not_passed_channels_without_a_word() -> None:
    (note,) = drive(SubjectRecipe("torch.nn:LocalResponseNorm")).notes
    assert "passed as its argument size, which may be something else" in note


def test_no_slope_is_blamed_for_nan_that_float64_has_too(layers: Path) -> None:
    command = [sys.executable, "-m", "tnverify", "verify", f"{layers}:RootOfSquares"]
    laws = "low_precision_gradients_follow_float64_ones,gradients_with_a_graph_are_those_without"
    done = subprocess.run(
        [*command, "--profile", "quick", "--only", laws, "--out", str(layers.parent)],
        capture_output=True,
        check=False,
        text=True,
    )
    assert done.returncode == 0, done.stdout


def test_coarse_limits_leave_few_sizes() -> None:
    plans = [
        Plan(context=n, targets=n, channels=2 * n, spatial=(n, n), profile="normal")
        for n in range(1, 17)
    ]
    sizes: set[Any] = {
        (p.context, p.channels, p.spatial) for p in (fitted(q, Limits(coarse=2)) for q in plans)
    }
    assert sizes == {(1, 2, (1, 1)), (4, 8, (4, 4)), (16, 32, (16, 16))}
