"""Adapters by conventions: each layer is recognised as what it is, and as nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import conventions
import pytest
import torch

from tnverify.contract.claims import parse_claims
from tnverify.subjects import SubjectProber, SubjectRecipe, Unusable
from tnverify.subjects.ordinary import ordinary
from tnverify.subjects.resolve import drive, find_adapter, resolve

if TYPE_CHECKING:
    from collections.abc import Callable

FILE = Path(conventions.__file__)
LAYERS = [
    pytest.param(layer, name, id=layer.__name__)
    for name, layers in conventions.CONVENTIONS.items()
    for layer in layers
]


def driven(name: str, **asked: Any) -> Any:
    return drive(SubjectRecipe(f"{FILE}:{name}", **asked))


@pytest.mark.parametrize(("layer", "adapter"), LAYERS)
def test_a_layer_is_called_by_its_convention(layer: Callable[..., Any], adapter: str) -> None:
    found = driven(layer.__name__)
    assert found.adapter.name == adapter
    again = driven(layer.__name__, adapter=adapter)
    task = ordinary(found.rank, found.channel_step).build(torch.float64)
    first, second = SubjectProber(found).run(task), SubjectProber(again).run(task)
    assert torch.equal(first.targets, second.targets)
    assert find_adapter(adapter).name == adapter


def test_a_layer_whose_eval_ignores_its_training_is_cautioned_about_as_built() -> None:
    """Users of test-time adaptation never call eval(): as built, targets read other targets."""
    for name, adapter in (
        ("Blends", "in_eval"),
        ("MixedInTraining", "in_eval"),
        ("AdaptsAlways", "frozen"),
    ):
        found = driven(name)
        assert found.adapter.name == adapter
        assert len(found.cautions) == 1
        assert "read other targets" in found.cautions[0]
        assert "--adapter no_context" in found.cautions[0]
    assert not driven("Noisy").cautions
    assert not driven("Average").cautions


def test_a_layer_that_was_built_in_eval_is_left_there_and_that_is_said() -> None:
    found = driven("LAYER")
    assert (found.adapter.name, found.channel_step) == ("no_context", 5)
    assert "train() was never called" in found.cautions[0]
    assert "copied for every fresh layer" in found.notes[0]


@pytest.mark.parametrize(
    ("claims", "layer", "adapter"),
    [
        ("transductive_bn", "torch.nn:BatchNorm2d", "no_context"),
        ("conventional_bn", "torch.nn:BatchNorm2d", "frozen"),
        ("conventional_bn", "torch.nn:BatchNorm2d(channels, momentum=1.0)", "frozen"),
        ("meta_bn", "torch.nn:BatchNorm2d(channels, momentum=1.0)", "mode_flag"),
        ("meta_bn", f"{FILE}:FlagBuffers", "mode_flag"),
        ("conventional_bn", f"{FILE}:BacksUp", "backup[backup_stats,restore_stats]+frozen"),
    ],
)
def test_of_the_conventions_that_fit_the_one_that_the_claim_allows_is_taken(
    claims: str, layer: str, adapter: str
) -> None:
    declared = parse_claims(claims)
    assert drive(SubjectRecipe(layer, claims), declared=declared).adapter.name == adapter


def test_a_convention_that_fits_nearly_as_well_is_named() -> None:
    for layer, near in (("FlagBuffers", "frozen"), ("Fast", "mode_flag")):
        (caution,) = driven(layer).cautions
        assert f"nearly as well (--adapter {near})" in caution
    assert not driven("Average").cautions


class QuickAttributes(torch.nn.Module):
    """Running moments that are no buffers, and that one call moves most of the way."""

    momentum = 0.7

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.mean, self.var = torch.zeros(channels, 1, 1), torch.ones(channels, 1, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.training:
            self.move(x)
        return (x - self.mean.to(x)) / (self.var.to(x) + 1e-5).sqrt()

    def move(self, x: torch.Tensor) -> None:
        var, mean = torch.var_mean(x, (0, 2, 3), correction=0)
        self.mean = self.mean.to(x).lerp(mean[:, None, None], self.momentum)
        self.var = self.var.to(x).lerp(var[:, None, None], self.momentum)


class BeginsWithTheFirst(QuickAttributes):
    """Has no moments before the first context."""

    momentum = 0.1

    def __init__(self, channels: int) -> None:
        super().__init__(channels)
        del self.mean, self.var

    def move(self, x: torch.Tensor) -> None:
        if not hasattr(self, "mean"):
            self.var, self.mean = torch.var_mean(x, (0, 2, 3), correction=0, keepdim=True)
        super().move(x)


def test_a_momentum_makes_moments_running_ones_however_far_a_call_moves_them() -> None:
    found = drive(SubjectRecipe(f"{__file__}:QuickAttributes"))
    assert found.adapter.name == "frozen"
    said = found.cautions[-1]
    assert "mode_flag fits nearly as well (--adapter mode_flag)" in said


def test_a_layer_that_wants_a_context_and_averages_them_is_cautioned_about() -> None:
    found = drive(SubjectRecipe(f"{__file__}:BeginsWithTheFirst"))
    assert found.adapter.name == "mode_flag"
    assert "--adapter frozen takes train() calls for meta-training" in found.cautions[0]


class LeftAlone(torch.nn.InstanceNorm2d):
    def forward(self, x: torch.Tensor, task: int = 0, phase: str = "any") -> torch.Tensor:
        return super().forward(x)


def test_an_optional_argument_that_may_tell_a_mode_is_said_to_be_left_alone() -> None:
    said = drive(SubjectRecipe(f"{__file__}:LeftAlone")).cautions
    assert [words[:40] for words in said] == [
        "Its argument task was left at its defaul",
        "Its argument phase was left at its defau",
    ]


def test_a_buffer_that_training_moves_whatever_it_sees_is_named() -> None:
    """Power iteration goes on with every call in train(), and knows no input."""
    found = drive(SubjectRecipe(f"{__file__}:Spectral"))
    assert found.adapter.name == "frozen"
    assert str(found.evidence).endswith(": each call moves conv.weight_u, conv.weight_v")


class StartsAsIdentity(torch.nn.Module):
    """A residual branch with a batch norm, whose gain starts at zero and hides it."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = torch.nn.BatchNorm2d(channels)
        self.gain = torch.nn.Parameter(torch.zeros(1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = x + self.gain * self.norm(x)
        return out


def test_a_gain_that_starts_at_zero_does_not_hide_the_convention() -> None:
    found = drive(SubjectRecipe(f"{__file__}:StartsAsIdentity"))
    assert found.adapter.name == "frozen"
    assert (
        "other_targets" not in resolve(SubjectRecipe(f"{__file__}:StartsAsIdentity")).target_reads
    )


class Spectral(torch.nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = torch.nn.utils.spectral_norm(torch.nn.Conv2d(channels, channels, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.conv(torch.nn.functional.instance_norm(x))
        return out


class LearnsUnlessTold(torch.nn.BatchNorm2d):
    """A batch norm that is in training unless its caller says otherwise."""

    def forward(self, x: torch.Tensor, training: bool = True) -> torch.Tensor:
        return torch.nn.functional.batch_norm(
            x, self.running_mean, self.running_var, self.weight, self.bias, training
        )


class LearnsWhereTold(LearnsUnlessTold):
    def forward(self, x: torch.Tensor, training: bool = False) -> torch.Tensor:
        return super().forward(x, training)


def test_an_option_that_lets_targets_read_each_other_when_it_is_left_out_is_cautioned_about() -> (
    None
):
    found = drive(SubjectRecipe(f"{__file__}:LearnsUnlessTold"))
    assert found.adapter.name == "option[training=True,False]+frozen"
    assert [said.partition("; ")[0] for said in found.cautions] == [
        "Where training is left out (True by default) its outputs read other targets, in eval() too"
    ]
    assert not drive(SubjectRecipe(f"{__file__}:LearnsWhereTold")).cautions


class Wants(torch.nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()

    def forward(self, x: torch.Tensor, edges: torch.Tensor, num_stepp: int) -> torch.Tensor:
        return x


def test_a_call_that_no_adapter_takes_names_the_nearest_and_where_to_read_on() -> None:
    with pytest.raises(Unusable) as raised:
        drive(SubjectRecipe(f"{__file__}:Wants"))
    said = str(raised.value)
    assert "wants x, edges, num_stepp; nearest are step (for num_stepp)" in said
    assert "list adapters" in said
    assert "\n" not in said


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("option[phase=]+frozen", "cannot be read"),
        ("frozen[x]", "stands last"),
        ("step[step=0]", "stands around another"),
        ("stp[step=0]+frozen", "did you mean 'step'"),
        ("step[step=0", "names no adapter"),
        ("frozen+mode_flag", "stands last"),
    ],
)
def test_a_name_that_is_no_adapter_says_what_to_write(name: str, says: str) -> None:
    with pytest.raises(Unusable) as raised:
        find_adapter(name)
    assert says in str(raised.value)


def test_a_part_named_alone_finds_what_it_stands_around() -> None:
    found = driven("IsTraining", adapter="option")
    assert found.adapter.name == "option[is_training=True,False]+frozen"
    with pytest.raises(Unusable, match="the adapter step does not fit"):
        driven("IsTraining", adapter="step")


def test_the_mean_over_steps_keeps_the_memory_format() -> None:
    found = driven("StepContext")
    task = ordinary(found.rank, found.channel_step).build(torch.float64)
    context = task.context.to(memory_format=torch.channels_last)
    outputs, _ = SubjectProber(found).fresh(task).condition(context)
    assert outputs.is_contiguous(memory_format=torch.channels_last)
