"""Every reference layer against the oracle, against torch, and where it refuses."""

from __future__ import annotations

import copy
import pickle

import pytest
import torch
from torch import nn

from tnverify.contract import SCHEMES, Norm, Observer
from tnverify.norms import (
    BY_SCHEME,
    BatchRenorm,
    ConventionalBN,
    GroupNorm,
    InstanceNorm,
    LayerNorm,
    MetaBN,
    NotConditionedError,
    ReptileNorm,
    TaskNormI,
    TaskNormR,
    TransductiveBN,
)
from tnverify.tolerances import expect_close, expect_same
from tnverify.tolerances.bound import unit

SPATIAL = [(), (5,), (3, 4), (1, 1), (2, 3, 2)]
schemes = pytest.mark.parametrize("scheme", BY_SCHEME)


def drawn(*shape: int, dtype: torch.dtype = torch.float64, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed + sum(shape))
    return (torch.randn(shape, generator=generator, dtype=torch.float64) * 2 + 1).to(dtype)


def built(scheme: str, channels: int = 4, **options: object) -> nn.Module:
    """A layer in eval mode with parameters and running moments that are not the first ones."""
    layer = BY_SCHEME[scheme](channels, **options)
    generator = torch.Generator().manual_seed(7)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.add_(0.1 * torch.randn(parameter.shape, generator=generator))
    if isinstance(layer, Observer):
        layer.observe(drawn(3, channels, 2, 2, seed=1).float(), drawn(2, channels, 2, 2).float())
    return layer.eval()


def expect_rounding_apart(actual: torch.Tensor, expected: torch.Tensor) -> None:
    """Two sound computations over fewer than 100 values, kappa below 10, by the derived bound."""
    bound = 2 * unit(expected.dtype) * (8 + 100) * (1 + expected.detach().abs() + 10)
    expect_close(actual.detach(), expected.detach(), bound, "two sound computations")


def test_there_is_a_layer_for_every_scheme_of_the_paper() -> None:
    without = {"inductive", "frozen_bn", "rms_norm", "item_rms_norm", "per_pixel_layer_norm"}
    assert set(BY_SCHEME) == set(SCHEMES) - without
    assert all(isinstance(layer(3), Norm) for layer in BY_SCHEME.values())
    observers = {scheme for scheme, layer in BY_SCHEME.items() if isinstance(layer(3), Observer)}
    assert observers == {"conventional_bn", "batch_renorm", "tasknorm_r"}


@schemes
@pytest.mark.parametrize("spatial", SPATIAL, ids=str)
@pytest.mark.parametrize(
    "dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16], ids=str
)
def test_agrees_with_the_oracle(agrees_with_the_oracle, scheme, spatial, dtype) -> None:
    layer = built(scheme)
    if dtype is torch.float64:
        layer = layer.double()
    agrees_with_the_oracle(
        layer, drawn(3, 4, *spatial, dtype=dtype), drawn(2, 4, *spatial, dtype=dtype)
    )


@schemes
def test_agrees_with_the_oracle_in_the_unbiased_convention(agrees_with_the_oracle, scheme) -> None:
    agrees_with_the_oracle(built(scheme, unbiased=True).double(), drawn(3, 4, 3), drawn(2, 4, 3))


@pytest.mark.parametrize("scheme", ["tasknorm_i", "tasknorm_l", "tasknorm_r"])
@pytest.mark.parametrize("form", ["functional", "free"])
@pytest.mark.parametrize("per_channel", [False, True])
def test_alpha_has_four_forms(agrees_with_the_oracle, scheme, form, per_channel) -> None:
    layer = built(scheme, alpha=form, per_channel=per_channel).double()
    names = {name for name, _ in layer.named_parameters()} - {"weight", "bias"}
    assert names == ({"scale", "offset"} if form == "functional" else {"alpha"})
    agrees_with_the_oracle(layer, drawn(3, 4, 3), drawn(2, 4, 3))
    fresh = BY_SCHEME[scheme](4, alpha=form, per_channel=per_channel)
    assert (fresh.share(drawn(1, 4), 5) == 0.5).all()


def test_a_free_alpha_stops_at_its_limits_and_comes_back() -> None:
    layer = TaskNormI(2, alpha="free").double()
    with torch.no_grad():
        layer.alpha.fill_(1.75)
    context, targets = drawn(3, 2, 2), drawn(2, 2, 2)
    outputs = layer.normalize(targets, layer.condition(context)[1])
    meta = MetaBN(2).double()
    expect_same(outputs, meta.normalize(targets, meta.condition(context)[1]), "alpha beyond one")
    outputs.square().sum().backward()
    assert layer.alpha.grad is not None
    assert layer.alpha.grad != 0


@pytest.mark.parametrize("at", [-0.75, 0.25, 1.75])
def test_the_gradient_of_a_free_alpha_is_that_of_the_share_within_its_limits_or_not(at) -> None:
    layer = TaskNormI(2, alpha="free", per_channel=True)
    with torch.no_grad():
        layer.alpha.fill_(at)
    share = layer.share(drawn(3, 2, 2).float(), 3)
    expect_same(share.detach(), torch.full((2,), min(1.0, max(0.0, at))), "the share")
    (share * torch.tensor([2.0, -3.0])).sum().backward()
    expect_same(layer.alpha.grad, torch.tensor([2.0, -3.0]), "its gradient by alpha")


def test_a_free_alpha_below_zero_leaves_each_items_own_moments() -> None:
    layer, own = TaskNormI(2, alpha="free").double(), InstanceNorm(2).double()
    with torch.no_grad():
        layer.alpha.fill_(-0.75)
    context, targets = drawn(3, 2, 2), drawn(2, 2, 2)
    outputs = layer.normalize(targets, layer.condition(context)[1])
    expect_rounding_apart(outputs, own.normalize(targets, own.condition(context)[1]))
    outputs.pow(3).sum().backward()
    assert layer.alpha.grad is not None
    assert layer.alpha.grad != 0


@pytest.mark.parametrize("ratio", [0, 10, 100, 1_000, 10_000])
@pytest.mark.parametrize("scheme", ["meta_bn", "instance_norm", "tasknorm_i", "tasknorm_l"])
def test_the_error_does_not_grow_with_the_distance_from_zero(scheme, ratio) -> None:
    """Values are centred before anything else: a few ulps of an output, at any ratio."""
    layer = built(scheme)
    x, t = (drawn(8, 4, 6, 6, seed=seed) for seed in (0, 1))
    x, t = ((values + 2 * ratio).float() for values in (x, t))
    wide = copy.deepcopy(layer).double()
    outputs, state = layer.condition(x)
    exact, wide_state = wide.condition(x.double())
    error = (outputs - exact).abs().max()
    target_error = (layer.normalize(t, state) - wide.normalize(t.double(), wide_state)).abs().max()
    ulps = torch.finfo(torch.float32).eps * float(exact.detach().abs().max())
    assert max(error.item(), target_error.item()) <= 4 * ulps


def test_conventional_bn_is_torchs_own_while_training_and_after() -> None:
    ours, theirs = ConventionalBN(4), nn.BatchNorm2d(4)
    for seed in range(3):
        x = drawn(3, 4, 2, 3, dtype=torch.float32, seed=seed)
        expected = theirs(x)
        expect_rounding_apart(ours.condition(x)[0], expected)
    assert ours.state_dict().keys() == theirs.state_dict().keys()
    assert ours.num_batches_tracked == theirs.num_batches_tracked
    for name in ("running_mean", "running_var"):
        expect_rounding_apart(ours.state_dict()[name], theirs.state_dict()[name])
    expect_rounding_apart(ours.eval().condition(x)[0], theirs.eval()(x))


def test_a_plain_average_of_running_moments_is_torchs_own() -> None:
    ours, theirs = ConventionalBN(4, momentum=None), nn.BatchNorm2d(4, momentum=None)
    for seed in range(3):
        x = drawn(3, 4, 2, 3, dtype=torch.float32, seed=seed)
        ours.condition(x)
        theirs(x)
    expect_rounding_apart(ours.running_var, theirs.running_var)
    expect_rounding_apart(ours.running_mean, theirs.running_mean)


def test_own_moments_are_torchs_own() -> None:
    x = drawn(3, 4, 2, 3)
    for ours, theirs in (
        (InstanceNorm(4), nn.InstanceNorm2d(4)),
        (LayerNorm(4), nn.LayerNorm([4, 2, 3])),
        (GroupNorm(4, num_groups=2), nn.GroupNorm(2, 4)),
    ):
        expect_rounding_apart(ours.double().condition(x)[0], theirs.double()(x))


def test_reptile_norm_is_tasknorm_i_with_its_own_alpha() -> None:
    """alpha = n / (n + 1), target outputs, biased variance, equal spatial shapes (FACTS 1.3)."""
    reptile, task_norm = ReptileNorm(4).double().eval(), TaskNormI(4, alpha="free").double()
    context, targets = drawn(5, 4, 3, 3), drawn(2, 4, 3, 3)
    with torch.no_grad():
        task_norm.alpha.fill_(5 / 6)
    expect_rounding_apart(
        reptile.normalize(targets, reptile.condition(context)[1]),
        task_norm.normalize(targets, task_norm.condition(context)[1]),
    )


def test_reptile_norm_is_the_union_of_context_and_target() -> None:
    """Also where their maps differ in size."""
    layer = ReptileNorm(1, affine=False, eps=0.0).double().eval()
    context, target = drawn(2, 1, 3), drawn(1, 1, 5)
    union = torch.cat([context.flatten(), target.flatten()])
    expected = (target - union.mean()) / union.var(correction=0).sqrt()
    expect_rounding_apart(layer.normalize(target, layer.condition(context)[1]), expected)


def test_reptile_norm_trains_as_transductive_bn() -> None:
    context, targets = drawn(3, 4, 2), drawn(2, 4, 2)
    outputs = []
    for layer in (ReptileNorm(4), TransductiveBN(4)):
        _, state = layer.double().train().condition(context)
        outputs.append(layer.normalize(targets, state))
    expect_same(*outputs, "targets in train mode")


@pytest.mark.parametrize("layer", [ConventionalBN, BatchRenorm, TaskNormR])
def test_only_meta_training_moves_running_moments(layer) -> None:
    norm = layer(4).eval()
    before = copy.deepcopy(norm.state_dict())
    x, t = drawn(3, 4, 2, dtype=torch.float32), drawn(2, 4, 2, dtype=torch.float32)
    norm.normalize(t, norm.condition(x)[1])
    assert all(torch.equal(value, before[name]) for name, value in norm.state_dict().items())
    observed, trained = copy.deepcopy(norm), copy.deepcopy(norm).train()
    observed.observe(x, t)
    trained.normalize(t, trained.condition(x)[1])
    assert not torch.equal(observed.running_mean, norm.running_mean)
    for name, value in observed.state_dict().items():
        expect_same(trained.state_dict()[name], value, name)
    trained.normalize(t[:0], trained.condition(x)[1])
    assert all(value.isfinite().all() for value in trained.state_dict().values())


def test_batch_renorm_trains_towards_the_running_moments() -> None:
    """Within its limits the correction undoes the batch's moments: y is as with running ones."""
    x = drawn(4, 4, 3, 3, dtype=torch.float32)
    near, far = BatchRenorm(4, r_max=1e3, d_max=1e3), BatchRenorm(4, r_max=1.0, d_max=0.0)
    at_test = copy.deepcopy(near).eval().condition(x)[0]
    expect_rounding_apart(near.condition(x)[0], at_test)
    expect_rounding_apart(far.condition(x)[0], nn.BatchNorm2d(4)(x))


def test_group_norm_has_groups_of_two_or_more() -> None:
    found = {channels: GroupNorm(channels).num_groups for channels in (1, 2, 3, 4, 6, 64, 512)}
    assert found == {1: 1, 2: 1, 3: 1, 4: 2, 6: 3, 64: 32, 512: 32}
    with pytest.raises(ValueError, match="num_groups is 3: it must divide the 4 channels"):
        GroupNorm(4, num_groups=3)


@schemes
def test_refuses_targets_before_a_context(scheme) -> None:
    layer = built(scheme)
    for state in (None, (1, 2), layer):
        with pytest.raises(NotConditionedError, match="call condition"):
            layer.normalize(drawn(2, 4, 2, dtype=torch.float32), state)


@schemes
def test_refuses_what_is_not_a_context(scheme) -> None:
    layer = built(scheme)
    with pytest.raises(ValueError, match="no values to take moments over"):
        layer.condition(drawn(0, 4, 2, 2))
    with pytest.raises(ValueError, match="takes \\(items, 4 channels"):
        layer.condition(drawn(2, 3, 2, 2))
    with pytest.raises(ValueError, match="floating-point"):
        layer.condition(torch.ones(2, 4, dtype=torch.long))


def test_refuses_the_state_of_another_layer() -> None:
    _, state = TaskNormI(3).condition(drawn(2, 3))
    with pytest.raises(ValueError, match="context with 3 channels, the targets have 4"):
        TaskNormI(4).normalize(drawn(2, 4), state)


@schemes
def test_no_targets_give_no_outputs(scheme) -> None:
    for layer in (built(scheme), built(scheme).train()):
        _, state = layer.condition(drawn(3, 4, 2, 2, dtype=torch.float32))
        assert layer.normalize(torch.zeros(0, 4, 2, 2), state).shape == (0, 4, 2, 2)


@schemes
def test_without_affine_there_are_no_such_parameters(scheme, agrees_with_the_oracle) -> None:
    layer = built(scheme, affine=False).double()
    assert not {"weight", "bias"} & {name for name, _ in layer.named_parameters()}
    agrees_with_the_oracle(layer, drawn(3, 4, 3), drawn(2, 4, 3))


@schemes
def test_task_state_is_tensors_that_survive_copying_and_pickling(scheme) -> None:
    layer = built(scheme)
    targets = drawn(2, 4, 2, dtype=torch.float32)
    with torch.no_grad():
        _, state = layer.condition(drawn(3, 4, 2, dtype=torch.float32))
        expected = layer.normalize(targets, state)
        leaves = torch.utils._pytree.tree_leaves(state)
        assert leaves
        assert all(isinstance(leaf, torch.Tensor) for leaf in leaves)
        for other in (copy.deepcopy(state), pickle.loads(pickle.dumps(state))):  # noqa: S301 - ours
            expect_same(layer.normalize(targets, other), expected, scheme)


@schemes
def test_memory_formats_and_strides_do_not_matter(scheme, agrees_with_the_oracle) -> None:
    layer = built(scheme).double()
    x, t = drawn(3, 4, 4, 6), drawn(2, 4, 4, 6)
    channels_last = torch.channels_last
    agrees_with_the_oracle(
        layer, x.contiguous(memory_format=channels_last), t.contiguous(memory_format=channels_last)
    )
    agrees_with_the_oracle(layer, x[:, :, ::2, 1:], t[:, :, ::2, 1:])
    agrees_with_the_oracle(layer, x[:1].expand(3, 4, 4, 6), t[:, :, :, :1].expand(2, 4, 4, 6))
    outputs, _ = layer.condition(x.contiguous(memory_format=channels_last))
    assert outputs.is_contiguous(memory_format=channels_last)
