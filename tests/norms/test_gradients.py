"""First and second derivatives of every scheme, by context, targets and parameters."""

from __future__ import annotations

import pytest
import torch
from samples import each as sampled
from torch.func import functional_call

from tnverify.norms import BY_SCHEME


class OneTask(torch.nn.Module):
    """A layer's context and target outputs, as a function of both sets."""

    def __init__(self, layer: torch.nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, context: torch.Tensor, targets: torch.Tensor) -> tuple[torch.Tensor, ...]:
        outputs, state = self.layer.condition(context)
        return outputs, self.layer.normalize(targets, state)


def task(*spatial: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(3)
    shapes = ((3, 2, *spatial), (2, 2, *spatial))
    return tuple(
        (torch.randn(s, generator=generator, dtype=torch.double) + 0.5).requires_grad_()
        for s in shapes
    )


@pytest.mark.parametrize("scheme", BY_SCHEME)
@pytest.mark.parametrize("spatial", sampled([(2, 2), (), (3,)], 3), ids=str)
@pytest.mark.parametrize("unbiased", [False, True], ids=["biased", "unbiased"])
def test_first_and_second_derivatives_are_right(scheme, spatial, unbiased) -> None:
    model = OneTask(BY_SCHEME[scheme](2, unbiased=unbiased).double().eval())
    names = [name for name, _ in model.named_parameters()]
    values = tuple((value.detach() + 0.25).requires_grad_() for value in model.parameters())

    def outputs(context: torch.Tensor, targets: torch.Tensor, *parameters: torch.Tensor) -> object:
        return functional_call(model, dict(zip(names, parameters, strict=True)), (context, targets))

    assert torch.autograd.gradcheck(outputs, (*task(*spatial), *values))
    assert torch.autograd.gradgradcheck(outputs, (*task(*spatial), *values))


@pytest.mark.parametrize("scheme", ["conventional_bn", "batch_renorm", "reptile_norm"])
def test_meta_training_is_differentiable_too(scheme) -> None:
    """By the layer's definition: batch renormalisation holds its correction constant."""
    context, targets = task(2, 2)
    layer = BY_SCHEME[scheme](2).double().train()
    model = OneTask(layer)
    outputs = torch.cat([part.flatten() for part in model(context, targets)])
    found = torch.autograd.grad(outputs.square().sum(), (context, targets, *layer.parameters()))
    assert all(grad.isfinite().all() for grad in found)
    if scheme != "batch_renorm":
        assert torch.autograd.gradcheck(model, (context, targets))


@pytest.mark.parametrize("scheme", ["meta_bn", "tasknorm_i", "tasknorm_l", "reptile_norm"])
def test_the_target_loss_reaches_the_context(scheme) -> None:
    context, targets = task(2, 2)
    _, outputs = OneTask(BY_SCHEME[scheme](2).double().eval())(context, targets)
    (grad,) = torch.autograd.grad(outputs.square().sum(), context)
    assert grad.abs().amax((1, 2, 3)).gt(0).all()


@pytest.mark.parametrize("scheme", BY_SCHEME)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16], ids=str)
def test_gradients_stay_finite_on_constant_input(scheme, dtype) -> None:
    context = torch.full((3, 2, 2, 2), 0.1, dtype=dtype, requires_grad=True)
    targets = torch.full((2, 2, 2, 2), 0.1, dtype=dtype, requires_grad=True)
    layer = BY_SCHEME[scheme](2).eval()
    outputs = torch.cat(OneTask(layer)(context, targets))
    assert outputs.isfinite().all()
    first = torch.autograd.grad(
        outputs.float().square().sum(), (context, targets), create_graph=True, allow_unused=True
    )
    assert all(grad.isfinite().all() for grad in first if grad is not None)
    second = torch.autograd.grad(
        sum(grad.float().square().sum() for grad in first if grad is not None),
        (context, targets), allow_unused=True,
    )  # fmt: skip
    assert all(grad.isfinite().all() for grad in second if grad is not None)
    assert all(grad.dtype == dtype for grad in first if grad is not None)
