"""One step of meta-training through every layer: running moments move and gradients are right."""

from __future__ import annotations

import copy

import pytest
import torch

from tnverify.norms import BY_SCHEME


def loss_of(layer: torch.nn.Module, context: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    outputs, state = layer.condition(context)
    return outputs.pow(3).sum() + layer.normalize(targets, state).pow(3).sum()


# The correction of batch renormalisation is constant to its gradient, though not to its loss.
@pytest.mark.parametrize("scheme", [s for s in BY_SCHEME if s != "batch_renorm"])
def test_the_gradient_in_training_is_the_slope(scheme: str) -> None:
    generator = torch.Generator().manual_seed(1)
    context, targets = (
        torch.randn(n, 4, 3, 3, generator=generator, dtype=torch.float64) for n in (5, 6)
    )
    # How a context moves the running moments is constant to the gradient, though not to the loss.
    still = {"momentum": 0.0} if scheme == "tasknorm_r" else {}
    layer = BY_SCHEME[scheme](4, dtype=torch.float64, **still).train()
    for name in ("running_mean", "running_var"):  # not 0 and 1, where errors could hide
        if hasattr(layer, name):
            getattr(layer, name).add_(0.3)

    def at(moved: torch.Tensor) -> torch.Tensor:
        return loss_of(copy.deepcopy(layer), moved, targets)

    (gradient,) = torch.autograd.grad(at(context.requires_grad_()), context)
    for place in range(0, context.numel(), 17):
        step = torch.zeros_like(context).detach()
        step.view(-1)[place] = 1e-4
        slope = (at(context + step) - at(context - step)).item() / 2e-4
        # The error of a central difference is of the order of the square of its step.
        assert abs(slope - gradient.view(-1)[place].item()) < 1e3 * 1e-8


@pytest.mark.parametrize("scheme", BY_SCHEME)
def test_every_parameter_has_a_gradient_in_training(scheme: str) -> None:
    generator = torch.Generator().manual_seed(2)
    context, targets = (torch.randn(n, 4, 3, 3, generator=generator) for n in (5, 6))
    layer = BY_SCHEME[scheme](4).train()
    loss_of(layer, context, targets).backward()
    for name, parameter in layer.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
