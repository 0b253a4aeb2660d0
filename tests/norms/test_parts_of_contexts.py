"""A context in parts leaves what the whole one does: by the layer, unbiased, in half precision."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import torch
from torch import distributed
from torch.utils import _pytree as pytree

from tnverify.norms import BY_SCHEME, MetaBN, TaskNormI, state_of_chunks
from tnverify.norms.distributed import SumOverProcesses, state_of_shards
from tnverify.tolerances import expect_close, expect_same
from tnverify.tolerances.bound import unit

if TYPE_CHECKING:
    from collections.abc import Iterator

schemes = pytest.mark.parametrize("scheme", BY_SCHEME)


def drawn(*shape: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator, dtype=torch.float64) + 0.5


def expect_float64_alike(actual: torch.Tensor, expected: torch.Tensor, what: str) -> None:
    """Two computations in float64 that agree to more digits than float32 has."""
    bound = unit(torch.float32) * (1 + expected.detach().abs().max())
    expect_close(actual.detach(), expected.detach(), bound, what)


@pytest.fixture
def alone(tmp_path, monkeypatch) -> Iterator[None]:
    """This process as the only one of its world."""
    if not (distributed.is_available() and distributed.is_gloo_available()):
        pytest.skip("needs a torch with distributed and gloo")
    if Path("/sys/class/net/lo").exists():
        monkeypatch.setenv("GLOO_SOCKET_IFNAME", "lo")
    store = f"file://{tmp_path / 'store'}"
    distributed.init_process_group("gloo", init_method=store, rank=0, world_size=1)
    yield
    distributed.destroy_process_group()


@schemes
@pytest.mark.parametrize("unbiased", [False, True], ids=["biased", "unbiased"])
def test_a_layer_conditions_on_parts_as_on_the_whole(scheme, unbiased) -> None:
    layer = BY_SCHEME[scheme](3, unbiased=unbiased).double().eval()
    context, targets = drawn(6, 3, 4), drawn(2, 3, 4, seed=1)
    outputs, state = layer.condition(context)
    parts, left = layer.condition_shards(context.split((2, 0, 1, 3)))
    assert [len(part) for part in parts] == [2, 0, 1, 3]
    expect_float64_alike(torch.cat(parts), outputs, "context outputs")
    assert pytree.tree_structure(left) == pytree.tree_structure(state)
    for actual, expected in zip(pytree.tree_leaves(left), pytree.tree_leaves(state), strict=True):
        assert actual.dtype is expected.dtype
        expect_float64_alike(actual, expected, "the state")
    of_parts, of_whole = (layer.normalize(targets, each) for each in (left, state))
    expect_float64_alike(of_parts, of_whole, "target outputs")


@schemes
def test_a_layer_refuses_parts_without_items(scheme) -> None:
    with pytest.raises(ValueError, match="no items in any of its chunks"):
        BY_SCHEME[scheme](3).eval().condition_shards([torch.zeros(0, 3, 2)])


@schemes
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32, torch.float64], ids=str)
@pytest.mark.usefixtures("alone")
def test_a_process_alone_leaves_the_state_that_conditioning_does(scheme, dtype) -> None:
    """Every number of it, and in the dtype that it has."""
    layer = BY_SCHEME[scheme](3, unbiased=True).eval()
    shard = drawn(4, 3, 5).to(dtype)
    state, shared = layer.condition(shard)[1], state_of_shards(layer, shard)
    assert pytree.tree_structure(shared) == pytree.tree_structure(state)
    for actual, expected in zip(pytree.tree_leaves(shared), pytree.tree_leaves(state), strict=True):
        assert actual.dtype is expected.dtype
        assert actual.shape == expected.shape
        bound = 8 * unit(expected.dtype) * (1 + expected.abs())
        expect_close(actual.detach(), expected.detach(), bound, "the state")


@pytest.mark.usefixtures("alone")
def test_what_is_summed_over_processes_may_lie_in_memory_as_it_likes() -> None:
    """As derivatives do, which come from what a user does with a state."""
    values = drawn(3, 4)
    for part in (values.T, values[:, ::2], values[:1].expand(3, 4)):
        total = SumOverProcesses.apply(part, None)
        assert total.is_contiguous()
        expect_same(total, part, "the sum over one process")
        assert total.data_ptr() != part.data_ptr()


def test_the_states_of_two_parts_are_merged_whichever_comes_first() -> None:
    layer, parts = TaskNormI(3).double(), [drawn(n, 3, 2, seed=n) for n in (1, 4)]
    forwards, backwards = (state_of_chunks(layer, each) for each in (parts, parts[::-1]))
    for part, same in zip(pytree.tree_leaves(forwards), pytree.tree_leaves(backwards), strict=True):
        expect_float64_alike(part, same, "the merged state")
    assert forwards.size == 5
    assert forwards.moments.count == 10


def test_maps_of_several_sizes_are_one_context() -> None:
    """Parts weigh as many as their values are, not as their items are."""
    parts = [drawn(2, 3, 5), drawn(1, 3, 7, seed=1)]
    values = torch.cat([part.movedim(1, 0).flatten(1) for part in parts], 1)
    state = state_of_chunks(MetaBN(3).double(), parts)
    assert (state.size, state.moments.count) == (3, 17)
    expect_float64_alike(state.moments.mean[0], values.mean(1), "mean")
    expect_float64_alike(state.moments.var[0], values.var(1, correction=0), "variance")
