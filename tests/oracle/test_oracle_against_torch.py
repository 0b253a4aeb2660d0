"""The oracle against torch where they must be equal, within the bound for torch's rounding."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional

from tnverify.oracle import Moments, SetAnswer, answer
from tnverify.tolerances import rounding_bound, unit

SHAPES = [(2, 3, 4), (2, 4, 3, 2), (5, 2, 3, 3, 2)]
WEIGHT, BIAS = [0.5, -2.0, 0.0, 3.0], [0.25, 1.0, -1.0, 0.0]


def drawn(shape: tuple[int, ...], seed: int) -> np.ndarray:
    return 3.0 + np.random.default_rng(seed).normal(size=shape)


def parameters(channels: int) -> tuple[torch.Tensor, torch.Tensor]:
    return (
        torch.tensor(WEIGHT[:channels], dtype=torch.float64),
        torch.tensor(BIAS[:channels], dtype=torch.float64),
    )


def assert_within_rounding(ours: SetAnswer, theirs: torch.Tensor) -> None:
    channels = theirs.shape[1]
    bound = rounding_bound(
        ours, weight=WEIGHT[:channels], bias=BIAS[:channels], unit=unit(torch.float64)
    )
    assert ours.outputs.shape == tuple(theirs.shape)
    assert (np.abs(ours.outputs - theirs.numpy()) <= bound).all()
    # The bound is small, so that the line above can fail: far below one part in 1e9.
    assert (bound <= 1e-9 * (1 + np.abs(ours.outputs))).all()


@pytest.mark.parametrize("shape", SHAPES)
def test_instance_norm_is_torchs(shape: tuple[int, ...]) -> None:
    x, t = drawn(shape, 1), drawn((3, *shape[1:]), 2)
    weight, bias = parameters(shape[1])
    ours = answer("instance_norm", x, t, weight=weight.numpy(), bias=bias.numpy())
    for part, values in ((ours.context, x), (ours.targets, t)):
        assert_within_rounding(
            part, functional.instance_norm(torch.from_numpy(values), weight=weight, bias=bias)
        )


@pytest.mark.parametrize("shape", [(3, 4), *SHAPES])
def test_layer_norm_is_torchs_over_channels_and_space(shape: tuple[int, ...]) -> None:
    x, t = drawn(shape, 3), drawn((3, *shape[1:]), 4)
    weight, bias = parameters(shape[1])
    ours = answer("layer_norm", x, t, weight=weight.numpy(), bias=bias.numpy())
    wide = (-1, *(1,) * (len(shape) - 2))
    for part, values in ((ours.context, x), (ours.targets, t)):
        theirs = functional.layer_norm(
            torch.from_numpy(values),
            shape[1:],
            weight.view(wide).expand(shape[1:]),
            bias.view(wide).expand(shape[1:]),
        )
        assert_within_rounding(part, theirs)


@pytest.mark.parametrize("groups", [1, 2, 4])
def test_group_norm_is_torchs(groups: int) -> None:
    x, t = drawn((3, 4, 2, 3), 5), drawn((2, 4, 2, 3), 6)
    weight, bias = parameters(4)
    ours = answer("group_norm", x, t, weight=weight.numpy(), bias=bias.numpy(), groups=groups)
    for part, values in ((ours.context, x), (ours.targets, t)):
        theirs = functional.group_norm(torch.from_numpy(values), groups, weight, bias)
        assert_within_rounding(part, theirs)


@pytest.mark.parametrize("shape", [(3, 4), *SHAPES])
def test_batch_schemes_are_torchs_in_training(shape: tuple[int, ...]) -> None:
    x, t = drawn(shape, 7), drawn((4, *shape[1:]), 8)
    weight, bias = parameters(shape[1])

    def batch(values: np.ndarray) -> torch.Tensor:
        return functional.batch_norm(
            torch.from_numpy(values), None, None, weight, bias, training=True
        )

    transductive = answer("transductive_bn", x, t, weight=weight.numpy(), bias=bias.numpy())
    assert_within_rounding(transductive.context, batch(x))
    assert_within_rounding(transductive.targets, batch(t))
    reptile = answer("reptile_norm", x, t, weight=weight.numpy(), bias=bias.numpy())
    assert_within_rounding(reptile.context, batch(x))
    alone = torch.cat([batch(np.concatenate([x, t[i : i + 1]]))[-1:] for i in range(len(t))])
    assert_within_rounding(reptile.targets, alone)


def test_conventional_bn_is_torchs_in_evaluation() -> None:
    x, t = drawn((3, 3, 2, 2), 9), drawn((2, 3, 2, 2), 10)
    weight, bias = parameters(3)
    mean, var = torch.tensor([3.0, 2.0, 4.0]).double(), torch.tensor([1.0, 0.5, 2.0]).double()
    ours = answer(
        "conventional_bn",
        x,
        t,
        weight=weight.numpy(),
        bias=bias.numpy(),
        running=Moments(mean.numpy(), var.numpy()),
    )
    for part, values in ((ours.context, x), (ours.targets, t)):
        theirs = functional.batch_norm(torch.from_numpy(values), mean, var, weight, bias)
        assert_within_rounding(part, theirs)


def test_unbiased_variances_are_torchs() -> None:
    x = drawn((3, 2, 2, 3), 11)
    tensor, few = torch.from_numpy(x), 20 * unit(torch.float64)
    for scheme, dims in (
        ("meta_bn", (0, 2, 3)),
        ("instance_norm", (2, 3)),
        ("layer_norm", (1, 2, 3)),
    ):
        ours = answer(scheme, x, x, variance="unbiased").context.var
        theirs = tensor.var(dims, keepdim=True).expand(3, 2, 1, 1).numpy()
        assert (np.abs(ours - theirs) <= few * np.abs(ours)).all(), scheme


def test_the_authors_formulation_is_tasknorm_i() -> None:
    """Eqs. (10), (11) written as tensors, unbiased as in the authors' code."""
    x, t = drawn((4, 3, 2, 2), 12), drawn((3, 3, 2, 2), 13)
    context, targets = torch.from_numpy(x), torch.from_numpy(t)
    alpha = torch.sigmoid(torch.tensor(0.25 * 4 - 0.5, dtype=torch.float64))
    var, mean = torch.var_mean(context, (0, 2, 3), keepdim=True)
    own_var, own_mean = torch.var_mean(targets, (2, 3), keepdim=True)
    pooled = alpha * mean + (1 - alpha) * own_mean
    spread = alpha * (var + (mean - pooled) ** 2)
    spread = spread + (1 - alpha) * (own_var + (own_mean - pooled) ** 2)
    theirs = (targets - pooled) / torch.sqrt(spread + 1e-5)
    ours = answer("tasknorm_i", x, t, alpha=alpha.item(), variance="unbiased").targets
    bound = rounding_bound(
        ours, weight=None, bias=None, unit=unit(torch.float64), scale=0.25, offset=-0.5, size=4
    )
    assert (np.abs(ours.outputs - theirs.numpy()) <= bound).all()
