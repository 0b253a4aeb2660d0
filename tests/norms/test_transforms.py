"""torch.func transforms, compilation and export agree with the plain call."""

from __future__ import annotations

import pytest
import torch
from samples import each as sampled
from torch.func import functional_call, grad, jvp, vmap
from torch.utils import _pytree as pytree

from tnverify.norms import BY_SCHEME
from tnverify.tolerances import expect_close
from tnverify.tolerances.bound import unit

schemes = pytest.mark.parametrize("scheme", BY_SCHEME)


class OneTask(torch.nn.Module):
    def __init__(self, scheme: str) -> None:
        super().__init__()
        self.layer = BY_SCHEME[scheme](4).eval()

    def forward(self, context: torch.Tensor, targets: torch.Tensor) -> tuple[torch.Tensor, ...]:
        outputs, state = self.layer.condition(context)
        return outputs, self.layer.normalize(targets, state)


def drawn(*shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(sum(shape)))


def expect_alike(actual: object, expected: object, values: int) -> None:
    """Leaf by leaf within what two sound float32 computations may differ by, kappa below 10."""
    for a, e in zip(pytree.tree_leaves(actual), pytree.tree_leaves(expected), strict=True):
        bound = 2 * unit(torch.float32) * (8 + values) * (11 + e.detach().abs())
        expect_close(a.detach(), e.detach(), bound, "transformed and plain")


@schemes
def test_vmap_over_tasks(scheme) -> None:
    model, contexts, targets = OneTask(scheme), drawn(5, 3, 4, 2, 3), drawn(5, 2, 4, 2, 3)
    each = [model(c, t) for c, t in zip(contexts, targets, strict=True)]
    stacked = tuple(torch.stack(parts) for parts in zip(*each, strict=True))
    expect_alike(vmap(model)(contexts, targets), stacked, 60)


@schemes
def test_vmap_of_gradients_over_tasks(scheme) -> None:
    model, contexts, targets = OneTask(scheme), drawn(5, 3, 4, 2, 3), drawn(5, 2, 4, 2, 3)
    parameters = dict(model.named_parameters())

    def loss(parameters, context, target):
        outputs = functional_call(model, parameters, (context, target))
        return sum(part.square().mean() for part in outputs)

    each = [grad(loss)(parameters, c, t) for c, t in zip(contexts, targets, strict=True)]
    stacked = pytree.tree_map(lambda *leaves: torch.stack(leaves), *each)
    found = vmap(grad(loss), (None, 0, 0))(parameters, contexts, targets)
    expect_alike(found, stacked, 60 * 60)


@schemes
def test_second_order_by_nested_transforms(scheme) -> None:
    model, context, targets = OneTask(scheme), drawn(3, 4, 2, 3), drawn(2, 4, 2, 3)

    def loss(c):
        return sum(part.pow(3).mean() for part in model(c, targets))

    nested = grad(lambda c: grad(loss)(c).square().sum())(context)
    leaf = context.clone().requires_grad_()
    (first,) = torch.autograd.grad(loss(leaf), leaf, create_graph=True)
    (second,) = torch.autograd.grad(first.square().sum(), leaf)
    expect_alike(nested, second, 60 * 60)


@schemes
@pytest.mark.filterwarnings(  # torch's own forward mode still scripts its decompositions
    "ignore:.torch.jit.script. is deprecated:DeprecationWarning"
)
def test_forward_mode(scheme) -> None:
    model, sets = OneTask(scheme).double(), (drawn(3, 4, 2).double(), drawn(2, 4, 2).double())
    ways = tuple(drawn(*s.shape).double().flip(0) for s in sets)
    _, forward = jvp(model, sets, ways)
    leaves = tuple(s.clone().requires_grad_() for s in sets)
    for part, came in zip(model(*leaves), forward, strict=True):
        weights = torch.ones_like(part).requires_grad_()
        grads = torch.autograd.grad(
            part, leaves, weights, create_graph=True, allow_unused=True, materialize_grads=True
        )
        along = sum((g * w).sum() for g, w in zip(grads, ways, strict=True))
        (expected,) = torch.autograd.grad(along, weights)
        expect_alike(came, expected, 60)


@pytest.mark.parametrize(
    ("scheme", "dynamic"),
    sampled(
        [("tasknorm_l", True), ("reptile_norm", True), *((s, False) for s in BY_SCHEME)],
        3,
        rows=True,
    ),
)
def test_compiles_in_one_graph(scheme, dynamic) -> None:
    torch.compiler.reset()
    model = OneTask(scheme)
    compiled = torch.compile(model, fullgraph=True, dynamic=dynamic, backend="aot_eager")
    for items in (3, 5):
        context = drawn(items, 4, 2, 3).requires_grad_()
        targets = drawn(2, 4, 2, 3)
        came, expected = compiled(context, targets), model(context, targets)
        expect_alike(came, expected, 60)
        grads = [
            torch.autograd.grad(sum(p.square().mean() for p in parts), context)[0]
            for parts in (came, expected)
        ]
        expect_alike(*grads, 60 * 60)


@schemes
def test_exports(scheme) -> None:
    model, context, targets = OneTask(scheme), drawn(3, 4, 2, 3), drawn(2, 4, 2, 3)
    items = {0: torch.export.Dim.DYNAMIC}
    program = torch.export.export(model, (context, targets), dynamic_shapes=(items, items))
    sets = (drawn(5, 4, 2, 3), drawn(4, 4, 2, 3))
    expect_alike(program.module()(*sets), model(*sets), 60)


@schemes
def test_autocast(scheme) -> None:
    """Under autocast half-precision input keeps float32 moments, and its own dtype."""
    layer, context, targets = BY_SCHEME[scheme](4).eval(), drawn(3, 4, 5, 5), drawn(2, 4, 5, 5)
    context, targets = (x.bfloat16() for x in (context, targets))
    plain = OneTask(scheme)(context, targets)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        outputs, state = layer.condition(context)
        cast = outputs, layer.normalize(targets, state)
    assert all(torch.equal(a, b) for a, b in zip(plain, cast, strict=True))
