"""Detection and inference on torch's own layers, whose behaviour is known."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
import torch
from makeshift import devices_built_on
from torch import nn

from tnverify.subjects import Factory, SubjectRecipe, Unusable, fitting, guard, resolve
from tnverify.subjects.detect import detect_adapter
from tnverify.subjects.ranks import find_rank
from tnverify.subjects.resolve import drive

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Self

    from torch import Tensor


@dataclass(frozen=True)
class Known:
    spec: str
    adapter: str
    claims: str
    targets: tuple[str, ...]
    context: tuple[str, ...]
    given: str | None = None


OWN, PAST = ("itself",), ("itself", "past")
KNOWN = [
    Known("torch.nn:BatchNorm2d", "frozen", "conventional_bn", PAST, PAST),
    Known("torch.nn:BatchNorm1d", "frozen", "conventional_bn", PAST, PAST),
    Known("torch.nn:BatchNorm3d", "frozen", "conventional_bn", PAST, PAST),
    Known(
        "torch.nn:BatchNorm2d",
        "mode_flag",
        "inductive",
        ("itself", "context", "past"),
        ("itself", "context"),
        given="mode_flag",
    ),
    Known(
        "torch.nn:BatchNorm2d",
        "no_context",
        "inductive",
        ("itself", "other_targets"),
        ("itself", "context"),
        given="no_context",
    ),
    Known(
        "torch.nn:BatchNorm2d(channels, track_running_stats=False)",
        "no_context",
        "inductive",
        ("itself", "other_targets"),
        ("itself", "context"),
    ),
    Known("torch.nn:InstanceNorm2d", "no_context", "instance_norm", OWN, OWN),
    Known("torch.nn:InstanceNorm2d(channels, eps=1e-3)", "no_context", "instance_norm", OWN, OWN),
    Known("torch.nn:GroupNorm(2, channels)", "no_context", "group_norm", OWN, OWN),
    Known("torch.nn:LayerNorm([channels, *spatial])", "no_context", "layer_norm", OWN, OWN),
    Known("torch.nn:LayerNorm", "no_context", "layer_norm", OWN, OWN),
    Known("torch.nn:Identity()", "no_context", "none", OWN, OWN),
    Known("torch.nn:RMSNorm([channels, *spatial])", "no_context", "item_rms_norm", OWN, OWN),
]


@pytest.mark.parametrize("known", KNOWN, ids=lambda k: f"{k.spec} {k.given or ''}".strip())
def test_a_layer_of_torch_is_recognised(known: Known) -> None:
    found = resolve(SubjectRecipe(known.spec, adapter=known.given))
    assert found.subject.adapter.name == known.adapter
    assert str(found.subject.claims) == known.claims
    assert found.target_reads == known.targets
    assert found.context_reads == known.context


def test_always_batch_statistics_are_nearest_to_the_transductive_scheme() -> None:
    request = SubjectRecipe("torch.nn:BatchNorm2d(channels, track_running_stats=False)")
    found = resolve(request)
    assert found.nearest == "transductive_bn"
    assert found.subject.claims.inferred


def test_declared_claims_are_kept_though_the_layer_does_otherwise() -> None:
    found = resolve(SubjectRecipe("torch.nn:InstanceNorm2d", claims="meta_bn"))
    assert str(found.subject.claims) == "meta_bn"
    assert not found.subject.claims.inferred


def test_the_channels_of_a_group_norm_come_in_multiples_of_its_groups() -> None:
    assert resolve(SubjectRecipe("torch.nn:GroupNorm(4, channels)")).subject.channel_step == 4


@pytest.mark.parametrize(
    ("request_", "says"),
    [
        (SubjectRecipe("torch.nn:Conv2d"), "constructor does not take these arguments"),
        (SubjectRecipe("torch.nn:BatchNorm2d", claims="meta_nb"), "did you mean 'meta_bn'"),
        (SubjectRecipe("torch.nn:BatchNorm2d", claims="meta_bn,baised"), "did you mean 'biased'"),
        (SubjectRecipe("torch.nn:BatchNorm2d", adapter="modeflag"), "did you mean 'mode_flag'"),
        (SubjectRecipe("torch.nn:BatchNorm2d", handles={"weight": "w"}), "no attribute 'w'"),
        (SubjectRecipe("torch.nn:BatchNorm2d", handles={"wieght": "weight"}), "'weight'"),
        (SubjectRecipe("torch.nn:BatchNorm2d", setup="regster"), "no such method"),
        (SubjectRecipe("torch.nn:Bilinear(channels, 2, 2)"), "wants input1, input2"),
        (SubjectRecipe("torch.nn:Linear(7, channels)"), "takes no input of"),
    ],
    ids=lambda value: value.spec if isinstance(value, SubjectRecipe) else None,
)
def test_a_request_that_cannot_be_driven_says_why(request_: SubjectRecipe, says: str) -> None:
    with pytest.raises(Unusable) as raised:
        resolve(request_)
    assert says in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_constructor_that_wants_settings_is_told_how_to_get_them(tmp_path: Path) -> None:
    file = tmp_path / "settings.py"
    file.write_text(
        "from types import SimpleNamespace\nimport torch\n"
        "class Norm(torch.nn.Module):\n"
        "    def __init__(self, cfg):\n        super().__init__()\n"
        "        self.norm = torch.nn.GroupNorm(1, cfg.dim)\n"
        "    def forward(self, x):\n        return self.norm(x)\n"
        "def norm(channels):\n    return Norm(SimpleNamespace(dim=channels))\n"
    )
    with pytest.raises(Unusable, match="a function of the number of channels that makes both"):
        drive(SubjectRecipe(f"{file}:Norm"))
    assert drive(SubjectRecipe(f"{file}:norm")).adapter.name == "no_context"


LAYERS = '''
import torch
from torch import nn

class Handed(nn.Module):
    """Context moments handed to the next call."""
    def __init__(self, channels):
        super().__init__()
        self.epsilon = 1e-3
    def forward(self, x, moments=None):
        dims = (0, *range(2, x.dim()))
        if moments is None:
            moments = x.mean(dims, keepdim=True), x.var(dims, keepdim=True)
        mean, var = moments
        return (x - mean) / torch.sqrt(var + self.epsilon), moments

class ModeFlag(nn.Module):
    def __init__(self, channels):
        super().__init__()
    def forward(self, x):
        if self.training:
            self.mean, self.var = x.mean((0, 2, 3), keepdim=True), x.var((0, 2, 3), keepdim=True)
        return (x - self.mean) / torch.sqrt(self.var + 1e-3)

class Mine:
    def __init__(self, layer):
        self.layer = layer
    def condition(self, context):
        return self.layer(context)[0], self.layer(context)[1]
    def normalize(self, targets, state):
        return self.layer(targets, state)[0]
'''


@pytest.fixture
def layers(tmp_path: Path) -> Path:
    path = tmp_path / "layers.py"
    path.write_text(LAYERS)
    return path


def test_moments_handed_from_call_to_call_are_detected(layers: Path) -> None:
    found = resolve(SubjectRecipe(f"{layers}:Handed"))
    assert found.subject.adapter.name == "handed_moments"
    assert str(found.subject.claims) == "meta_bn,unbiased"
    assert found.subject.eps == 1e-3


def test_a_mode_flag_layer_is_told_from_a_moving_average_and_its_hidden_eps_found(
    layers: Path,
) -> None:
    found = resolve(SubjectRecipe(f"{layers}:ModeFlag"))
    assert found.subject.adapter.name == "mode_flag"
    assert str(found.subject.claims) == "meta_bn,unbiased"
    assert found.subject.eps == 1e-3


def test_a_users_own_adapter_is_named_like_a_layer(layers: Path) -> None:
    found = resolve(SubjectRecipe(f"{layers}:Handed", adapter=f"{layers}:Mine"))
    assert found.subject.adapter.name == f"{layers}:Mine"
    assert str(found.subject.claims) == "meta_bn,unbiased"


WIDTHS = '''\
import torch
from torch import nn


class Grouped(nn.Module):
    """Groups of four channels where that comes out even, else one."""

    def __init__(self, channels):
        super().__init__()
        self.groups = channels // 4 if channels % 4 == 0 else 1

    def forward(self, x):
        return nn.functional.group_norm(x, self.groups)


class Hidden(Grouped):
    """The same, its groups not to be seen."""

    def __init__(self, channels):
        super().__init__(channels)
        self.kept, self.groups = self.groups, None

    def forward(self, x):
        return nn.functional.group_norm(x, self.kept)


class UpToSix(nn.InstanceNorm2d):
    def forward(self, x):
        if x.shape[1] > 6:
            raise ValueError("six channels are the most")
        return super().forward(x)


class Loses(nn.InstanceNorm2d):
    def forward(self, x):
        y = super().forward(x)
        return torch.cat([y[:, :10], torch.zeros_like(y[:, 10:])], 1)
'''


@pytest.mark.parametrize(
    ("name", "given", "claims", "says"),
    [
        ("Grouped", None, "group_norm", ()),
        ("UpToSix", None, "instance_norm", ()),
        ("Hidden", None, "inductive", ("with 8 channels", "layer_norm", "claim it (--claims")),
        ("Loses", None, "inductive", ("with 12 channels", "instance_norm", "claim it (--claims")),
        ("Loses", "instance_norm", "instance_norm", ("with 12 channels", "with few")),
    ],
)
def test_what_a_layer_is_with_few_channels_is_asked_of_many(
    tmp_path: Path, name: str, given: str | None, claims: str, says: tuple[str, ...]
) -> None:
    path = tmp_path / "widths.py"
    path.write_text(WIDTHS)
    found = resolve(SubjectRecipe(f"{path}:{name}", given)).subject
    assert str(found.claims) == claims
    assert len(found.notes) == bool(says)
    assert all(words in note for note in found.notes for words in says)


def test_a_layer_that_cannot_run_in_float64_keeps_its_own_lane(tmp_path: Path) -> None:
    path = tmp_path / "single.py"
    path.write_text(
        "import torch\nclass Single(torch.nn.Module):\n"
        "    def __init__(self, channels):\n        super().__init__()\n"
        "    def forward(self, x):\n"
        "        if x.dtype != torch.float32: raise TypeError('float32 only')\n"
        "        return torch.nn.functional.instance_norm(x)\n"
    )
    subject = resolve(SubjectRecipe(f"{path}:Single")).subject
    assert subject.lanes == ("native",)
    assert subject.dtype("native") is torch.float32
    assert "float32 only" in subject.notes[0]


class OnCudaAlone(nn.Module):
    """Meta batch norm with a kernel for CUDA alone, played on the CPU: it knows where it is."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.at = "cpu"

    def to(self, *args: object, **kwargs: object) -> Self:
        self.at = str(kwargs.get("device", args[0] if args else self.at))
        return self

    def forward(self, x: Tensor) -> Tensor:
        if self.at != "cuda":
            raise ValueError("the kernel has no pointer to a tensor on the CPU")
        dims = (0, *range(2, x.dim()))
        if self.training:
            self.mean, self.var = x.mean(dims, keepdim=True), x.var(dims, False, keepdim=True)
        return (x - self.mean) / (self.var + 1e-5).sqrt() * self.weight[:, None, None]


def test_a_layer_that_runs_on_its_device_alone_is_driven_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """No machine has a second device for sure: what is built for one is built beside it."""
    devices = devices_built_on(monkeypatch)
    factory = Factory(OnCudaAlone)
    found = detect_adapter(factory, 1, "cuda")
    assert (found.adapter.name, found.rank) == ("mode_flag", 2)
    assert find_rank(factory, found.adapter, 1, "cuda") == 2
    assert devices == {"cuda"}
    with pytest.raises(Unusable, match="no pointer to a tensor on the CPU"):
        resolve(SubjectRecipe(f"{__file__}:OnCudaAlone"))


class Careless(nn.Module):
    """Changes the default dtype for everybody when it is called."""

    def forward(self, x: Tensor) -> Tensor:
        torch.set_default_dtype(torch.float64)
        return x * 2


def test_finding_out_how_a_layer_is_called_leaves_the_default_dtype() -> None:
    drive(SubjectRecipe(f"{__file__}:Careless", adapter="no_context"))
    try:
        assert torch.get_default_dtype() is torch.float32
    finally:
        torch.set_default_dtype(torch.float32)


def test_a_layer_that_is_too_slow_to_be_compared_with_every_formula_is_said_to_be(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(fitting, "SECONDS", -1.0)
    found = resolve(SubjectRecipe("torch.nn:InstanceNorm2d"))
    assert found.subject.claims.scheme.name == "inductive"
    assert any(said.startswith("not compared with every formula") for said in found.subject.notes)


def test_a_layer_whose_calls_are_slow_is_told_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(guard, "HANG_SECONDS", 0.5)
    monkeypatch.setattr(sys.modules[drive.__module__], "DETECTION_SECONDS", 0.6)
    (tmp_path / "slow.py").write_text(
        "import time\nfrom torch import nn\n\n\nclass Slow(nn.InstanceNorm2d):\n"
        "    def forward(self, x):\n        time.sleep(0.2)\n        return super().forward(x)\n"
    )
    with pytest.raises(Unusable, match=r"its calls are slow: .* longer than 0\.6 s"):
        resolve(SubjectRecipe("slow.py:Slow"))
