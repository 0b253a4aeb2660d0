"""The one place that chooses a way hands everything on, whichever way it is."""

from __future__ import annotations

import pytest
import torch

from tnverify.norms import BY_SCHEME
from tnverify.norms.kernels import cpu, dispatch, plain, small
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
