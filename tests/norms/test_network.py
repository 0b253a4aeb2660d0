"""Whole networks: conditioned and converted in one call, their task state in the open."""

from __future__ import annotations

import copy
import threading

import pytest
import torch
from networks_to_convert import conv4, small_resnet
from torch import nn
from torch.func import functional_call

from tnverify.norms import BY_SCHEME, NotConditionedError, TaskNetwork, TaskNormI, convert
from tnverify.tolerances import expect_close, expect_same
from tnverify.tolerances.bound import unit


def images(items: int, seed: int = 0) -> torch.Tensor:
    return torch.randn((items, 3, 16, 16), generator=torch.Generator().manual_seed(seed))


def built(scheme: str = "tasknorm_i") -> TaskNetwork:
    torch.manual_seed(0)
    return TaskNetwork(convert(conv4(), scheme)).eval()


def test_interleaved_tasks_keep_apart() -> None:
    network = built()
    alone = []
    for seed in (1, 2):
        _, state = network.condition(images(5, seed))
        alone.append(network.normalize(images(3, 10 + seed), state))
    _, first = network.condition(images(5, 1))
    _, second = network.condition(images(5, 2))
    expect_same(network.normalize(images(3, 11), first), alone[0], "first task")
    expect_same(network.normalize(images(3, 12), second), alone[1], "second task")
    assert not torch.equal(network.normalize(images(3, 11), second), alone[0])


def test_a_layer_outside_of_a_pass_is_an_error() -> None:
    network = built()
    with pytest.raises(RuntimeError, match="TaskNormI was called outside of a pass"):
        network.network(images(2))


def test_an_exception_ends_its_pass() -> None:
    network = built()
    with pytest.raises(RuntimeError, match="channels"):
        network.condition(torch.zeros(2, 5, 16, 16))
    with pytest.raises(RuntimeError, match="outside of a pass"):
        network.network(images(2))
    assert network.condition(images(2))[0].isfinite().all()


@pytest.mark.parametrize("state", [None, (), {}], ids=["none", "tuple", "empty"])
def test_targets_before_a_context_are_refused(state) -> None:
    with pytest.raises(NotConditionedError):
        built().normalize(images(2), state)


def test_threads_do_not_meet() -> None:
    network = built()
    expected = {}
    for seed in range(4):
        _, state = network.condition(images(4, seed))
        expected[seed] = network.normalize(images(3, 9), state)
    barrier, found = threading.Barrier(4), {}

    def work(seed: int) -> None:
        barrier.wait()
        for _ in range(5):
            _, state = network.condition(images(4, seed))
            found[seed] = network.normalize(images(3, 9), state)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for seed, outputs in expected.items():
        expect_same(found[seed], outputs, f"thread {seed}")


class Twice(nn.Module):
    """One layer in two places."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = TaskNormI(3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.norm(self.norm(x).square())


def test_a_layer_used_twice_has_two_states() -> None:
    network, layer = TaskNetwork(Twice()), TaskNormI(3)
    context, targets = images(4, 1), images(2, 2)
    outputs, state = network.condition(context)
    assert list(state) == ["norm", "norm#2"]
    first, first_state = layer.condition(context)
    second, second_state = layer.condition(first.square())
    expect_same(outputs, second, "context")
    expected = layer.normalize(layer.normalize(targets, first_state).square(), second_state)
    expect_same(network.normalize(targets, state), expected, "targets")
    del state["norm#2"]
    with pytest.raises(NotConditionedError, match="nothing for 'norm#2'"):
        network.normalize(targets, state)


@pytest.mark.parametrize("scheme", BY_SCHEME)
def test_second_order_maml_by_functional_call(scheme) -> None:
    """Fast weights change outputs and carry gradients, as copying them in does."""
    network = built(scheme).double()
    context, targets = (images(n, n).double() for n in (4, 3))
    parameters = dict(network.named_parameters())

    def adapted(parameters: dict[str, torch.Tensor], **graph: bool) -> dict[str, torch.Tensor]:
        outputs, _ = functional_call(network, parameters, (context,))
        grads = torch.autograd.grad(
            outputs.square().mean(),
            list(parameters.values()),
            allow_unused=True,
            materialize_grads=True,
            **graph,
        )
        return {n: p - 0.1 * g for (n, p), g in zip(parameters.items(), grads, strict=True)}

    fast = adapted(parameters, create_graph=True)
    _, state = functional_call(network, fast, (context,))
    outputs = functional_call(network, fast, (targets, state))
    meta = torch.autograd.grad(
        outputs.square().mean(), list(parameters.values()), allow_unused=True
    )
    assert any(grad is not None and grad.abs().max() > 0 for grad in meta)
    copied = copy.deepcopy(network)
    copied.load_state_dict({**network.state_dict(), **fast})
    _, state = copied.condition(context)
    expect_same(outputs.detach(), copied.normalize(targets, state).detach(), "fast weights")


@pytest.mark.slow
def test_a_network_compiles_in_one_graph() -> None:
    torch.compiler.reset()
    network = built().double()

    def task(context: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        _, state = network(context)
        return network(targets, state)

    sets = images(4, 1).double(), images(3, 2).double()
    compiled = torch.compile(task, fullgraph=True, backend="aot_eager")
    came, expected = compiled(*sets), task(*sets)
    # Computed in float64, of which four layers may lose some digits, but not half of them.
    bound = unit(torch.float32) * expected.detach().abs().max()
    expect_close(came.detach(), expected.detach(), bound, "compiled")


class Embeds(nn.Module):
    """A network that conditions another on its way, between two layers of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.before, self.after = TaskNormI(3), TaskNormI(3)
        self.inner = [TaskNetwork(TaskNormI(3))]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.after(self.inner[0].condition(self.before(x))[0].square())


@pytest.mark.parametrize("traced", [False, True])
def test_a_pass_within_a_pass_ends_where_it_began(traced, monkeypatch) -> None:
    """In calls as in tracing, which knows no context variables; and after an exception too."""
    network, layer = TaskNetwork(Embeds()), TaskNormI(3)
    first, first_state = layer.condition(images(4, 1))
    inner, _ = layer.condition(first)
    expected, last_state = layer.condition(inner.square())
    inner, _ = layer.condition(layer.normalize(images(2, 2), first_state))
    of_targets = layer.normalize(inner.square(), last_state)
    monkeypatch.setattr(torch.compiler, "is_compiling", lambda: traced)
    for _ in range(2):
        outputs, state = network.condition(images(4, 1))
        assert list(state) == ["before", "after"]
        torch.testing.assert_close(outputs, expected)
        torch.testing.assert_close(network.normalize(images(2, 2), state), of_targets)
        with pytest.raises(ValueError, match="3 channels"):
            network.condition(torch.zeros(2, 5))
        with pytest.raises(RuntimeError, match="outside of a pass"):
            layer(images(2))


@pytest.mark.parametrize("scheme", BY_SCHEME)
@pytest.mark.parametrize("make", [conv4, small_resnet])
def test_converted_networks_serve_tasks(scheme, make) -> None:
    torch.manual_seed(0)
    network = TaskNetwork(convert(make(), scheme)).eval()
    with torch.no_grad():
        context, state = network.condition(images(5, 1))
        together = network.normalize(images(3, 2), state)
        alone = torch.cat([network.normalize(one[None], state) for one in images(3, 2)])
    assert context.shape == (5, 5)
    # Convolutions may block a batch differently, so partitions agree within rounding alone.
    difference = (together - alone).abs().max()
    assert (difference > 1e-2) == (scheme == "transductive_bn"), float(difference)
