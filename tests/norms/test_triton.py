"""The Triton kernels, on a GPU or in Triton's interpreter, against everything else.

`TRITON_INTERPRET=1 pytest tests/norms/test_triton.py` needs no GPU; test_triton_interpreted
does so in every run of the tests where Triton is installed.
"""

from __future__ import annotations

import copy
import gc
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
import torch
from torch.func import functional_call, grad, vmap

from tnverify.norms import BY_SCHEME, Layer, Moments
from tnverify.norms.blend import Blend
from tnverify.norms.kernels import plain, triton_path
from tnverify.norms.kernels.triton_path import triton_available, triton_takes
from tnverify.tolerances import expect_close, expect_same
from tnverify.tolerances.bound import unit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from torch import Tensor

pytestmark = pytest.mark.skipif(
    not triton_available(), reason="needs Triton, and a GPU or TRITON_INTERPRET=1 from the start"
)
DEVICE = "cpu" if triton_path.interpreted() else "cuda"
# Triton's interpreter cuts bfloat16 off where hardware rounds it.
HALF = torch.float16 if DEVICE == "cpu" else torch.bfloat16
READS_SETS = ["transductive_bn", "layer_norm", "instance_norm", "group_norm", "reptile_norm",
              "meta_bn", "tasknorm_i", "tasknorm_l", "tasknorm_r", "conventional_bn"]  # fmt: skip
KERNELS = ["plane_moments", "normalize_set", "local_derivatives", "gather_derivatives",
           "plane_dots", "plane_affine"]  # fmt: skip
# How programs share out the work: as they would; all that is possible in one program; nothing
# read twice, and planes in several runs of pixels.
SHARES = {"usual": {}, "few": {"_ENOUGH": 1}, "many": {"_CACHED": 0, "_TILE": 8}}


def drawn(*shape: int, dtype: torch.dtype = torch.float64, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed + sum(shape))
    values = torch.randn(shape, generator=generator, dtype=torch.float64) * 2 + 1
    return values.to(DEVICE, dtype)


def built(scheme: str, channels: int = 4, **options: object) -> Layer:
    layer = BY_SCHEME[scheme](channels, **options)
    generator = torch.Generator().manual_seed(7)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.add_(0.3 * torch.randn(parameter.shape, generator=generator))
    return layer.to(DEVICE).eval()


def computing_on_the_device(layer: Layer) -> Layer:
    """The layer on the CPU, where the oracle reads it; its two calls go through the device."""
    here = copy.deepcopy(layer).cpu()

    def condition(context: Tensor) -> tuple[Tensor, object]:
        outputs, state = layer.condition(context.to(DEVICE))
        return outputs.cpu(), state

    def normalize(targets: Tensor, state: object) -> Tensor:
        return layer.normalize(targets.to(DEVICE), state).cpu()

    here.condition, here.normalize = condition, normalize
    return here


@pytest.fixture
def kernels() -> object:
    from tnverify.norms.kernels import triton_kernels

    return triton_kernels


@pytest.fixture
def layers_take_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Layers go through the Triton kernels whatever the dispatch would choose."""
    monkeypatch.setattr("tnverify.norms.layer.normalize", triton_path.normalize)
    for module in ("batch_renorm", "running", "tasknorm_r"):
        monkeypatch.setattr(f"tnverify.norms.{module}.batch_moments", triton_path.batch_moments)


def share_out(share: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from tnverify.norms.kernels import triton_launch

    for name, value in SHARES[share].items():
        monkeypatch.setattr(triton_launch, name, value)


@pytest.fixture(params=SHARES)
def shared_out(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    share_out(request.param, monkeypatch)
    return str(request.param)


@pytest.fixture
def launches(kernels: object, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the kernels launched so far, in order."""
    names: list[str] = []

    class Counted:
        def __init__(self, name: str) -> None:
            self.name, self.kernel = name, getattr(kernels, name)

        def __getitem__(self, grid: tuple[int, ...]) -> Callable[..., object]:
            names.append(self.name)
            return self.kernel[grid]  # type: ignore[no-any-return]  # Triton has no types

    for name in KERNELS:
        monkeypatch.setattr(kernels, name, Counted(name))
    return names


# -- values --------------------------------------------------------------------------------------


# The interpreter takes seconds where a GPU takes none.
@pytest.mark.parametrize("scheme", READS_SETS)
@pytest.mark.parametrize(
    ("spatial", "dtype"),
    [((), torch.float64), ((3, 5), torch.float32)]
    + [((), torch.float32), ((3, 5), torch.float64)] * (DEVICE != "cpu"),
    ids=str,
)
@pytest.mark.usefixtures("layers_take_it")
def test_agrees_with_the_oracle(agrees_with_the_oracle, scheme, spatial, dtype) -> None:
    layer = built(scheme, unbiased=bool(spatial)).to(dtype)
    context, targets = (drawn(n, 4, *spatial, dtype=dtype).cpu() for n in (3, 2))
    agrees_with_the_oracle(computing_on_the_device(layer), context, targets)


@pytest.mark.parametrize("scheme", ["tasknorm_i", "tasknorm_l", "group_norm"])
@pytest.mark.parametrize("dtype", [torch.float32, HALF], ids=str)
@pytest.mark.usefixtures("layers_take_it")
def test_agrees_with_the_oracle_however_work_is_shared_out(
    agrees_with_the_oracle, scheme, dtype, shared_out
) -> None:
    spatial = {"usual": (2, 5), "few": (3,), "many": (11,)}[shared_out]
    context, targets = (drawn(n, 4, *spatial, dtype=dtype).cpu() for n in (3, 2))
    agrees_with_the_oracle(computing_on_the_device(built(scheme)), context, targets)


@pytest.mark.parametrize("ratio", [10, 10_000])
@pytest.mark.parametrize("scheme", ["meta_bn", "tasknorm_l"])
@pytest.mark.usefixtures("layers_take_it")
def test_the_error_does_not_grow_with_the_distance_from_zero(scheme, ratio, shared_out) -> None:
    layer = built(scheme, 2)
    x, t = (drawn(4, 2, 3, 5, seed=seed) + 2 * ratio for seed in (0, 1))
    x, t = x.float(), t.float()
    outputs, state = layer.condition(x)
    wide = built(scheme, 2).double()
    exact, wide_state = wide.condition(x.double())
    error = (outputs - exact).abs().max()
    target_error = (layer.normalize(t, state) - wide.normalize(t.double(), wide_state)).abs().max()
    ulps = torch.finfo(torch.float32).eps * float(exact.detach().abs().max())
    assert max(error.item(), target_error.item()) <= 4 * ulps


def blends(channels: int) -> dict[str, tuple[Callable[..., Blend], int]]:
    """Every form of a blend: a function of base moments and alpha, and what alpha's shape is."""
    given = {
        "own": lambda base, alpha: Blend(None, channels),
        "own_layer": lambda base, alpha: Blend(None, 1, None, unbiased=True),
        "base": lambda base, alpha: Blend(base, None, None, unbiased=True),
        "batch": lambda base, alpha: Blend("batch"),
        "base_instance": lambda base, alpha: Blend(base, channels, alpha),
        "base_layer": lambda base, alpha: Blend(base, 1, alpha, unbiased=True),
        "base_groups": lambda base, alpha: Blend(base, 2, alpha),
        "by_count": lambda base, alpha: Blend(base, channels, "by count"),
        "by_count_unbiased": lambda base, alpha: Blend(base, 1, "by count", unbiased=True),
        "batch_instance": lambda base, alpha: Blend("batch", channels, alpha, unbiased=True),
        "batch_layer": lambda base, alpha: Blend("batch", 1, alpha),
        "batch_groups": lambda base, alpha: Blend("batch", 2, alpha),
    }
    return {name: (make, i % 2) for i, (name, make) in enumerate(given.items())}


ALL_WAYS = ["batch_instance", "batch_layer", "base_groups"]
SOME = ["own", "base", "batch", "base_instance", "by_count_unbiased", "batch_layer"]
"""Each part of a form at least once: the interpreter takes seconds where a GPU takes none."""


@pytest.mark.parametrize(
    ("form", "share"),
    [("batch_instance", "usual"), ("base_groups", "many"), *((form, "few") for form in SOME)]
    if DEVICE == "cpu"
    else [
        (form, share) for share in SHARES for form in (blends(4) if share == "few" else ALL_WAYS)
    ],
)
def test_derivatives_of_first_and_second_order_are_the_plain_ones(form, share, monkeypatch) -> None:
    """By everything that goes in, weights on everything that comes out, moments among it."""
    share_out(share, monkeypatch)
    make, per_channel = blends(4)[form]
    x = drawn(2, 4, 3, 3)
    base_mean, base_var = drawn(1, 4, seed=1), drawn(1, 4, seed=2).abs() + 0.5
    alpha = (drawn(4, seed=3) if per_channel else drawn(1, seed=3)[0]).sigmoid()
    inputs = [x, base_mean, base_var, alpha, drawn(4, seed=4), drawn(4, seed=5)]
    inputs = [values.requires_grad_() for values in inputs]

    def outputs(path: object) -> list[Tensor]:
        blend = make(Moments(base_mean, base_var, 18), alpha)
        y, batch = path.normalize(x, blend, *inputs[4:], 1e-3)
        return [y] if batch is None else [y, batch.mean, batch.var]

    found = []
    for path in (triton_path, plain):
        came = outputs(path)
        weights = [drawn(*out.shape, seed=9) for out in came]
        alone = torch.autograd.grad(came, inputs, weights, allow_unused=True)
        first = torch.autograd.grad(
            outputs(path), inputs, weights, create_graph=True, allow_unused=True
        )
        loss = sum(part.sin().sum() for part in first if part is not None)
        second = torch.autograd.grad(loss, inputs, allow_unused=True)
        found.append([*came, *alone, *first, *second])
    for actual, expected in zip(*found, strict=True):
        if actual is None and expected is None:
            continue
        wanted = torch.zeros_like(actual) if expected is None else expected
        got = torch.zeros_like(wanted) if actual is None else actual
        # Both round 24 values' worth of sums at each of two orders; none cancels by 1e4.
        bound = 1e4 * unit(torch.float64) * (1 + wanted.detach().abs().max())
        expect_close(got.detach(), wanted.detach(), bound, f"{form}, {share}")


class OneTask(torch.nn.Module):
    """A layer's context and target outputs, as a function of both sets."""

    def __init__(self, layer: Layer) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, context: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        outputs, state = self.layer.condition(context)
        return outputs, self.layer.normalize(targets, state)


@pytest.mark.usefixtures("layers_take_it")
def test_first_and_second_derivatives_are_right() -> None:
    """By differences, of a whole task: the target loss reaches the context."""
    model = OneTask(built("tasknorm_l", 2).double())
    names = [name for name, _ in model.named_parameters()]
    values = tuple(value.detach().clone().requires_grad_() for value in model.parameters())
    context, targets = (drawn(n, 2, 2).requires_grad_() for n in (2, 1))

    def outputs(context: Tensor, targets: Tensor, *parameters: Tensor) -> object:
        return functional_call(model, dict(zip(names, parameters, strict=True)), (context, targets))

    torch.manual_seed(0)  # the fast mode projects on random directions
    given = (context, targets, *values)
    assert torch.autograd.gradcheck(outputs, given, fast_mode=True)
    assert torch.autograd.gradgradcheck(outputs, given, fast_mode=True)


@pytest.mark.parametrize("scheme", ["meta_bn", "tasknorm_l"])
@pytest.mark.usefixtures("layers_take_it")
def test_a_batch_of_gradients_at_once(scheme) -> None:
    """`is_grads_batched`, with which torch takes the rows of a Jacobian together."""
    layer, x = built(scheme).double(), drawn(3, 4, 2, 2).requires_grad_()
    outputs, state = layer.condition(x)
    inputs = [x, *(p for p in layer.parameters())]
    made = [outputs, state.moments.var]
    weights = [drawn(2, *out.shape, seed=i) for i, out in enumerate(made)]
    how = {"retain_graph": True, "allow_unused": True}
    together = torch.autograd.grad(made, inputs, weights, is_grads_batched=True, **how)
    for row in range(2):
        alone = torch.autograd.grad(made, inputs, [part[row] for part in weights], **how)
        for actual, expected in zip(together, alone, strict=True):
            bound = 1e4 * unit(torch.float64) * (1 + expected.abs().max())
            expect_close(actual[row], expected, bound, f"gradient {row} of two")


# -- batches of tasks ----------------------------------------------------------------------------


@pytest.mark.parametrize("scheme", ["meta_bn", "tasknorm_i", "tasknorm_l"])
@pytest.mark.usefixtures("layers_take_it")
def test_tasks_of_a_batch_are_one_launch_and_keep_apart(scheme, launches) -> None:
    model = OneTask(built(scheme).double())
    contexts, targets = drawn(3, 2, 4, 2, 2), drawn(3, 1, 4, 2, 2)
    model(contexts[0], targets[0])
    of_one = len(launches)
    together = vmap(model)(contexts, targets)
    assert len(launches) == 2 * of_one
    for i, parts in enumerate(zip(*together, strict=True)):
        for actual, expected in zip(parts, model(contexts[i], targets[i]), strict=True):
            bound = 1e3 * unit(torch.float64)
            expect_close(actual.detach(), expected.detach(), bound, f"task {i} of three")


@pytest.mark.usefixtures("layers_take_it")
def test_gradients_of_each_task_and_of_all() -> None:
    """vmap of grad, grad of vmap, and parameters of each task's own (a step of MAML each)."""
    model = OneTask(built("tasknorm_i", 2).double())
    contexts, targets = drawn(2, 2, 2, 3), drawn(2, 1, 2, 3)
    parameters = dict(model.named_parameters())

    def loss(parameters: dict[str, Tensor], context: Tensor, targets: Tensor) -> Tensor:
        outputs = functional_call(model, parameters, (context, targets))
        return sum((part**3).sum() for part in outputs)

    def adapted(parameters: dict[str, Tensor], context: Tensor, targets: Tensor) -> Tensor:
        steps = grad(loss)(parameters, context, targets)
        stepped = {name: value - 0.1 * steps[name] for name, value in parameters.items()}
        return loss(stepped, context, targets)

    each = vmap(grad(adapted), (None, 0, 0))(parameters, contexts, targets)
    total = grad(lambda p: vmap(adapted, (None, 0, 0))(p, contexts, targets).sum())(parameters)
    alone = [grad(adapted)(parameters, *task) for task in zip(contexts, targets, strict=True)]
    for name, values in each.items():
        wanted = torch.stack([own[name] for own in alone]).detach()
        bound = 1e5 * unit(torch.float64) * (1 + wanted.abs().max())
        expect_close(values.detach(), wanted, bound, f"{name} of each task")
        expect_close(total[name].detach(), wanted.sum(0), 2 * bound, f"{name} of all tasks")


# -- cost ----------------------------------------------------------------------------------------

FORWARD = {
    # scheme: launches of a context pass, of a target pass; the last column where work is split
    "instance_norm": (1, 1, 1), "layer_norm": (1, 1, 2), "meta_bn": (1, 1, 2),
    "tasknorm_i": (1, 1, 2), "tasknorm_l": (1, 1, 2), "group_norm": (2, 2, 2),
}  # fmt: skip


@pytest.mark.parametrize("scheme", FORWARD)
@pytest.mark.usefixtures("layers_take_it")
def test_launches_are_few(scheme, launches, monkeypatch) -> None:
    """One forward where a plane, channel or item fits a program, else two; two backward."""
    from tnverify.norms.kernels import triton_launch

    layer, x = built(scheme), drawn(2, 4, 3, dtype=torch.float32).requires_grad_()
    outputs, state = layer.condition(x)
    context = len(launches)
    outputs.sum().backward()
    assert len(launches) - context == 2
    launches.clear()
    layer.normalize(x, state)
    targets = len(launches)
    monkeypatch.setattr(triton_launch, "_CACHED", 0)
    launches.clear()
    layer.condition(x)
    assert (context, targets, len(launches)) == FORWARD[scheme]


@contextmanager
def kept() -> Iterator[list[Tensor]]:
    """The tensors that are kept for backward inside, each storage once."""
    found: dict[int, Tensor] = {}

    def keep(values: Tensor) -> Tensor:
        found.setdefault(values.untyped_storage().data_ptr(), values)
        return values

    tensors: list[Tensor] = []
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda values: values):
        yield tensors
    tensors.extend(found.values())


@pytest.mark.parametrize("scheme", ["meta_bn", "tasknorm_i", "tasknorm_l"])
@pytest.mark.usefixtures("layers_take_it")
def test_one_activation_is_kept_for_backward(scheme) -> None:
    x = drawn(4, 4, 32, 32, dtype=torch.float32).requires_grad_()
    gc.collect()
    with kept() as tensors:
        outputs, _ = built(scheme).condition(x)
    size = sum(values.untyped_storage().nbytes() for values in tensors)
    assert outputs.requires_grad
    assert size <= 1.05 * x.nbytes


# -- layouts -------------------------------------------------------------------------------------


@pytest.mark.parametrize("scheme", ["tasknorm_i", "tasknorm_l"])
@pytest.mark.parametrize("spatial", [(3, 2), (2, 1, 3)], ids=str)
@pytest.mark.usefixtures("layers_take_it")
def test_channels_last_is_read_as_it_lies_and_kept(scheme, spatial, shared_out) -> None:
    memory = torch.channels_last if len(spatial) == 2 else torch.channels_last_3d
    layer, x = built(scheme, 2), drawn(2, 2, *spatial, dtype=torch.float32)
    expected, _ = layer.condition(x)
    last = x.contiguous(memory_format=memory).requires_grad_()
    outputs, _ = layer.condition(last)
    assert outputs.is_contiguous(memory_format=memory)
    expect_close(outputs.detach(), expected.detach(), 64 * unit(torch.float32), "channels last")
    weights = drawn(*x.shape, dtype=torch.float32, seed=1)
    (actual,) = torch.autograd.grad(outputs, last, weights)
    assert actual.is_contiguous(memory_format=memory)
    plainly = x.clone().requires_grad_()
    (wanted,) = torch.autograd.grad(layer.condition(plainly)[0], plainly, weights)
    expect_close(actual, wanted, 256 * unit(torch.float32) * wanted.abs().max(), "its gradient")


@pytest.mark.usefixtures("layers_take_it")
def test_any_strides_give_the_same() -> None:
    layer, x = built("tasknorm_i").double(), drawn(3, 4, 5, 2)
    expected, _ = layer.condition(x)
    padded = torch.zeros(6, 4, 5, 4, dtype=x.dtype, device=DEVICE)
    padded[::2, :, :, 1:3] = x
    turned = x.movedim(-1, 0).contiguous().movedim(0, -1)
    for given in (padded[::2, :, :, 1:3], turned):
        assert not given.is_contiguous()
        expect_same(layer.condition(given)[0], expected, "another layout in memory")
    wide = x[:, :, :1, :1].expand(3, 4, 5, 2)
    expect_same(
        layer.condition(wide)[0], layer.condition(wide.contiguous())[0], "an expanded input"
    )


@pytest.mark.usefixtures("layers_take_it")
def test_dtypes_of_parameters_and_input_may_differ() -> None:
    layer, x = built("tasknorm_i"), drawn(3, 4, 5, dtype=HALF).requires_grad_()
    outputs, state = layer.condition(x)
    outputs.float().square().sum().backward()
    assert (outputs.dtype, x.grad.dtype) == (HALF, HALF)
    assert all(p.grad.dtype == torch.float32 for p in layer.parameters())
    assert state.moments.mean.dtype == torch.float32


def test_what_it_does_not_take_goes_elsewhere() -> None:
    x = drawn(3, 4, 5, dtype=torch.float32)
    assert triton_takes(x)
    assert not triton_takes(x[:0])
    assert not triton_takes(x.to("meta"))
    assert not triton_takes(x.long())


@pytest.mark.skipif(DEVICE != "cuda", reason="needs a GPU with 16 GB free")
@pytest.mark.usefixtures("layers_take_it")
def test_values_beyond_two_to_the_31_are_reached() -> None:
    if torch.cuda.mem_get_info()[0] < 16 * 2**30:
        pytest.skip("needs 16 GB free on the GPU")
    layer, last = built("instance_norm", 1024).half(), drawn(1, 1024, 32, 32, dtype=torch.float16)
    x = torch.zeros(2100, 1024, 32, 32, dtype=torch.float16, device=DEVICE)
    x[-1:] = last
    expect_same(layer.condition(x)[0][-1:], layer.condition(last)[0], "the last item")
