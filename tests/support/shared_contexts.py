"""What every process checks about a context that it holds a part of: see test_distributed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch
import torch.distributed as dist
from networks_to_convert import conv4

from tnverify.norms import BY_SCHEME, TaskNetwork, convert
from tnverify.norms.distributed import condition_in_shards, state_of_shards
from tnverify.tolerances import expect_close
from tnverify.tolerances.bound import unit

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor
    from torch.distributed import ProcessGroup

    from tnverify.norms import Layer

SHARDS = {1: [(5,)], 2: [(2, 3), (5, 0)], 3: [(1, 3, 1), (0, 4, 1)]}
"""How many of five context items each process has, by the number of processes."""


def drawn(*shape: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator, dtype=torch.double) + 0.5


def expect_alike(actual: Tensor, expected: Tensor, what: str) -> None:
    """Two computations in float64, of values around one, that agree to float32's digits."""
    largest = expected.detach().abs().max() if expected.numel() else 0.0
    bound = unit(torch.float32) * (1.0 + largest)
    expect_close(actual.detach(), expected.detach(), bound, what)


def groups() -> Iterator[tuple[ProcessGroup | None, int, int]]:
    """Groups of one, two and three processes that this one is in, with its place and their size."""
    rank = dist.get_rank()
    for size in SHARDS:
        group = dist.new_group(list(range(size)))
        if rank < size:
            yield group, rank, size


def part(whole: Tensor, sizes: tuple[int, ...], place: int) -> Tensor:
    return whole.split(sizes)[place]


def layers() -> Iterator[Layer]:
    for scheme, kind in BY_SCHEME.items():
        layer = kind(3).double().eval()
        for i, value in enumerate(layer.parameters()):
            value.data += 0.1 * drawn(*value.shape, seed=i)
        yield layer
        assert scheme == layer.scheme


def losses(outputs: Tensor, of_targets: Tensor, weights: Tensor) -> Tensor:
    return (outputs.sin() * weights).sum() + of_targets.pow(3).sum()


def layers_agree_with_the_whole() -> None:
    """Outputs, first and second derivatives of every scheme, by shards and by parameters."""
    context, targets = drawn(5, 3, 2, 2), drawn(4, 3, 2, 2, seed=1)
    weights = drawn(5, 3, 2, 2, seed=2)
    for group, place, size in groups():
        for sizes in SHARDS[size]:
            own_targets = targets[place::size]
            for layer in layers():
                what = f"{layer.scheme}, items {sizes}, process {place}"
                whole = context.clone().requires_grad_()
                outputs, state = layer.condition(whole)
                # Transductive targets are those of one process, as they would be in its batch.
                expected = [layer.normalize(targets[i::size], state) for i in range(size)]
                loss = losses(outputs, torch.cat(expected), weights)
                inputs = [whole, *layer.parameters()]
                first = torch.autograd.grad(loss, inputs, create_graph=True)
                (second,) = torch.autograd.grad(first[0].pow(3).sum(), whole)

                shard = part(context, sizes, place).clone().requires_grad_()
                shared = state_of_shards(layer, shard, group)
                came = layer.of_context(shard, shared)
                of_targets = layer.normalize(own_targets, shared)
                expect_alike(came, part(outputs, sizes, place), f"{what}: outputs")
                expect_alike(of_targets, expected[place], f"{what}: targets")
                assert shared.size == state.size
                loss = losses(came, of_targets, part(weights, sizes, place))
                inputs = [shard, *layer.parameters()]
                own = torch.autograd.grad(loss, inputs, create_graph=True)
                expect_alike(own[0], part(first[0], sizes, place), f"{what}: gradient")
                for mine, all_of_it in zip(own[1:], first[1:], strict=True):
                    total = mine.detach().clone()
                    dist.all_reduce(total, group=group)
                    expect_alike(total, all_of_it, f"{what}: gradient of a parameter")
                (again,) = torch.autograd.grad(own[0].pow(3).sum(), shard)
                expect_alike(again, part(second, sizes, place), f"{what}: second derivative")


def networks_agree_with_the_whole() -> None:
    """A network's outputs and its parameters' gradients, summed over processes."""
    images, targets = drawn(5, 3, 16, 16), drawn(3, 3, 16, 16, seed=1)
    for group, place, size in groups():
        for sizes, scheme in zip(SHARDS[size], ("tasknorm_i", "meta_bn"), strict=False):
            torch.manual_seed(0)
            network = TaskNetwork(convert(conv4(), scheme)).double()
            parameters = list(network.parameters())
            outputs, state = network.condition(images)
            loss = outputs.square().sum() + size * network.normalize(targets, state).square().sum()
            expected = torch.autograd.grad(loss, parameters)

            came, shared = condition_in_shards(network, part(images, sizes, place), group)
            of_targets = network.normalize(targets, shared)
            expect_alike(came, part(outputs, sizes, place), f"{scheme} {sizes}: outputs")
            expect_alike(of_targets, network.normalize(targets, state), f"{scheme}: targets")
            loss = came.square().sum() + of_targets.square().sum()
            for mine, whole in zip(torch.autograd.grad(loss, parameters), expected, strict=True):
                total = mine.clone()
                dist.all_reduce(total, group=group)
                expect_alike(total, whole, f"{scheme} {sizes}: gradients of parameters")


def digits_survive() -> None:
    """float32 values 10,000 deviations from zero: moments as good as their own dtype's."""
    context = (drawn(6, 3, 4, 4) + 10_000).float()
    layer = BY_SCHEME["meta_bn"](3)
    exact = layer.condition(context.double())[1].moments
    shared = state_of_shards(layer, context[dist.get_rank() :: dist.get_world_size()]).moments
    ulps = 4 * torch.finfo(torch.float32).eps
    assert (shared.mean - exact.mean).abs().max() <= ulps
    assert (shared.var - exact.var).abs().max() <= ulps
    assert shared.count == exact.count


def half_precision_and_counts() -> None:
    """bfloat16 shards leave what a bfloat16 context does, of images of several sizes too."""
    rank = dist.get_rank()
    layer = BY_SCHEME["tasknorm_i"](2)
    images = [drawn(2, 2, *size).bfloat16() for size in ((3, 4), (2, 2), (5, 1))]
    state = state_of_shards(layer, images[rank])
    values = torch.cat([x.movedim(1, 0).flatten(1) for x in images], 1).double()
    assert state.moments.mean.dtype == torch.float32
    assert (state.size, state.moments.count) == (6, values.shape[1])
    bound = 8 * unit(torch.float32) * (1 + values.abs().max()) ** 2
    expect_close(state.moments.mean[0], values.mean(1).float(), bound, "the mean of all")
    expect_close(state.moments.var[0], values.var(1, correction=0).float(), bound, "the variance")


def one_that_asks_for_no_gradient_takes_part() -> None:
    """Only process 0 asks; the others must run its backward sums with it."""
    rank = dist.get_rank()
    shard = drawn(2, 3, 2, seed=rank).requires_grad_(rank == 0)
    layer = BY_SCHEME["tasknorm_l"](3).double()
    for parameter in layer.parameters():
        parameter.requires_grad_(False)
    state = state_of_shards(layer, shard)
    layer.of_context(shard, state).pow(3).sum().backward()
    if rank == 0:
        whole = torch.cat([drawn(2, 3, 2, seed=i) for i in range(dist.get_world_size())])
        whole.requires_grad_()
        layer.condition(whole)[0].pow(3).sum().backward()
        expect_alike(shard.grad, whole.grad[:2], "the gradient that one process asks for")
    else:
        assert shard.grad is None


def tasks_in_batches() -> None:
    """vmap over tasks, each of them shared: as one task after another."""
    rank, world = dist.get_rank(), dist.get_world_size()
    layer = BY_SCHEME["tasknorm_i"](3).double()
    contexts = drawn(2, 2 * world, 3, 4)
    own = contexts[:, 2 * rank : 2 * rank + 2]
    states = torch.vmap(lambda shard: state_of_shards(layer, shard))(own)
    for i, context in enumerate(contexts):
        _, state = layer.condition(context)
        for actual, expected in zip(states.moments[:2], state.moments[:2], strict=True):
            expect_alike(actual[i], expected, f"moments of task {i}")


def refusals_are_everybodys() -> None:
    """Where no process has an item, or a part is no context, all raise and none waits."""
    layer, network = BY_SCHEME["meta_bn"](3), TaskNetwork(convert(conv4(), "conventional_bn"))
    nothing = torch.zeros(0, 3, 2)
    with pytest.raises(ValueError, match="no items in any of its shards"):
        state_of_shards(layer, nothing)
    with pytest.raises(RuntimeError, match="eval"):
        condition_in_shards(network, torch.zeros(dist.get_rank(), 3, 16, 16))


def all_checks() -> None:
    layers_agree_with_the_whole()
    networks_agree_with_the_whole()
    digits_survive()
    half_precision_and_counts()
    one_that_asks_for_no_gradient_takes_part()
    tasks_in_batches()
    refusals_are_everybodys()
