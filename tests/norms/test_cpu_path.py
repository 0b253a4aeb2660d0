"""The fast path on the CPU agrees with the plain one, whatever it chooses to do on the way.

Its choices hang on sizes: blocks, fused sweeps, and values that lie far from zero. So here the
sizes at which it turns to them are made small, and every choice is taken on small input.
"""

from __future__ import annotations

import itertools

import pytest
import torch
from torch.autograd import gradcheck, gradgradcheck
from torch.func import vmap

from tnverify.norms import BY_SCHEME, InstanceNorm, MetaBN, TaskNormI
from tnverify.norms.kernels import between, cpu, dispatch, fused, plain, primitives, small, sweeps
from tnverify.tolerances import expect_close, expect_same
from tnverify.tolerances.bound import unit

SCHEMES = sorted(set(BY_SCHEME) - {"none"})
SHAPES = {
    "maps": (4, 6, 3, 4), "long maps": (3, 4, 5, 5), "one pixel": (4, 6, 1, 1), "rows": (5, 4, 7),
    "volumes": (2, 4, 2, 3, 2), "no space": (4, 6), "one item": (1, 4, 3, 3),
}  # fmt: skip
CHOICES = {
    "whole and centred": (2**17, 2**15, 0), "blocks and centred": (16, 2**15, 0),
    "whole and near": (2**17, 0, 0), "blocks and near": (16, 0, 0), "few": (2**17, 2**15, 1024),
    "fused": None,
}  # fmt: skip


@pytest.fixture(params=CHOICES.values(), ids=CHOICES)
def choice(request, monkeypatch) -> None:
    if request.param is None:
        monkeypatch.setattr(small, "FEW", 0)
        return
    block, least, few = request.param
    monkeypatch.setattr(fused, "takes", lambda x: False)
    monkeypatch.setattr(sweeps, "BLOCK", block)
    monkeypatch.setattr(between, "SMALL", least)
    monkeypatch.setattr(small, "FEW", few)


@pytest.fixture
def by_sweeps(monkeypatch) -> None:
    monkeypatch.setattr(fused, "takes", lambda x: False)


@pytest.fixture
def plain_path(monkeypatch):
    def take() -> None:
        monkeypatch.setattr(fused, "takes", lambda x: False)
        monkeypatch.setattr(small, "FEW", 0)
        monkeypatch.setattr(dispatch, "_plainly", lambda x: True)

    return take


def drawn(*shape: int, seed: int = 0, offset: float = 0.5) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator, dtype=torch.float64) + offset


def laid_out(x: torch.Tensor, memory: str) -> torch.Tensor:
    if memory == "channels last" and x.dim() == 4:
        return x.contiguous(memory_format=torch.channels_last)
    if memory == "channels last" and x.dim() == 5:
        return x.contiguous(memory_format=torch.channels_last_3d)
    return x.repeat_interleave(2, dim=-1)[..., ::2] if memory == "strided" else x


def answers(layer: torch.nn.Module, context: torch.Tensor, targets: torch.Tensor) -> list:
    """Outputs, state, and gradients by everything, of a task."""
    leaves = [x.detach().requires_grad_() for x in (context, targets)]
    outputs, state = layer.condition(leaves[0])
    came = [outputs, layer.normalize(leaves[1], state)]
    weights = [drawn(*part.shape, seed=9 + i) for i, part in enumerate(came)]
    loss = sum((w * part).sum() for w, part in zip(weights, came, strict=True))
    wanted = [*leaves, *layer.parameters()]
    grads = torch.autograd.grad(loss, wanted, allow_unused=True, materialize_grads=True)
    return [*came, *torch.utils._pytree.tree_leaves(state), *grads]


@pytest.mark.usefixtures("choice")
@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize(
    ("shape", "memory"),
    [(shape, "contiguous") for shape in SHAPES.values()]
    + [(SHAPES[name], "channels last") for name in ("maps", "long maps", "volumes")]
    + [(SHAPES[name], "strided") for name in ("maps", "rows")],
)
def test_outputs_state_and_gradients_are_those_of_the_plain_path(
    scheme, shape, memory, plain_path
) -> None:
    """In float64, to more digits than float32 has."""
    options = {"per_channel": True} if scheme.startswith("tasknorm") else {}
    layer = BY_SCHEME[scheme](shape[1], unbiased=len(shape) == 3, **options).double().eval()
    with torch.no_grad():
        for i, parameter in enumerate(layer.parameters()):
            parameter.add_(drawn(*parameter.shape, seed=i, offset=0.0) / 4)
    context = laid_out(drawn(*shape), memory)
    targets = laid_out(drawn(2, *shape[1:], seed=1), memory)
    fast = answers(layer, context, targets)
    plain_path()
    for i, (a, e) in enumerate(zip(fast, answers(layer, context, targets), strict=True)):
        bound = unit(torch.float32) * (1 + e.detach().abs().max())
        expect_close(a.detach(), e.detach(), bound, f"answer {i}")
    if memory == "channels last" and min(shape[1:]) > 1:
        assert fast[0].stride() == context.stride()


@pytest.mark.usefixtures("choice")
@pytest.mark.parametrize("scheme", ["tasknorm_i", "tasknorm_l", "meta_bn", "group_norm"])
def test_every_choice_is_twice_differentiable(scheme) -> None:
    layer = BY_SCHEME[scheme](2, unbiased=True).double().eval()

    def task(context: torch.Tensor, targets: torch.Tensor, weight: torch.Tensor) -> tuple:
        outputs, state = layer.condition(context)
        return (
            outputs * weight,
            layer.normalize(targets, state),
            state.moments.var if hasattr(state, "moments") else outputs,
        )

    sets = tuple(drawn(n, 2, 3, 3, seed=n).requires_grad_() for n in (3, 2))
    inputs = (*sets, torch.ones((), dtype=torch.float64, requires_grad=True))
    torch.manual_seed(0)  # the fast mode projects on random directions
    assert gradcheck(task, inputs, fast_mode=True)
    assert gradgradcheck(task, inputs, fast_mode=True)


@pytest.mark.usefixtures("by_sweeps")
def test_moments_saved_as_intermediates_are_found_by_second_order_alone(monkeypatch) -> None:
    """Why the moments are outputs: kept otherwise, their own derivatives are lost in silence."""
    monkeypatch.setattr(small, "FEW", 0)

    def forgets(ctx, inputs, output) -> None:
        *tensors, ctx.how = inputs
        ctx.mark_non_differentiable(output[-1])
        ctx.save_for_backward(*tensors, *(part.detach().clone() for part in output[1:]))
        ctx.set_materialize_grads(False)

    layer = TaskNormI(2).double()
    context = drawn(3, 2, 2, 2).requires_grad_()
    assert gradgradcheck(lambda x: layer.condition(x)[0], context)
    monkeypatch.setattr(cpu.Normalize, "setup_context", staticmethod(forgets))
    assert gradcheck(lambda x: layer.condition(x)[0], context)
    with pytest.raises(RuntimeError, match="Jacobian mismatch"):
        gradgradcheck(lambda x: layer.condition(x)[0], context)


@pytest.mark.usefixtures("choice")
@pytest.mark.parametrize("ratio", [0, 1, 3, 8, 30, 1_000, 10_000])
@pytest.mark.parametrize("scheme", ["meta_bn", "instance_norm", "tasknorm_i", "tasknorm_l"])
def test_the_error_does_not_grow_with_the_distance_from_zero(scheme, ratio) -> None:
    """Also where the nearer values take the shorter way: a few ulps of an output everywhere."""
    layer = BY_SCHEME[scheme](4)
    sets = [drawn(8, 4, 5, 5, seed=seed, offset=ratio).float() for seed in (0, 1)]
    outputs, state = layer.condition(sets[0])
    came = torch.cat([outputs, layer.normalize(sets[1], state)])
    exact, exact_state = layer.double().condition(sets[0].double())
    expected = torch.cat([exact, layer.normalize(sets[1].double(), exact_state)])
    ulps = torch.finfo(torch.float32).eps * float(expected.detach().abs().max())
    assert (came - expected).abs().max() <= 4 * ulps


@pytest.mark.usefixtures("choice")
@pytest.mark.parametrize("scheme", ["meta_bn", "instance_norm", "layer_norm", "tasknorm_i"])
def test_other_targets_do_not_change_how_a_target_is_computed(scheme) -> None:
    """Bit for bit, however far from zero they lie."""
    layer = BY_SCHEME[scheme](4)
    _, state = layer.condition(drawn(5, 4, 5, 5).float())
    targets = drawn(6, 4, 5, 5, seed=1).float()
    others = targets.clone()
    others[1:] = others[1:] * 100 + 10_000
    expect_same(layer.normalize(others, state)[0], layer.normalize(targets, state)[0], scheme)


@pytest.mark.usefixtures("by_sweeps")
def test_near_and_far_are_told_apart(monkeypatch) -> None:
    """By the base's mean in deviations and by its share, where there is a base and no less."""
    monkeypatch.setattr(between, "SMALL", 0)
    asked = between.Between.lies_far
    found = []
    monkeypatch.setattr(
        between.Between, "lies_far", lambda *a: found.append(asked(*a)) or found[-1]
    )
    for layer, offset, far in (
        (MetaBN(3), 0, False), (MetaBN(3), 7, False), (MetaBN(3), 9, True),
        (TaskNormI(3), 0, False), (TaskNormI(3), 4, False), (TaskNormI(3), 7, True),
        (InstanceNorm(3), 0, True),
    ):  # fmt: skip
        layer.condition(drawn(50, 3, 4, 4, offset=offset).float())
        assert found[-1] is far, (layer, offset)
    for offset, far in ((0, False), (9, True)):
        layer = MetaBN(3)
        _, state = layer.condition(drawn(50, 3, 4, 4, offset=offset).float())
        asked_before = len(found)
        layer.normalize(drawn(50, 3, 4, 4, seed=1).float(), state)
        assert found[asked_before:] == [far]
    nearly_own = TaskNormI(3)
    with torch.no_grad():
        nearly_own.offset.fill_(-9.0)
    nearly_own.condition(drawn(50, 3, 4, 4, offset=0).float())
    assert found[-1]


@pytest.mark.usefixtures("choice")
@pytest.mark.parametrize("scheme", ["tasknorm_i", "tasknorm_l", "meta_bn", "reptile_norm"])
def test_tasks_and_their_parameters_nest_under_vmap(scheme) -> None:
    """Two dimensions of tasks, own weights for the outer one, shared contexts for the inner."""
    layer = BY_SCHEME[scheme](4).double().eval()
    parameters = {
        name: torch.stack([value.detach() + i / 4 for i in range(2)])
        for name, value in layer.named_parameters()
    }
    contexts, targets = drawn(2, 5, 4, 3), drawn(2, 3, 6, 4, 3, seed=1)

    def task(parameters, context, target):
        def call(context, target):
            outputs, state = layer.condition(context)
            return outputs, layer.normalize(target, state)

        with torch.nn.utils.stateless._reparametrize_module(layer, parameters):
            return call(context, target)

    inner = vmap(task, (None, None, 0))
    outputs, came = vmap(inner)(parameters, contexts, targets)
    for i, j in itertools.product(range(2), range(3)):
        own = {name: value[i] for name, value in parameters.items()}
        expected = task(own, contexts[i], targets[i, j])
        for part, e in zip((outputs[i, j], came[i, j]), expected, strict=True):
            expect_close(part, e, unit(torch.float32) * e.abs().max(), f"task {i}, {j}")


def test_batched_gradients_of_the_first_order() -> None:
    """vmap over the backward pass alone, as vectorised Jacobians take it."""
    layer, context = TaskNormI(2).double(), drawn(3, 2, 4).requires_grad_()
    outputs, _ = layer.condition(context)
    rows = torch.eye(outputs.numel(), dtype=torch.float64).view(-1, *outputs.shape)
    (together,) = torch.autograd.grad(
        outputs, context, rows, is_grads_batched=True, retain_graph=True
    )
    alone = torch.stack(
        [torch.autograd.grad(outputs, context, row, retain_graph=True)[0] for row in rows]
    )
    expect_close(together, alone, unit(torch.float32) * alone.abs().max(), "Jacobian")


def test_half_precision_is_computed_in_float32() -> None:
    for dtype in (torch.bfloat16, torch.float16):
        layer, x = TaskNormI(4), drawn(5, 4, 6, 6).to(dtype).requires_grad_()
        outputs, state = layer.condition(x)
        exact, _ = layer.condition(x.float())
        expect_same(outputs, exact.to(dtype), "outputs")
        assert state.moments.mean.dtype is torch.float32
        assert torch.autograd.grad(outputs.float().square().sum(), x)[0].dtype is dtype


@pytest.mark.usefixtures("by_sweeps")
@pytest.mark.filterwarnings(  # torch's own forward mode still scripts its decompositions
    "ignore:.torch.jit.script. is deprecated:DeprecationWarning"
)
def test_the_dispatch_takes_the_plain_path_where_the_sweeps_do_not_apply(monkeypatch) -> None:
    taken = []

    def noted(name: str, real):
        return lambda *arguments: (taken.append(name), real(*arguments))[1]

    for path, name in ((plain, "plain"), (cpu, "cpu"), (small, "small")):
        monkeypatch.setattr(path, "normalize", noted(name, path.normalize))
    layer = TaskNormI(3)
    x = drawn(4, 3, 1 + small.FEW // 12).float()
    _, state = layer.condition(x)
    layer.normalize(x[:2], state)
    layer.normalize(x[:0], state)
    torch.func.jvp(lambda c: layer.condition(c)[0], (x,), (x,))
    layer.to("meta").condition(x.to("meta"))
    assert taken == ["cpu", "small", "plain", "plain", "plain"]


@pytest.mark.usefixtures("choice")
@pytest.mark.parametrize("scheme", ["tasknorm_l", "layer_norm", "group_norm"])
@pytest.mark.parametrize("share", [-20.0, 0.0, 20.0])
def test_a_channel_of_large_values_takes_nothing_from_a_constant_one(
    scheme, share, agrees_with_the_oracle
) -> None:
    """Channels that share moments do not share the point that they are measured from."""
    layer = BY_SCHEME[scheme](4)
    with torch.no_grad():
        layer.bias.add_(0.3)
        if scheme == "tasknorm_l":
            layer.offset.fill_(share)
    sets = [drawn(n, 4, 5, 5, seed=n).float() for n in (6, 3)]
    for x in sets:
        x[:, 0] = 0.7
        x[:, 1] = x[:, 1] * 100 + 30_000
        x[:, 3] = x[:, 3] * 1_000
    agrees_with_the_oracle(layer, *sets)


def test_quick_moments_are_moments() -> None:
    """Of tiny, huge and constant values too, within what both may round."""
    x = drawn(2, 6, 5, 5).float() * torch.tensor([1e-15, 1e-3, 1.0, 1e3, 1e15, 0.0]).view(-1, 1, 1)
    quick, exact = sweeps.quick_moments(x), sweeps.moments(x.double())
    relative = unit(torch.float32) * (8 + 25)
    expect_close(quick.centre, exact.centre, relative * x.abs().amax((2, 3)), "means")
    expect_close(quick.var, exact.var, 4 * relative * exact.var + 1e-37, "variances")


@pytest.mark.parametrize(
    ("dtype", "fuses"),
    [(torch.float64, True), (torch.float32, True), (torch.bfloat16, False), (torch.float16, False)],
    ids=str,
)
def test_large_sets_are_swept_in_one_go_unless_they_are_in_half_precision(dtype, fuses) -> None:
    assert sweeps.fuses(torch.empty(1, 1, sweeps.BLOCK + 1, dtype=dtype)) is fuses
    assert sweeps.fuses(torch.empty(sweeps.BLOCK, 2, 16, dtype=dtype)) is fuses
    assert not sweeps.fuses(torch.empty(sweeps.BLOCK, 20, 15, dtype=dtype))
    assert not sweeps.fuses(torch.empty(1, 1, sweeps.BLOCK, dtype=dtype))


def test_values_lie_far_from_beyond_eight_deviations_on() -> None:
    how = between.Between(1, True, None, False, 0.0)
    at = torch.tensor([[between.FAR]], dtype=torch.float64)
    assert not how.lies_far(between.Pair(at, torch.ones_like(at)), None)
    assert how.lies_far(between.Pair(at * (1 + 1e-12), torch.ones_like(at)), None)


def test_the_middle_of_one_pixel_is_known_to_the_last_bit() -> None:
    found = sweeps.moments(drawn(2, 3, 1, 1))
    assert found.rest is not None
    assert not found.rest.any()
    assert not found.var.any()


def test_only_large_sets_that_have_a_base_may_be_computed_as_lying_near() -> None:
    large, less = torch.empty(between.SMALL), torch.empty(between.SMALL - 1)
    given = between.Pair(torch.zeros(1, 2), torch.ones(1, 2))
    batch, own = (between.Between(1, of_batch, 2, False, 1e-5) for of_batch in (True, False))
    assert batch.may_be_near(large, None)
    assert own.may_be_near(large, given)
    assert not own.may_be_near(large, None)
    assert not batch.may_be_near(less, None)
    assert not own.may_be_near(less, given)


def test_a_point_without_moments_to_take_it_from_is_a_mistake_of_the_layer() -> None:
    how = between.Between(1, False, 2, False, 1e-5)
    with pytest.raises(AssertionError, match=r"^a blend without a given base takes moments of its"):
        how.point(drawn(2, 4, 3), None, None)


def test_the_point_that_means_are_measured_from_is_a_constant() -> None:
    x = drawn(4, 3, 5).requires_grad_()
    how = between.Between(1, True, None, False, 1e-5)
    outputs, *moments, point = primitives.applied(cpu.Normalize, x, *(None,) * 5, how)
    assert outputs.requires_grad
    assert all(each.requires_grad for each in moments)
    assert not point.requires_grad


@pytest.mark.parametrize(
    ("x", "last"),
    [
        (torch.empty(2, 3, 4, 5), False),
        (torch.empty(2, 3, 4, 5).to(memory_format=torch.channels_last), True),
        (torch.empty(2, 1, 4, 5), False),  # both at once: contiguous comes first
        (torch.empty(2, 4, 3).transpose(1, 2), False),
    ],
    ids=["contiguous", "channels last", "one channel", "rows"],
)
def test_channels_are_last_where_memory_has_them_last_and_no_other_way(x, last) -> None:
    assert sweeps.channels_last(x) is last
