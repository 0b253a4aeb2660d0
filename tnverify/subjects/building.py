"""Building bare layers: as they are asked for, and on a device."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from tnverify.subjects.guard import calling

if TYPE_CHECKING:
    from tnverify.subjects.subject import Factory


def build(factory: Factory, channels: int, spatial: tuple[int, ...]) -> Any:
    """The bare layer; raises SubjectRaised where its constructor does."""
    with calling("build"):
        return factory(channels, spatial)


def placed(
    factory: Factory, channels: int, spatial: tuple[int, ...], device: torch.device | str
) -> Any:
    """The bare layer on a device, where a layer with kernels for that device alone can run."""
    layer = build(factory, channels, spatial)
    if isinstance(layer, torch.nn.Module) and torch.device(device).type != "cpu":
        with calling("build"):
            layer = layer.to(device)
    return layer


def native_dtype(layer: Any) -> torch.dtype:
    """The dtype of the layer's floating parameters or buffers; float32 where it has none."""
    if isinstance(layer, torch.nn.Module):
        for tensor in (*layer.parameters(), *layer.buffers()):
            if tensor.dtype in (torch.float32, torch.float64):
                return tensor.dtype
    return torch.float32
