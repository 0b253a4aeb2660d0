"""The compiled kernels: what they may not change, and what happens where they cannot be had."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch
from torch.autograd import gradcheck, gradgradcheck
from torch.func import functional_call

from tnverify import norms
from tnverify.norms import BY_SCHEME, MetaBN, TaskNormI
from tnverify.norms.kernels import cpu, fused, native, small
from tnverify.tolerances import expect_same

SCHEMES = sorted(set(BY_SCHEME) - {"none"})
compiled = pytest.mark.skipif(native.library() is None, reason="needs a C compiler")


@pytest.fixture
def fresh(monkeypatch):
    """Whatever was found for this process is looked for again, and forgotten afterwards."""
    native.found.cache_clear()
    yield monkeypatch
    native.found.cache_clear()


@pytest.fixture
def by_kernels(monkeypatch) -> None:
    def refused(*inputs: object) -> None:
        raise AssertionError("a set went another way")

    monkeypatch.setattr(small, "FEW", 0)
    monkeypatch.setattr(cpu, "applied", refused)


def drawn(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return (torch.randn(shape, generator=generator, dtype=torch.float64) * 2 + 0.5).to(dtype)


def answers(layer: torch.nn.Module, *sets: torch.Tensor) -> list[torch.Tensor]:
    context, targets = (x.detach().requires_grad_() for x in sets)
    outputs, state = layer.condition(context)
    came = layer.normalize(targets, state)
    loss = outputs.float().square().sum() + came.float().pow(3).sum()
    wanted = [context, targets, *layer.parameters()]
    grads = torch.autograd.grad(loss, wanted, allow_unused=True, materialize_grads=True)
    return [outputs, came, *grads]


@compiled
@pytest.mark.usefixtures("by_kernels")
@pytest.mark.parametrize("scheme", [s for s in SCHEMES if s != "tasknorm_r"])
@pytest.mark.parametrize(
    "spatial",
    [(), (1,), (3, 5), (37, 36), (2, 3, 5)],
    ids=lambda s: "x".join(map(str, s)) or "none",
)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16], ids=str)
def test_the_kernels_agree_with_the_oracle(scheme, spatial, dtype, agrees_with_the_oracle) -> None:
    channels = 3 if len(spatial) == 2 else 35
    layer = BY_SCHEME[scheme](channels, unbiased=len(spatial) == 2).to(dtype).eval()
    with torch.no_grad():
        for i, parameter in enumerate(layer.parameters()):
            parameter.add_(drawn(*parameter.shape, seed=i, dtype=dtype) / 8)
    sets = (drawn(n, channels, *spatial, seed=n, dtype=dtype) for n in (4, 1))
    agrees_with_the_oracle(layer, *sets)


@compiled
@pytest.mark.usefixtures("by_kernels")
@pytest.mark.parametrize("last", [False, True], ids=["contiguous", "channels last"])
@pytest.mark.parametrize("scheme", SCHEMES)
def test_neither_threads_nor_other_targets_change_a_bit(scheme, last, monkeypatch) -> None:
    layer = BY_SCHEME[scheme](40).eval()
    sets = [drawn(n, 40, 21, 23, seed=n, dtype=torch.float32) for n in (5, 4)]
    if last:
        sets = [x.contiguous(memory_format=torch.channels_last) for x in sets]
    before = torch.get_num_threads()
    if scheme == "tasknorm_r":  # its batch moments alone come from elsewhere
        monkeypatch.undo()
    try:
        found = []
        for threads in (1, 2):
            torch.set_num_threads(threads)
            found.append(answers(layer, *sets))
    finally:
        torch.set_num_threads(before)
    for other in found[1:]:
        for i, (a, e) in enumerate(zip(other, found[0], strict=True)):
            expect_same(a.detach(), e.detach(), f"answer {i}")
    if scheme != "transductive_bn":
        _, state = layer.condition(sets[0])
        alone = torch.cat([layer.normalize(x[None], state) for x in sets[1]])
        expect_same(alone.detach(), layer.normalize(sets[1], state).detach(), "targets one by one")


class OneTask(torch.nn.Module):
    """A layer's outputs for both sets, as a function of them and of its parameters."""

    def __init__(self, layer: torch.nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, context, targets):
        outputs, state = self.layer.condition(context)
        return outputs, self.layer.normalize(targets, state)


@compiled
@pytest.mark.parametrize(
    ("scheme", "options"),
    [("tasknorm_i", {}), ("tasknorm_i", {"per_channel": True}), ("tasknorm_l", {}),
     ("tasknorm_l", {"alpha": "free"}), ("meta_bn", {}), ("group_norm", {}),
     ("transductive_bn", {}), ("layer_norm", {}), ("instance_norm", {})],
    ids=str,
)  # fmt: skip
def test_first_and_second_derivatives_are_right(scheme, options, monkeypatch) -> None:
    """By the sets and by every parameter."""
    monkeypatch.setattr(small, "FEW", 0)
    model = OneTask(BY_SCHEME[scheme](2, unbiased=True, **options).double().eval())
    names = [name for name, _ in model.named_parameters()]
    parameters = [(p.detach() + 0.25).requires_grad_() for p in model.parameters()]

    def outputs(context, targets, *values):
        return functional_call(model, dict(zip(names, values, strict=True)), (context, targets))

    sets = (drawn(n, 2, 3, 3, seed=n).requires_grad_() for n in (3, 2))
    inputs = (*sets, *parameters)
    torch.manual_seed(0)  # the fast mode projects on random directions
    assert gradcheck(outputs, inputs, fast_mode=True)
    assert gradgradcheck(outputs, inputs, fast_mode=True)


@compiled
@pytest.mark.usefixtures("by_kernels")
@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_what_is_not_finite_stays_with_its_item_and_channel(bad) -> None:
    layer = TaskNormI(3)
    _, state = layer.condition(drawn(4, 3, 5, 5, dtype=torch.float32))
    targets = drawn(3, 3, 5, 5, seed=1, dtype=torch.float32)
    expected = layer.normalize(targets, state)
    targets[1, 2, 3, 3] = bad
    outputs = layer.normalize(targets, state)
    assert not outputs[1, 2].isfinite().any()
    outputs[1, 2] = expected[1, 2]
    expect_same(outputs.detach(), expected.detach(), "what is finite")


@compiled
def test_constant_planes_of_huge_values_have_no_variance_below_zero() -> None:
    layer = MetaBN(2)
    outputs, state = layer.condition(torch.full((9, 2, 11, 13), 3.3e12))
    assert outputs.isfinite().all()
    assert (state.moments.var >= 0).all()


def test_the_backend_says_how_layers_compute() -> None:
    words = norms.backend()
    assert words.startswith("compiled kernels" if native.library() else "torch's operations")
    assert "\n" not in words


@pytest.mark.parametrize(
    ("obstacle", "words"),
    [("no compiler", "no C compiler found"), ("no folder", "no folder to keep them in"),
     ("a compiler that fails", "building them failed")],
)  # fmt: skip
def test_layers_go_on_by_torchs_operations_where_kernels_cannot_be_had(
    obstacle, words, fresh, tmp_path
) -> None:
    if obstacle == "no compiler":
        fresh.setattr(native.shutil, "which", lambda name: None)
    elif obstacle == "no folder":
        fresh.setattr(native, "_folders", lambda: iter(()))
        fresh.setattr(native, "_compiler", lambda: ["cc"])
    else:
        fresh.setattr(native, "_folders", lambda: iter((tmp_path,)))
        fresh.setattr(native, "_compiler", lambda: ["false"])
    sets = [drawn(n, 8, 12, 12, seed=n) for n in (4, 3)]
    assert not fused.takes(sets[0])
    assert words in norms.backend()
    layer = TaskNormI(8).double()
    without = answers(layer, *sets)
    fresh.undo()
    native.found.cache_clear()
    for a, e in zip(answers(layer, *sets), without, strict=True):
        assert torch.allclose(a, e, rtol=1e-9, atol=1e-9)


def test_folders_that_others_can_write_are_not_used(fresh, tmp_path) -> None:
    fresh.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    fresh.setattr(native.tempfile, "gettempdir", lambda: str(tmp_path))
    first, second = native._folders()
    assert first == tmp_path / "cache" / "tnverify"
    assert second.parent == tmp_path
    second.chmod(0o777)
    assert list(native._folders()) == [first]
    (tmp_path / "a file").touch()
    fresh.setenv("XDG_CACHE_HOME", str(tmp_path / "a file"))
    assert list(native._folders()) == []


def test_a_user_without_a_home_keeps_them_in_the_temporary_folder(fresh, tmp_path) -> None:
    def homeless() -> None:
        raise RuntimeError("Could not determine home directory.")

    fresh.delenv("XDG_CACHE_HOME", raising=False)
    fresh.setattr(native.Path, "home", homeless)
    fresh.setattr(native.Path, "expanduser", lambda self: homeless())
    fresh.setattr(native.tempfile, "gettempdir", lambda: str(tmp_path))
    (only,) = native._folders()
    assert only.parent == tmp_path


@pytest.mark.slow
@compiled
def test_processes_that_build_at_the_same_time_do_not_meet(tmp_path) -> None:
    program = (
        "import os; os.environ['XDG_CACHE_HOME'] = os.sys.argv[1]\n"
        "from tnverify.norms import backend; print(backend())"
    )
    both = [
        subprocess.Popen(
            [sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    assert all("compiled kernels" in process.communicate()[0] for process in both)
    assert len(list((tmp_path / "tnverify").iterdir())) == 1
