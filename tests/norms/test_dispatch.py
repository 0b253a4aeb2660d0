"""The one place that chooses a way hands everything on, whichever way it is."""

from __future__ import annotations

import pytest
import torch

from tnverify.norms import BY_SCHEME
from tnverify.norms.kernels import between, cpu, dispatch, plain, small, sweeps
from tnverify.tolerances import expect_close
from tnverify.tolerances.bound import unit


def drawn(*shape: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator, dtype=torch.float64) + 0.5


def answers(layer: torch.nn.Module, context: torch.Tensor, targets: torch.Tensor) -> list:
    outputs, state = layer.condition(context)
    came = layer.normalize(targets, state)
    return [outputs, came, *torch.utils._pytree.tree_leaves(state)]


@pytest.mark.parametrize("unbiased", [False, True], ids=["biased", "unbiased"])
@pytest.mark.parametrize(
    ("scheme", "asked_for"),
    [
        ("tasknorm_i", ["normalize", "normalize"]),
        ("reptile_norm", ["normalize", "normalize"]),
        ("tasknorm_r", ["batch_moments", "normalize", "normalize"]),
    ],
)
@pytest.mark.parametrize("way", ["kernels of a GPU", "sweeps", "plain operations"])
def test_what_a_way_takes_is_handed_to_it_whole(
    scheme, asked_for, way, unbiased, monkeypatch
) -> None:
    """Kernels of a GPU are played here by plain operations, which take the same."""
    layer = BY_SCHEME[scheme](3, unbiased=unbiased, eps=0.1, dtype=torch.float64).eval()
    with torch.no_grad():
        for i, parameter in enumerate(layer.parameters()):
            parameter.add_(drawn(*parameter.shape, seed=i) / 2)
    sets = [drawn(n, 3, 4, seed=n) for n in (4, 2)]
    expected = answers(layer, *sets)
    taken, asked = [], []

    def noted(name: str, path: object):
        real = getattr(path, name)
        return lambda *arguments: (taken.append(name), real(*arguments))[1]

    ways = {"kernels of a GPU": dispatch.triton_path, "sweeps": cpu, "plain operations": plain}
    # Sweeps know no unbiased union of two sets, so targets go the plain way then.
    unrecorded = set()
    if scheme == "reptile_norm" and unbiased and way == "sweeps":
        unrecorded, asked_for = {plain}, ["normalize"]
    for name in ("normalize", "batch_moments"):
        chosen = noted(name, cpu if way == "sweeps" else plain)
        for other in set(ways.values()) - unrecorded:
            monkeypatch.setattr(other, name, None)
        monkeypatch.setattr(ways[way], name, chosen)
    takes = way == "kernels of a GPU"
    monkeypatch.setattr(dispatch.triton_path, "triton_takes", lambda x: asked.append(x) or takes)
    monkeypatch.setattr(dispatch, "_plainly", lambda x: way == "plain operations")
    monkeypatch.setattr(small, "FEW", 0)
    for a, e in zip(answers(layer, *sets), expected, strict=True):
        bound = unit(torch.float32) * (1 + e.detach().abs())
        expect_close(a.detach(), e.detach(), bound, "answer")
    assert taken == asked_for
    assert bool(asked) == (way != "plain operations")
    assert all(isinstance(x, torch.Tensor) for x in asked)


@pytest.mark.parametrize("scheme", ["meta_bn", "tasknorm_i", "layer_norm"])
@pytest.mark.parametrize("shape", [(17, 3, 4), (16, 2, 2), (3, 2), (3, 1), (3, 1, 2), (1, 4, 4)])
@pytest.mark.parametrize("offset", [0.0, 30.0], ids=["near", "far"])
@pytest.mark.parametrize("last", [False, True], ids=["contiguous", "channels last"])
def test_sweeps_in_blocks_know_channels_from_pixels(
    scheme, shape, offset, last, monkeypatch
) -> None:
    """Of either there may be more: outputs, state and gradients are those of plain operations."""
    layer = BY_SCHEME[scheme](shape[0]).double()
    sets = [drawn(n, *shape, seed=n) + offset for n in (5, 3)]
    if last and len(shape) == 3:
        sets = [x.contiguous(memory_format=torch.channels_last) for x in sets]
    weights = [drawn(n, *shape, seed=9 + n) for n in (5, 3)]

    def with_gradients() -> list:
        leaves = [x.clone(memory_format=torch.preserve_format).requires_grad_() for x in sets]
        outputs, came, *state = answers(layer, *leaves)
        loss = sum((w * part).sum() for w, part in zip(weights, (outputs, came), strict=True))
        return [outputs, came, *state, *torch.autograd.grad(loss, [*leaves, layer.weight])]

    monkeypatch.setattr(small, "FEW", 0)
    monkeypatch.setattr(between, "SMALL", 0)
    monkeypatch.setattr(sweeps, "BLOCK", 8)
    came = with_gradients()
    monkeypatch.setattr(dispatch, "_plainly", lambda x: True)
    for i, (a, e) in enumerate(zip(came, with_gradients(), strict=True)):
        bound = unit(torch.float32) * (1 + e.detach().abs().max())
        expect_close(a.detach(), e.detach(), bound, f"answer {i}")
    assert came[0].stride() == sets[0].stride()


@pytest.mark.parametrize(
    ("values", "few"), [(0, False), (1, True), (small.FEW, True), (small.FEW + 1, False)]
)
def test_few_values_are_some_and_no_more_than_a_number(values, few) -> None:
    assert dispatch._has_few(torch.empty(values)) is few
    assert not dispatch._has_few(torch.empty(values, device="meta"))
