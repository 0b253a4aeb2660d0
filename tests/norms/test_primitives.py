"""The sweeps as differentiable operations: derivatives by each input, and tasks in batches."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch
from torch.autograd import gradcheck, gradgradcheck
from torch.func import grad, vmap

from tnverify.norms import BY_SCHEME, MetaBN
from tnverify.norms.kernels import between, small, sweeps
from tnverify.norms.kernels.adjoint import Line
from tnverify.norms.kernels.primitives import combine, dots, folded, plane_moments
from tnverify.tolerances import expect_close
from tnverify.tolerances.bound import unit

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor


def drawn(*shape: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed + sum(shape))
    return torch.randn(shape, generator=generator, dtype=torch.float64) + 0.5


def dots_alone(g: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
    return dots(g, x, None)


def scaled(g: Tensor, slope: Tensor) -> Tensor:
    return combine(g, g, slope, None, None)


def on_a_line(g: Tensor, x: Tensor, a: Tensor, k: Tensor, b: Tensor, centre: Tensor) -> Tensor:
    return combine(g, x, a, Line(k, b), centre)


def on_a_line_from_zero(g: Tensor, x: Tensor, a: Tensor, k: Tensor, b: Tensor) -> Tensor:
    return combine(g, x, a, Line(k, b), None)


def moments(x: Tensor) -> tuple[Tensor, Tensor]:
    return plane_moments(x, torch.float64)


def at(centre: Tensor, x: Tensor) -> Tensor:
    return x - centre[..., None]


SET, EACH, SHARED = (3, 2, 4), (3, 2), (1, 2)
"""Shapes of an activation, of what is for each plane, and of what is for each channel."""

OPERATIONS: dict[str, tuple[Callable[..., object], Callable[..., object], list[tuple]]] = {
    "dots": (
        dots,
        lambda g, x, c: (g.sum(-1), (g * at(c, x)).sum(-1)),
        [SET, SET, SHARED],
    ),
    "dots from zero": (dots_alone, lambda g, x: (g.sum(-1), (g * x).sum(-1)), [SET, SET]),
    "scaled": (scaled, lambda g, a: g * a[..., None], [SET, SHARED]),
    "line": (
        on_a_line,
        lambda g, x, a, k, b, c: g * a[..., None] + at(c, x) * k[..., None] + b[..., None],
        [SET, SET, EACH, SHARED, EACH, SHARED],
    ),
    "line from zero": (
        on_a_line_from_zero,
        lambda g, x, a, k, b: g * a[..., None] + x * k[..., None] + b[..., None],
        [SET, SET, SHARED, EACH, SHARED],
    ),
    "moments": (moments, lambda x: (x.mean(-1), x.var(-1, correction=0)), [SET]),
}  # fmt: skip

operations = pytest.mark.parametrize(
    ("operation", "plainly", "shapes"), OPERATIONS.values(), ids=OPERATIONS
)


def parts(outputs: object) -> tuple[Tensor, ...]:
    return outputs if isinstance(outputs, tuple) else (outputs,)


def expect_float64_alike(actual: Tensor, expected: Tensor, what: str) -> None:
    """Two computations in float64 that agree to more digits than float32 has."""
    bound = unit(torch.float32) * (1 + expected.detach().abs().max())
    expect_close(actual.detach(), expected.detach(), bound, what)


@operations
def test_an_operation_is_its_formula_where_derivatives_are_recorded_and_where_not(
    operation, plainly, shapes
) -> None:
    inputs = [drawn(*shape, seed=i) for i, shape in enumerate(shapes)]
    expected = parts(plainly(*inputs))
    recorded = parts(operation(*(x.clone().requires_grad_() for x in inputs)))
    with torch.no_grad():
        unrecorded = parts(operation(*inputs))
    for i, e in enumerate(expected):
        expect_float64_alike(recorded[i], e, "recorded")
        expect_float64_alike(unrecorded[i], e, "unrecorded")


@operations
def test_derivatives_by_each_input_alone_and_by_all_are_right(operation, plainly, shapes) -> None:
    """A centre is a constant, so the formula is differentiated by everything else."""
    inputs = [drawn(*shape, seed=i) for i, shape in enumerate(shapes)]
    names = list(plainly.__code__.co_varnames[: len(inputs)])
    free = [i for i, name in enumerate(names) if name != "c"]
    for chosen in [[i] for i in free] + [free]:

        def of_these(*values: Tensor, chosen: list[int] = chosen) -> object:
            all_inputs = list(inputs)
            for i, value in zip(chosen, values, strict=True):
                all_inputs[i] = value
            return operation(*all_inputs)

        leaves = tuple(inputs[i].clone().requires_grad_() for i in chosen)
        assert gradcheck(of_these, leaves)
        if len(chosen) == len(free):
            assert gradgradcheck(of_these, leaves)


@operations
@pytest.mark.parametrize("recorded", [True, False])
@pytest.mark.parametrize("batched", ["all", "first", "last", "at the end"])
def test_tasks_in_a_batch_are_as_one_after_another(
    operation, plainly, shapes, batched, recorded
) -> None:
    """Also where some of the inputs are the same for all tasks, or tasks come last in memory."""
    tasks = 5
    dims: list[int | None] = [0 if batched == "all" else None] * len(shapes)
    if batched == "first":
        dims[0] = 0
    elif batched == "last":
        dims[-1] = 1
    elif batched == "at the end":
        dims = [len(shape) for shape in shapes]
    inputs = []
    for i, (shape, dim) in enumerate(zip(shapes, dims, strict=True)):
        size = shape if dim is None else (*shape[:dim], tasks, *shape[dim:])
        inputs.append(drawn(*size, seed=i))
    with torch.set_grad_enabled(recorded):
        came = parts(vmap(operation, tuple(dims))(*inputs))
    for task in range(tasks):
        own = [x if d is None else x.select(d, task) for x, d in zip(inputs, dims, strict=True)]
        for part, expected in zip(came, parts(plainly(*own)), strict=True):
            expect_float64_alike(part[task], expected, f"task {task}")


def test_moments_of_tasks_in_a_batch_are_as_wide_as_asked_for() -> None:
    for part in vmap(lambda x: plane_moments(x, torch.float64))(drawn(2, 3, 2, 4).float()):
        assert part.dtype is torch.float64
        assert part.shape == (2, 3, 2)


def test_what_is_left_out_stays_so_where_tasks_fold_into_items() -> None:
    x, slope = drawn(5, 3, 2), drawn(1, 2)
    first, none, last = folded(5, (0, None, None), (x, None, slope))
    assert none is None
    assert first.shape == last.shape == (15, 2)
    expect_float64_alike(last, slope.expand(15, 2), "what all tasks share")


def test_derivatives_of_moments_lose_no_digits_far_from_zero() -> None:
    """float32 values 10,000 deviations from zero: a mean that float32 cannot hold is made up for.

    The variance's derivative by a value is 2 (value - mean) / count.
    """
    x = (drawn(6, 2, 100) + 10_000).float().requires_grad_()
    assert x.numel() > small.FEW
    var = MetaBN(2).summarized(x).moments.var
    (came,) = torch.autograd.grad(var.sum(), x)
    wide = x.detach().double()
    expected = 2 * (wide - wide.mean((0, 2), keepdim=True)) / 600
    ulps = torch.finfo(torch.float32).eps * expected.abs().max()
    assert (came - expected).abs().max() <= 4 * ulps


@pytest.mark.parametrize(
    ("scheme", "items"),
    [("meta_bn", 4), ("instance_norm", 4), ("layer_norm", 4), ("layer_norm", 1), ("tasknorm_l", 4)],
)
def test_second_derivatives_of_tasks_in_a_batch_are_as_one_after_another(
    scheme, items, monkeypatch
) -> None:
    monkeypatch.setattr(small, "FEW", 0)
    layer = BY_SCHEME[scheme](2).double().eval()

    def loss(context: Tensor, targets: Tensor) -> Tensor:
        outputs, state = layer.condition(context)
        return outputs.pow(3).sum() + layer.normalize(targets, state).pow(3).sum()

    def second(context: Tensor, targets: Tensor) -> Tensor:
        return grad(lambda c: grad(loss)(c, targets).square().sum())(context)

    contexts, targets = drawn(3, items, 2, 3), drawn(3, 2, 2, 3, seed=1)
    came = vmap(second)(contexts, targets)
    for i, context in enumerate(contexts):
        leaf = context.clone().requires_grad_()
        (first,) = torch.autograd.grad(loss(leaf, targets[i]), leaf, create_graph=True)
        (expected,) = torch.autograd.grad(first.square().sum(), leaf)
        expect_float64_alike(came[i], expected, f"task {i}")


@pytest.mark.parametrize("scheme", ["tasknorm_i", "tasknorm_l", "meta_bn", "reptile_norm"])
def test_what_only_inner_tasks_have_of_their_own_is_shared_by_outer_ones(
    scheme, monkeypatch
) -> None:
    """Contexts and parameters for each of two inner tasks, targets for each of three outer ones."""
    monkeypatch.setattr(small, "FEW", 0)
    layer = BY_SCHEME[scheme](4).double().eval()
    parameters = {
        name: torch.stack([value.detach() + i / 4 for i in range(2)])
        for name, value in layer.named_parameters()
    }
    contexts, targets = drawn(2, 5, 4, 3), drawn(3, 6, 4, 3, seed=1)

    def task(parameters: dict[str, Tensor], context: Tensor, target: Tensor) -> Tensor:
        with torch.nn.utils.stateless._reparametrize_module(layer, parameters):
            _, state = layer.condition(context)
            return layer.normalize(target, state)

    came = vmap(vmap(task, (0, 0, None)), (None, None, 0))(parameters, contexts, targets)
    for outer, target in enumerate(targets):
        for inner, context in enumerate(contexts):
            own = {name: value[inner] for name, value in parameters.items()}
            expected = task(own, context, target)
            expect_float64_alike(came[outer, inner], expected, f"tasks {outer}, {inner}")


@pytest.mark.parametrize("scheme", ["meta_bn", "instance_norm", "tasknorm_l"])
@pytest.mark.parametrize("shape", [(3, 2, 4), (3, 2)], ids=["pixels", "no pixels"])
@pytest.mark.parametrize("least", [0, 2**15], ids=["near", "centred"])
def test_a_batch_of_gradients_is_as_one_gradient_after_another(
    scheme, shape, least, monkeypatch
) -> None:
    """As `is_grads_batched` and vmap have it, by both sets and the parameters."""
    monkeypatch.setattr(small, "FEW", 0)
    monkeypatch.setattr(between, "SMALL", least)
    layer = BY_SCHEME[scheme](2).double()
    sets = [drawn(*shape, seed=seed).requires_grad_() for seed in (0, 1)]
    outputs, state = layer.condition(sets[0])
    came = (outputs, layer.normalize(sets[1], state))
    rows = [drawn(4, *shape, seed=seed) for seed in (2, 3)]
    if scheme != "instance_norm":  # targets alone reach the context through its moments
        (of_targets,) = torch.autograd.grad(
            came[1], sets[0], rows[1], is_grads_batched=True, retain_graph=True
        )
        for i, row in enumerate(rows[1]):
            (expected,) = torch.autograd.grad(came[1], sets[0], row, retain_graph=True)
            expect_float64_alike(of_targets[i], expected, f"context by targets, row {i}")
    wanted = [*sets, *layer.parameters()]
    together = torch.autograd.grad(came, wanted, rows, is_grads_batched=True, retain_graph=True)
    mapped = vmap(lambda *row: torch.autograd.grad(came, wanted, row, retain_graph=True))(*rows)
    for i in range(4):
        alone = torch.autograd.grad(came, wanted, [row[i] for row in rows], retain_graph=True)
        for batched, own, expected in zip(together, mapped, alone, strict=True):
            expect_float64_alike(batched[i], expected, f"row {i}")
            expect_float64_alike(own[i], expected, f"row {i}, mapped")


@pytest.mark.parametrize(("least", "block"), [(0, 16), (2**15, 2**17)], ids=["near", "centred"])
@pytest.mark.parametrize("items", [1, 4])
@pytest.mark.parametrize(
    "scheme",
    [
        "meta_bn",
        "reptile_norm",
        "instance_norm",
        "layer_norm",
        "group_norm",
        "tasknorm_i",
        "tasknorm_l",
    ],
)
def test_derivatives_through_tasks_in_a_batch_are_as_one_after_another(
    scheme, items, least, block, monkeypatch
) -> None:
    """First and second ones, by both sets of each task and by the parameters that all share."""
    monkeypatch.setattr(small, "FEW", 0)
    monkeypatch.setattr(between, "SMALL", least)
    monkeypatch.setattr(sweeps, "BLOCK", block)
    layer = BY_SCHEME[scheme](4, unbiased=items > 1).double().eval()
    with torch.no_grad():
        for i, parameter in enumerate(layer.parameters()):
            parameter.add_(drawn(*parameter.shape, seed=i) / 4)
    sets = [drawn(2, items, 4, 3, 6), drawn(2, 3, 4, 3, 6, seed=1)]
    wanted = [*(x.requires_grad_() for x in sets), *layer.parameters()]

    def task(context: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        outputs, state = layer.condition(context)
        return outputs, layer.normalize(targets, state)

    each = [task(*own) for own in zip(*sets, strict=True)]
    one_by_one = [torch.stack(parts) for parts in zip(*each, strict=True)]
    found = []
    for came in (vmap(task)(*sets), one_by_one):
        loss = sum((drawn(*part.shape) * part.sin()).sum() for part in came)
        first = torch.autograd.grad(loss, wanted, create_graph=True)
        second = torch.autograd.grad(
            sum(part.pow(2).sum() for part in first[:2]), wanted, materialize_grads=True
        )
        found.append([*came, *first, *second])
    for i, (actual, expected) in enumerate(zip(*found, strict=True)):
        expect_float64_alike(actual, expected, f"part {i}")


def test_two_alphas_of_two_channels_stay_two_where_nothing_is_recorded(monkeypatch) -> None:
    monkeypatch.setattr(small, "FEW", 0)
    layer = BY_SCHEME["tasknorm_i"](2, per_channel=True).double()
    with torch.no_grad():
        layer.offset.copy_(torch.tensor([-1.0, 2.0]))
    recorded, _ = layer.condition(drawn(3, 2, 4))
    with torch.no_grad():
        unrecorded, _ = layer.condition(drawn(3, 2, 4))
    expect_float64_alike(unrecorded, recorded, "outputs")
