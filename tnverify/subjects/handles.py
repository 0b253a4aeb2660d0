"""Handles: the named parameters of a layer that laws may set, found by name or given.

A handle is found only by a name that layers commonly use and a shape that fits; whether it has
the effect that its name promises is for the laws to check.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any

import torch
from torch.nn.parameter import is_lazy

from tnverify.contract.claims import nearest
from tnverify.subjects.spec import Unusable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tnverify.contract.claims import Claims
    from tnverify.contract.task import Parameters
    from tnverify.subjects.subject import Subject

HANDLES: tuple[str, ...] = (
    "weight",
    "bias",
    "scale",
    "offset",
    "alpha",
    "eps",
    "running_mean",
    "running_var",
    "momentum",
    "groups",
)

_NAMES: dict[str, tuple[str, ...]] = {
    "weight": ("weight", "gamma"),
    "bias": ("bias", "beta"),
    "eps": ("eps", "epsilon", "variance_epsilon"),
    "running_mean": ("running_mean", "moving_mean", "ra_mean", "mean"),
    "running_var": ("running_var", "moving_var", "moving_variance", "ra_var", "var"),
    "momentum": ("momentum",),
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
    """Attribute path of each handle that was found, by handle; `notes` tell of those left out."""

    paths: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = field(default=(), compare=False)

    @cached_property
    def _by_name(self) -> dict[str, str]:
        return dict(self.paths)

    def path(self, handle: str) -> str | None:
        return self._by_name.get(handle)

    def without(self, handle: str) -> Handles:
        return Handles(tuple(each for each in self.paths if each[0] != handle), self.notes)

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
    """What lies at a path; None where nothing does."""
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
    if handle in ("eps", "momentum", "groups"):
        return isinstance(value, int | float) and not isinstance(value, bool)
    if not isinstance(value, torch.Tensor) or not value.is_floating_point() or is_lazy(value):
        return False
    if handle in ("scale", "offset", "alpha"):
        return value.numel() in (1, channels)
    return value.numel() == channels or (value.dim() > 0 and value.shape[0] == channels)


def _is_kernel(layers: Layers, path: str) -> bool:
    """Whether a dimension behind a parameter's first follows the number of channels as well."""
    values = [_follow(layer, path) for _, layer in layers]
    shapes = {
        tuple(v.shape[1:])
        for v, (channels, _) in zip(values, layers, strict=True)
        if isinstance(v, torch.Tensor) and v.numel() != channels
    }
    return len(shapes) > 1


Layers = Sequence[tuple[int, Any]]
"""Layers of one kind, each with the number of channels that it was built for."""


def find_handles(layers: Layers, claims: Claims, given: Mapping[str, str]) -> Handles:
    """Return the handles of layers built for several numbers of channels, the user's own first.

    A handle fits where its shape follows the number of channels, so that three weights a channel
    are not taken for the weights of three channels, and where a value that is put there can be
    read back. Names of blending parameters are tried only where a blend is claimed: elsewhere
    `scale` often means the weight. Raises Unusable for a mapping to an attribute that is not
    there or cannot be such a handle.
    """
    found: dict[str, str] = {}
    for handle, path in given.items():
        _check_given(handle, path, layers)
        found[handle] = path
    names = dict(_NAMES)
    if claims.scheme.blends:
        names |= _BLEND_NAMES
    notes = []
    places = ("", *_wrapped(layers[0][1]))
    for handle, candidates in names.items():
        if handle in found:
            continue
        for name in (place + name for place in places for name in candidates):
            if name in found.values() or not _fits_all(handle, name, layers):
                continue
            if not _keeps_values(name, layers):
                notes.append(
                    f"{name} does not keep a value that is put there, so it stays at its initial"
                    " values"
                )
                continue
            found[handle] = name
            break
    if ("scale" in found) != ("offset" in found) and "alpha" not in found:
        # Half of a pair sets no alpha: without the other the blend cannot be known.
        found.pop("scale", None)
        found.pop("offset", None)
    return Handles(tuple(sorted(found.items())), tuple(notes))


def _wrapped(layer: Any) -> tuple[str, ...]:
    """Paths from a layer down to the norm that it wraps, each with a dot behind it; none where it
    wraps none, or holds parameters or buffers beside that norm's way.

    A norm is known by its eps: it is the one part that has any. One that leaves its eps to the
    dtype has None.
    """
    if not isinstance(layer, torch.nn.Module):
        return ()
    parts = dict(layer.named_modules())
    norms = [name for name, part in parts.items() if name and has_eps(part)]
    if len(norms) != 1:
        return ()
    steps = norms[0].split(".")
    on_the_way = {".".join(steps[:count]) for count in range(len(steps) + 1)}
    for name, part in parts.items():
        tensors = (*part.parameters(recurse=False), *part.buffers(recurse=False))
        if tensors and name not in on_the_way and not name.startswith(f"{norms[0]}."):
            return ()
    return tuple(f"{name}." for name in sorted(on_the_way, key=len) if name)


def has_eps(part: Any) -> bool:
    """Whether a part of a layer is a norm, as far as its names tell."""
    return any(isinstance(getattr(part, name, ""), float | None) for name in _NAMES["eps"])


def leaves_eps_to_dtype(layer: Any) -> bool:
    """Whether a layer, or the norm that it wraps, has an eps of None, as torch takes it."""
    parts = (layer, *(_follow(layer, place.rstrip(".")) for place in _wrapped(layer)))
    return any(getattr(part, "eps", "") is None for part in parts)


def handles_of(subject: Subject, claims: Claims) -> Handles:
    """Return the handles of a subject under some claims; raises Unusable as `find_handles`."""
    step, spatial = subject.channel_step, (4, 3, 2)[: subject.rank]
    layers = [(width, subject.factory(width, spatial)) for width in (3 * step, 2 * step)]
    found = find_handles(layers, claims, subject.given_handles)
    return found.without("eps") if subject.eps_is_idle else found


def _check_given(handle: str, path: str, layers: Layers) -> None:
    if handle not in HANDLES:
        raise Unusable(f"unknown handle {handle!r}: {nearest(handle, HANDLES)}")
    for channels, layer in layers:
        value = _follow(layer, path)
        if value is None:
            raise Unusable(f"--handle {handle}={path}: the layer has no attribute {path!r}")
        if not _fits(handle, value, channels):
            shape = tuple(value.shape) if isinstance(value, torch.Tensor) else type(value).__name__
            raise Unusable(
                f"--handle {handle}={path}: {shape} of a layer with {channels} channels cannot be"
                f" its {handle}"
            )
    if not _keeps_values(path, layers):
        raise Unusable(
            f"--handle {handle}={path}: a value that is put there cannot be read back, as of a"
            " weight that is computed from others"
        )


def _fits_all(handle: str, path: str, layers: Layers) -> bool:
    fits = all(_fits(handle, _follow(layer, path), channels) for channels, layer in layers)
    return fits and not _is_kernel(layers, path)


def _keeps_values(path: str, layers: Layers) -> bool:
    """Whether values put behind a handle are there when it is asked again. Changes no layer."""
    held = _follow(layers[0][1], path)
    if not isinstance(held, torch.Tensor):
        return True
    with torch.no_grad():
        before = held.detach().clone()
        tried = torch.full_like(before, 0.625)
        try:
            held.copy_(tried)
        except RuntimeError:
            return False  # several of its elements share memory, for one
        kept = torch.equal(_follow(layers[0][1], path), tried)
        held.copy_(before)
    return kept
