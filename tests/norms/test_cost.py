"""What no noise moves: bytes kept for backward, the peak, and how many operations are run.

Timings are the benchmark's; these are gates. Items are fewer than in its shapes, planes are as
large: what is kept and alive beside activations hangs on the size of a plane alone.
"""

from __future__ import annotations

import math

import pytest
import torch

from tnverify.bench.subjects import LARGE
from tnverify.bench.timing import bytes_kept, counted
from tnverify.norms import InstanceNorm, MetaBN, TaskNormI, TaskNormL

TWO_MB = 2**19
LAYERS = {layer.scheme: layer for layer in (TaskNormI, TaskNormL, MetaBN, InstanceNorm)}


def activation(size: tuple[int, ...], memory: torch.memory_format) -> torch.Tensor:
    """As many items as make about two megabytes, of planes as large as those of `size`."""
    items = max(2, TWO_MB // math.prod(size[1:]))
    x = torch.randn((items, *size[1:]), generator=torch.Generator().manual_seed(0))
    return x.contiguous(memory_format=memory).requires_grad_()


def pass_over(layer: torch.nn.Module, part: str, state: object):
    def call(x: torch.Tensor) -> torch.Tensor:
        return layer.condition(x)[0] if part == "context" else layer.normalize(x, state)

    return call


def forth_and_back(call, x: torch.Tensor, norm: torch.nn.Module):
    inputs = [x, *norm.parameters()]

    def step() -> None:
        torch.autograd.grad(call(x), inputs, torch.ones_like(x), allow_unused=True)

    return step


@pytest.fixture(params=LAYERS)
def layer(request) -> torch.nn.Module:
    return LAYERS[request.param]


@pytest.mark.parametrize("part", ["context", "targets"])
@pytest.mark.parametrize(
    "memory", [torch.contiguous_format, torch.channels_last], ids=["contiguous", "channels last"]
)
def test_one_activation_is_kept_and_two_are_alive(layer, part, memory) -> None:
    """Means over the benchmark's large shapes, as its targets are."""
    kept, peak = [], []
    for size in dict.fromkeys(shape.size for shape in LARGE):
        norm = layer(size[1])
        x = activation(size, memory)
        with torch.no_grad():
            state = norm.condition(x[:2])[1]
        call = pass_over(norm, part, state)
        one = x.numel() * x.element_size()
        kept.append(bytes_kept(call, x) / one)

        # The gradient that comes from above is alive too, and none of ours.
        peak.append(counted(forth_and_back(call, x, norm), x.device).peak / one - 1)
    assert math.exp(sum(map(math.log, kept)) / len(kept)) <= 1.05
    assert math.exp(sum(map(math.log, peak)) / len(peak)) <= 2.1


def test_what_is_kept_beside_the_activation_is_two_numbers_a_plane() -> None:
    """An item's own mean and variance, in the activation's precision, and what is per channel."""
    for pixels in (6, 11, 21):
        x = activation((1, 64, pixels, pixels), torch.contiguous_format)
        beside = bytes_kept(lambda x: TaskNormI(64).condition(x)[0], x) - 4 * x.numel()
        assert beside <= 2 * 4 * x.shape[0] * 64 + 64 * 64


@pytest.mark.parametrize(
    ("layer", "forward", "backward"), [(TaskNormI, 60, 100), (MetaBN, 50, 60)],
    ids=lambda value: getattr(value, "scheme", value),
)  # fmt: skip
def test_few_operations_are_run_where_they_are_what_costs(layer, forward, backward) -> None:
    """On a small set, counted as torch dispatches them."""
    norm, x = layer(8), torch.randn(5, 8, 5, 5, requires_grad=True)

    class Counter(torch.utils._python_dispatch.TorchDispatchMode):
        count = 0

        def __torch_dispatch__(self, function, types, arguments=(), keywords=None):
            self.count += 1
            return function(*arguments, **(keywords or {}))

    with Counter() as there:
        outputs = norm.condition(x)[0]
    with Counter() as back:
        outputs.sum().backward()
    assert there.count <= forward
    assert back.count <= backward
