"""What layers compute in train mode, by their formulas: limits, conventions, running moments."""

from __future__ import annotations

import copy

import pytest
import torch

from tnverify.norms import BatchRenorm, ConventionalBN, ReptileNorm, TaskNormR, TransductiveBN
from tnverify.tolerances import expect_close
from tnverify.tolerances.bound import unit


def drawn(*shape: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator, dtype=torch.float64)


def expect_float64_alike(actual: torch.Tensor, expected: torch.Tensor, what: str) -> None:
    """Two computations in float64 that agree to more digits than float32 has."""
    bound = unit(torch.float32) * (1 + expected.detach().abs().max())
    expect_close(actual.detach(), expected.detach(), bound, what)


def with_own_affine(layer: torch.nn.Module) -> torch.nn.Module:
    with torch.no_grad():
        for i, parameter in enumerate(layer.parameters()):
            parameter.add_(drawn(*parameter.shape, seed=50 + i) / 4)
    return layer


@pytest.mark.parametrize("unbiased", [False, True], ids=["biased", "unbiased"])
@pytest.mark.parametrize("affine", [False, True], ids=["bare", "affine"])
def test_batch_renormalisation_is_ioffes_formula_within_its_limits_and_at_them(
    unbiased, affine
) -> None:
    """y = ((x - mean) / sigma r + d) weight + bias, of channels at every limit and at none."""
    layer = BatchRenorm(
        6, r_max=2.0, d_max=1.5, eps=0.1, unbiased=unbiased, affine=affine, dtype=torch.float64
    )
    with_own_affine(layer)
    layer.running_mean.copy_(torch.tensor([0.3, 0.3, 0.3, 4.0, -4.0, 0.0]))
    layer.running_var.copy_(torch.tensor([0.8, 0.01, 50.0, 0.8, 0.8, 2.0]))
    x = drawn(5, 6, 3) + 0.2
    values = x.movedim(1, 0).flatten(1)
    mean, var = values.mean(1), values.var(1, correction=int(unbiased))
    sigma, sigma_running = (var + 0.1).sqrt(), (layer.running_var + 0.1).sqrt()
    r, d = sigma / sigma_running, (mean - layer.running_mean) / sigma_running
    assert ((r > 2).any(), (r < 0.5).any(), (d > 1.5).any(), (d < -1.5).any()) == (True,) * 4
    r, d = r.clamp(0.5, 2.0), d.clamp(-1.5, 1.5)
    a, b, m, s, r, d = (
        part[:, None]
        for part in (
            layer.weight if affine else torch.ones(6),
            layer.bias if affine else torch.zeros(6),
            mean, sigma, r, d,
        )
    )  # fmt: skip
    expected = ((x - m) / s * r + d) * a + b
    kept_mean = 0.9 * layer.running_mean + 0.1 * mean
    kept_var = 0.9 * layer.running_var + 0.1 * values.var(1)
    expect_float64_alike(layer.condition(x)[0], expected, "outputs")
    expect_float64_alike(layer.running_mean, kept_mean, "running mean")
    expect_float64_alike(layer.running_var, kept_var, "running variance")
    assert layer.num_batches_tracked == 1


@pytest.mark.parametrize("kind", [ReptileNorm, TransductiveBN])
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("unbiased", [False, True], ids=["biased", "unbiased"])
def test_targets_that_are_normalised_together_are_so_by_the_convention(
    kind, training, unbiased
) -> None:
    layer = kind(3, unbiased=unbiased, dtype=torch.float64).train(training)
    _, state = layer.condition(drawn(4, 3, 2))
    targets = drawn(3, 3, 2, seed=1) + 0.5
    values = targets.movedim(1, 0).flatten(1)
    sigma = (values.var(1, correction=int(unbiased)) + 1e-5).sqrt()
    expected = (targets - values.mean(1)[:, None]) / sigma[:, None]
    if kind is ReptileNorm and not training:
        assert not torch.allclose(layer.normalize(targets, state), expected)
    else:
        expect_float64_alike(layer.normalize(targets, state), expected, "targets")


@pytest.mark.parametrize("kind", [ConventionalBN, BatchRenorm, TaskNormR])
@pytest.mark.parametrize("momentum", [0.25, None])
def test_observing_moves_running_moments_as_torch_does_and_leaves_no_graph(kind, momentum) -> None:
    """By the context and then by the targets; TaskNorm-r's are those of contexts alone."""
    layer = kind(3, momentum=momentum, dtype=torch.float64).eval()
    theirs = torch.nn.BatchNorm1d(3, momentum=momentum, dtype=torch.float64)
    for seed in range(3):
        context = drawn(4, 3, 5, seed=seed).requires_grad_()
        targets = (drawn(2, 3, 5, seed=9 + seed) * 3 + 1).requires_grad_()
        layer.observe(context, targets)
        for x in (context,) if kind is TaskNormR else (context, targets):
            theirs(x)
    layer.observe(context, targets[:0])
    theirs(context)
    assert not layer.running_mean.requires_grad
    assert layer.num_batches_tracked == theirs.num_batches_tracked
    expect_float64_alike(layer.running_mean, theirs.running_mean, "running mean")
    expect_float64_alike(layer.running_var, theirs.running_var, "running variance")


@pytest.mark.parametrize("kind", [ConventionalBN, BatchRenorm, TaskNormR])
def test_observing_refuses_what_is_no_task(kind) -> None:
    layer = kind(3)
    before = copy.deepcopy(layer.state_dict())
    good, other = torch.zeros(2, 3, 2), torch.zeros(2, 4, 2)
    for context, targets in ((other, good), (good[:0], good)):
        with pytest.raises(ValueError, match=f"{kind.__name__}|no values"):
            layer.observe(context, targets)
        assert all(torch.equal(value, before[name]) for name, value in layer.state_dict().items())
    with pytest.raises(ValueError, match=f"{kind.__name__} takes"):
        layer.observe(good, other)


@pytest.mark.parametrize("unbiased", [False, True], ids=["biased", "unbiased"])
@pytest.mark.parametrize("training", [False, True])
def test_tasknorm_r_pools_the_context_with_running_moments(unbiased, training) -> None:
    """Eqs. (10), (11), of outputs from before the context moves the running moments."""
    layer = TaskNormR(3, unbiased=unbiased, dtype=torch.float64).train(training)
    with_own_affine(layer)
    layer.running_mean.copy_(torch.tensor([0.5, -2.0, 0.0]))
    layer.running_var.copy_(torch.tensor([0.5, 3.0, 1.0]))

    def pooled(size: int, values: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        alpha = torch.sigmoid(layer.scale * size + layer.offset)
        mean, var = values.mean(1), values.var(1, correction=int(unbiased))
        m = alpha * mean + (1 - alpha) * layer.running_mean
        s = alpha * (var + (mean - m) ** 2) + (1 - alpha) * (
            layer.running_var + (layer.running_mean - m) ** 2
        )
        return m[:, None], (s[:, None] + layer.eps).sqrt()

    context, targets = drawn(4, 3, 5), drawn(2, 3, 5, seed=1)
    values = context.movedim(1, 0).flatten(1)
    weight, bias = layer.weight[:, None], layer.bias[:, None]
    m, s = pooled(4, values)
    expected = (context - m) / s * weight + bias
    outputs, state = layer.condition(context)
    expect_float64_alike(outputs, expected, "context")
    m, s = pooled(4, values)
    expect_float64_alike(
        layer.normalize(targets, state), (targets - m) / s * weight + bias, "after"
    )
    assert layer.num_batches_tracked == int(training)
