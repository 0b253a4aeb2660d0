"""Handles: the named parameters of a layer that laws may set, found by name or given.

A handle is found only by a name that layers commonly use and a shape that fits; whether it has
the effect that its name promises is for the laws to check.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any

import torch

from tnverify.contract.claims import nearest
from tnverify.subjects.spec import Unusable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tnverify.contract.claims import Claims
    from tnverify.contract.task import Parameters

HANDLES: tuple[str, ...] = (
    "weight",
    "bias",
    "scale",
    "offset",
    "alpha",
    "eps",
    "running_mean",
    "running_var",
    "groups",
)

_NAMES: dict[str, tuple[str, ...]] = {
    "weight": ("weight", "gamma"),
    "bias": ("bias", "beta"),
    "eps": ("eps", "epsilon", "variance_epsilon"),
    "running_mean": ("running_mean",),
    "running_var": ("running_var",),
    "groups": ("num_groups", "groups"),
}
_BLEND_NAMES: dict[str, tuple[str, ...]] = {
    "scale": ("scale", "alpha_scale", "a"),
    "offset": ("offset", "alpha_offset", "b"),
    "alpha": ("alpha",),
}

_MOMENTS = (("running_mean", -1.5, 11, 0.375), ("running_var", 0.25, 13, 0.5))
"""What constant moments are set to: the first value, and how they rise over so many channels."""


@dataclass(frozen=True)
class Handles:
    """Attribute path of each handle that was found, by handle."""

    paths: tuple[tuple[str, str], ...] = ()

    @cached_property
    def _by_name(self) -> dict[str, str]:
        return dict(self.paths)

    def path(self, handle: str) -> str | None:
        return self._by_name.get(handle)

    def get(self, layer: Any, handle: str) -> Any:
        """The attribute behind a handle; None where there is none."""
        path = self._by_name.get(handle)
        return None if path is None else _follow(layer, path)

    def give(self, layer: Any, parameters: Parameters, *, blends: bool) -> None:
        """Put a task's parameter values into the layer, in place and outside of autograd."""
        with torch.no_grad():
            for handle, values in (("weight", parameters.weight), ("bias", parameters.bias)):
                held = self.get(layer, handle)
                if held is not None and values is not None:
                    held.copy_(_per_channel(values, held))
            if not blends:
                return
            for handle, value in (("scale", parameters.scale), ("offset", parameters.offset)):
                held = self.get(layer, handle)
                if held is not None:
                    held.fill_(value)

    def give_moments(self, layer: Any) -> None:
        """Put moments of their own into each channel of a layer that holds constant ones."""
        with torch.no_grad():
            for handle, first, cycle, rise in _MOMENTS:
                held = self.get(layer, handle)
                if held is not None:
                    count = held.shape[0] if held.dim() else 1
                    row = (first + c % cycle * rise for c in range(count))
                    held.copy_(_per_channel(tuple(row), held))

    def move(self, layer: Any, device: torch.device, dtype: torch.dtype) -> None:
        """Move the tensors behind handles, for a layer that is no torch module: it has no `to`.

        Left in float32, a parameter could not be moved by the small steps of the float64 lane.
        """
        for handle, _ in self.paths:
            held = self.get(layer, handle)
            if isinstance(held, torch.Tensor) and held.is_floating_point():
                held.data = held.data.to(device=device, dtype=dtype)

    def with_eps(self, layer: Any, eps: float) -> None:
        path = self.path("eps")
        if path is not None:
            parent, _, last = path.rpartition(".")
            setattr(_follow(layer, parent) if parent else layer, last, eps)


def _follow(layer: Any, path: str) -> Any:
    found = layer
    for part in path.split("."):
        found = getattr(found, part, None)
        if found is None:
            return None
    return found


def _per_channel(values: tuple[float, ...], held: torch.Tensor) -> torch.Tensor:
    """Values per channel in the shape of the parameter: (channels, *spatial) is filled along
    space, and single dimensions around the channels are kept."""
    row = _row(values, held.dtype, held.device)
    if held.numel() == row.numel():
        return row.reshape(held.shape)
    return row.reshape(-1, *(1,) * (held.dim() - 1)).expand(held.shape)


@lru_cache(maxsize=64)
def _row(values: tuple[float, ...], dtype: torch.dtype, device: torch.device) -> torch.Tensor:
    """Read, never written to: every instance of a task is given the same values."""
    return torch.tensor(values, dtype=dtype, device=device)


def _fits(handle: str, value: Any, channels: int) -> bool:
    if handle in ("eps", "groups"):
        return isinstance(value, int | float) and not isinstance(value, bool)
    if not isinstance(value, torch.Tensor) or not value.is_floating_point():
        return False
    if handle in ("scale", "offset", "alpha"):
        return value.numel() in (1, channels)
    return value.numel() == channels or (value.dim() > 0 and value.shape[0] == channels)


def find_handles(layer: Any, channels: int, claims: Claims, given: Mapping[str, str]) -> Handles:
    """The handles of a layer built for `channels`, those that the user mapped first.

    Names of blending parameters are tried only where a blend is claimed: elsewhere `scale`
    often means the weight. Raises Unusable for a mapping to an attribute that is not there or
    cannot be such a handle.
    """
    found: dict[str, str] = {}
    for handle, path in given.items():
        if handle not in HANDLES:
            raise Unusable(f"unknown handle {handle!r}: {nearest(handle, HANDLES)}")
        value = _follow(layer, path)
        if value is None:
            raise Unusable(f"--handle {handle}={path}: the layer has no attribute {path!r}")
        if not _fits(handle, value, channels):
            shape = tuple(value.shape) if isinstance(value, torch.Tensor) else type(value).__name__
            raise Unusable(f"--handle {handle}={path}: {shape} cannot be the layer's {handle}")
        found[handle] = path
    names = dict(_NAMES)
    if claims.scheme.blends:
        names |= _BLEND_NAMES
    for handle, candidates in names.items():
        if handle in found:
            continue
        for name in candidates:
            if name not in found.values() and _fits(handle, _follow(layer, name), channels):
                found[handle] = name
                break
    if ("scale" in found) != ("offset" in found) and "alpha" not in found:
        # Half of a pair sets no alpha: without the other the blend cannot be known.
        found.pop("scale", None)
        found.pop("offset", None)
    return Handles(tuple(sorted(found.items())))


def without(handles: Handles, *names: str) -> Handles:
    """The same handles but these."""
    return replace(handles, paths=tuple(p for p in handles.paths if p[0] not in names))
