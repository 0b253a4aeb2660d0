"""A context in chunks is the whole context, for layers and networks, gradients too."""

from __future__ import annotations

import pytest
import torch
from networks_to_convert import conv4, small_resnet

from tnverify.norms import (
    BY_SCHEME,
    TaskNetwork,
    condition_in_chunks,
    convert,
    state_of_chunks,
)
from tnverify.tolerances import expect_close
from tnverify.tolerances.bound import unit

schemes = pytest.mark.parametrize("scheme", BY_SCHEME)


def drawn(*shape: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator) + 0.5


def expect_float64_alike(actual: torch.Tensor, expected: torch.Tensor, what: str) -> None:
    """Two computations in float64 that agree to more digits than float32 has."""
    bound = unit(torch.float32) * expected.detach().abs().max()
    expect_close(actual.detach(), expected.detach(), bound, what)


@schemes
@pytest.mark.parametrize("sizes", [(7,), (3, 4), (1, 5, 1), (0, 4, 3), (1,) * 7], ids=str)
def test_a_layer_conditioned_in_chunks(scheme, sizes) -> None:
    layer = BY_SCHEME[scheme](4).double().eval()
    context = (drawn(7, 4, 3, 2).double() * torch.arange(1, 8).view(-1, 1, 1, 1)).requires_grad_()
    targets = drawn(2, 4, 3, 2, seed=1).double()
    outputs, state = layer.condition(context)
    chunks = context.split(sizes)
    merged = state_of_chunks(layer, chunks)
    assert merged.size == state.size
    came = torch.cat([layer.of_context(chunk, merged) for chunk in chunks])
    expect_float64_alike(came, outputs, "context outputs")
    of_whole, of_chunks = (layer.normalize(targets, s) for s in (state, merged))
    expect_float64_alike(of_chunks, of_whole, "target outputs")
    grads = [
        torch.autograd.grad(
            out.pow(3).sum() + of.pow(3).sum(), context, retain_graph=True, allow_unused=True
        )[0]
        for out, of in ((outputs, of_whole), (came, of_chunks))
    ]
    expect_float64_alike(*grads, "gradients")


@pytest.mark.parametrize("ratio", [0, 10_000])
def test_chunks_do_not_lose_digits(ratio, agrees_with_the_oracle, monkeypatch) -> None:
    """In float32 the merged moments are within the bound, and 32 chunks cost no digits."""
    layer = BY_SCHEME["tasknorm_i"](4)
    context, targets = drawn(64, 4, 3, 3) + ratio, drawn(2, 4, 3, 3, seed=1) + ratio
    whole = layer.double().condition(context.double())[1]
    merged = state_of_chunks(layer.float(), context.split(2))
    monkeypatch.setattr(
        layer, "condition", lambda x: (layer.of_context(x, merged), merged), raising=True
    )
    agrees_with_the_oracle(layer, context, targets)
    ulps = torch.finfo(torch.float32).eps * 4
    assert (merged.moments.mean - whole.moments.mean).abs().max() <= ulps
    assert (merged.moments.var - whole.moments.var).abs().max() <= ulps


@schemes
@pytest.mark.parametrize("make", [conv4, small_resnet])
def test_a_network_conditioned_in_chunks(scheme, make) -> None:
    torch.manual_seed(0)
    network = TaskNetwork(convert(make(), scheme)).double().eval()
    context, targets = drawn(6, 3, 16, 16).double(), drawn(3, 3, 16, 16, seed=1).double()
    with torch.no_grad():
        outputs, state = network.condition(context)
        parts, merged = condition_in_chunks(network, context.split((1, 3, 2)))
        assert list(merged) == list(state)
        expect_float64_alike(torch.cat(parts), outputs, "context outputs")
        expect_float64_alike(
            network.normalize(targets, merged), network.normalize(targets, state), "targets"
        )


def test_a_context_without_items_is_refused() -> None:
    layer = BY_SCHEME["meta_bn"](3)
    for chunks in ([], [torch.zeros(0, 3, 2, 2)]):
        with pytest.raises(ValueError, match="no items"):
            state_of_chunks(layer, chunks)
    with pytest.raises(ValueError, match="no chunks"):
        condition_in_chunks(TaskNetwork(layer), [])


@pytest.mark.parametrize("scheme", ["conventional_bn", "batch_renorm", "tasknorm_r"])
def test_meta_training_is_refused_where_it_keeps_moments_of_sets(scheme) -> None:
    with pytest.raises(RuntimeError, match="call eval"):
        state_of_chunks(BY_SCHEME[scheme](3).train(), [drawn(2, 3)])
