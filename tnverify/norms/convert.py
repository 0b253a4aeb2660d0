"""Replacing a network's normalisation layers by those of one scheme."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torch import nn

from tnverify.contract.claims import nearest
from tnverify.norms.running import RunningLayer
from tnverify.norms.schemes import BY_SCHEME

if TYPE_CHECKING:
    import torch

    from tnverify.norms.layer import Layer

Lazy = (
    nn.LazyBatchNorm1d | nn.LazyBatchNorm2d | nn.LazyBatchNorm3d
    | nn.LazyInstanceNorm1d | nn.LazyInstanceNorm2d | nn.LazyInstanceNorm3d
)  # fmt: skip
Replaceable = (
    nn.BatchNorm1d | nn.BatchNorm2d | nn.BatchNorm3d | nn.SyncBatchNorm | nn.InstanceNorm1d
    | nn.InstanceNorm2d | nn.InstanceNorm3d | nn.GroupNorm
)  # fmt: skip


def convert(network: nn.Module, scheme: str, **options: Any) -> nn.Module:
    """`network` with its BatchNorm, SyncBatchNorm, InstanceNorm and GroupNorm layers replaced.

        tasks = TaskNetwork(convert(network, "tasknorm_i"))

    Layers are replaced in place and the network is returned, as by torch's own
    `convert_sync_batchnorm` (of a network that is one such layer, its replacement is). Each
    replacement takes over the very weight and bias, so optimisers and tied parameters stay
    valid, eps, device, dtype and the training flag, and where the scheme keeps them the running
    moments and momentum. A layer that is used in several places stays one. `options` go to the
    constructor of every layer, see `BY_SCHEME[scheme]`; they win over what is taken over.

    Raises ValueError for an unknown scheme, naming the nearest, and for a lazy layer that has
    not seen input yet.
    """
    if scheme not in BY_SCHEME:
        raise ValueError(f"unknown scheme {scheme!r}: {nearest(scheme, tuple(BY_SCHEME))}")
    # Every name counts, also a second one of the same layer.
    found = [
        (name, module)
        for name, module in network.named_modules(remove_duplicate=False)
        if isinstance(module, Replaceable | Lazy)
    ]
    # All are built before any is put in place, so that a refusal leaves the network as it was.
    first_parameter = next(network.parameters(), None)
    each_once = {id(old): old for _, old in found}
    replacements = {
        key: _replacement(old, scheme, options, first_parameter) for key, old in each_once.items()
    }
    for name, old in found:
        if not name:
            return replacements[id(old)]
        parent, _, child = name.rpartition(".")
        setattr(network.get_submodule(parent), child, replacements[id(old)])
    return network


def _replacement(
    old: Replaceable | Lazy, scheme: str, options: dict[str, Any], like: torch.Tensor | None
) -> Layer:
    """The layer that replaces `old`; one without tensors goes where `like` is."""
    if isinstance(old, Lazy):
        raise ValueError(  # noqa: TRY004 - the type is right, it has only not seen input
            f"a {type(old).__name__} does not know its channels yet: pass one batch through the"
            " network before converting it"
        )
    taken: dict[str, Any] = {"eps": old.eps, "affine": old.affine}
    if isinstance(old, nn.GroupNorm):
        channels = old.num_channels
        if scheme == "group_norm":
            taken["num_groups"] = old.num_groups
    else:
        channels = old.num_features
    own = (t for t in (*old.parameters(), *old.buffers()) if t.is_floating_point())
    like = next(own, like)
    if like is not None:
        taken |= {"device": like.device, "dtype": like.dtype}
    new = BY_SCHEME[scheme](channels, **(taken | options))
    _take_over_affine(old, new)
    if isinstance(new, RunningLayer) and not isinstance(old, nn.GroupNorm):
        _take_over_running(old, new, keep_momentum="momentum" not in options)
    return new.train(old.training)


def _take_over_affine(old: Replaceable, new: Layer) -> None:
    if old.affine and new.weight is not None:
        new.weight, new.bias = old.weight, old.bias


def _take_over_running(
    old: nn.modules.batchnorm._NormBase, new: RunningLayer, *, keep_momentum: bool
) -> None:
    if keep_momentum:
        new.momentum = old.momentum
    if old.running_mean is not None and old.running_var is not None:
        new.running_mean.copy_(old.running_mean)
        new.running_var.copy_(old.running_var)
    if old.num_batches_tracked is not None:
        new.num_batches_tracked.copy_(old.num_batches_tracked)
