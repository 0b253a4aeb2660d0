"""Converting a network keeps what the new scheme has a use for."""

from __future__ import annotations

import pytest
import torch
from networks_to_convert import conv4, small_resnet
from torch import nn

from tnverify.norms import BY_SCHEME, ConventionalBN, GroupNorm, Layer, TaskNormI, convert

REPLACEABLE = {
    "BatchNorm1d": nn.BatchNorm1d(4), "BatchNorm2d": nn.BatchNorm2d(4),
    "BatchNorm3d": nn.BatchNorm3d(4), "SyncBatchNorm": nn.SyncBatchNorm(4),
    "InstanceNorm1d": nn.InstanceNorm1d(4), "InstanceNorm2d": nn.InstanceNorm2d(4, affine=True),
    "InstanceNorm3d": nn.InstanceNorm3d(4), "GroupNorm": nn.GroupNorm(2, 4),
}  # fmt: skip


@pytest.mark.parametrize("old", REPLACEABLE.values(), ids=REPLACEABLE)
def test_every_kind_is_replaced(old) -> None:
    network = nn.Sequential(nn.Linear(2, 2), nn.Sequential(old))
    assert convert(network, "tasknorm_l") is network
    new = network[1][0]
    assert type(new) is BY_SCHEME["tasknorm_l"]
    assert (new.channels, new.eps) == (4, old.eps)
    assert new.weight is old.weight
    assert new.bias is old.bias
    assert type(convert(old, "meta_bn")) is BY_SCHEME["meta_bn"]


@pytest.mark.parametrize("make", [conv4, small_resnet])
def test_nothing_is_left_and_parameters_are_the_same_objects(make) -> None:
    network = make()
    before = dict(network.named_parameters())
    old = sum(isinstance(m, nn.BatchNorm2d) for m in network.modules())
    convert(network, "tasknorm_i")
    assert not any(isinstance(m, nn.BatchNorm2d) for m in network.modules())
    assert sum(isinstance(m, TaskNormI) for m in network.modules()) == old
    after = dict(network.named_parameters())
    assert all(after[name] is parameter for name, parameter in before.items())
    assert {name.rpartition(".")[2] for name in after.keys() - before} == {"scale", "offset"}


def test_running_moments_momentum_and_training_flags_are_kept() -> None:
    old = nn.BatchNorm2d(4, eps=1e-3, momentum=0.3)
    old(torch.randn(3, 4, 2, 2, generator=torch.Generator().manual_seed(0)))
    old.eval()
    old.weight.requires_grad_(False)
    new = convert(nn.Sequential(old).train(False), "conventional_bn")[0]
    assert isinstance(new, ConventionalBN)
    assert (new.eps, new.momentum, new.training) == (1e-3, 0.3, False)
    assert not new.weight.requires_grad
    for name, value in old.state_dict().items():
        assert torch.equal(new.state_dict()[name], value)
    x = torch.randn(3, 4, 2, 2)
    torch.testing.assert_close(new.condition(x)[0], old(x), rtol=0, atol=1e-5)


def test_dtype_and_device_are_kept() -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4), nn.InstanceNorm2d(4))
    convert(network.to("meta", torch.bfloat16), "tasknorm_i", per_channel=True)
    for tensor in network.state_dict().values():
        assert (tensor.device.type, tensor.dtype) == ("meta", torch.bfloat16)


def test_a_shared_layer_stays_shared() -> None:
    shared = nn.BatchNorm1d(4)
    block = nn.Sequential(shared)
    network = nn.ModuleDict({"a": shared, "b": shared, "c": block, "d": block})
    convert(network, "tasknorm_i")
    layers = [network["a"], network["b"], network["c"][0], network["d"][0]]
    assert isinstance(layers[0], TaskNormI)
    assert all(layer is layers[0] for layer in layers)


def test_options_go_to_every_layer_and_win() -> None:
    network = convert(conv4(), "tasknorm_i", alpha="free", eps=0.5, unbiased=True)
    layers = [m for m in network.modules() if isinstance(m, Layer)]
    assert len(layers) == 4
    assert all(m.alpha is not None and m.eps == 0.5 and m.unbiased for m in layers)


def test_groups_and_a_missing_affine_are_kept() -> None:
    new = convert(nn.GroupNorm(2, 8, affine=False), "group_norm")
    assert isinstance(new, GroupNorm)
    assert (new.num_groups, new.weight, new.bias) == (2, None, None)


def test_an_affine_that_is_asked_for_wins_over_that_of_the_old_layer() -> None:
    new = convert(nn.BatchNorm2d(4), "meta_bn", affine=False)
    assert (new.weight, new.bias) == (None, None)
    new = convert(nn.BatchNorm2d(4, affine=False), "meta_bn", affine=True)
    assert torch.equal(new.weight, torch.ones(4))
    assert torch.equal(new.bias, torch.zeros(4))


def test_a_momentum_that_is_asked_for_wins_over_that_of_the_old_layer() -> None:
    for old, options, expected in (
        (0.3, {}, 0.3), (0.3, {"momentum": 0.5}, 0.5), (None, {}, None),
        (0.3, {"momentum": None}, None),
    ):  # fmt: skip
        new = convert(nn.BatchNorm2d(4, momentum=old), "conventional_bn", **options)
        assert new.momentum == expected


def test_refusals_leave_the_network_as_it_was() -> None:
    network = nn.Sequential(nn.BatchNorm2d(4), nn.LazyBatchNorm2d())
    with pytest.raises(ValueError, match="does not know its channels yet"):
        convert(network, "meta_bn")
    assert isinstance(network[0], nn.BatchNorm2d)
    with pytest.raises(ValueError, match="unknown scheme 'tasknorm_j': did you mean"):
        convert(network, "tasknorm_j")
