"""The one width of a layer that is not built for a given number of channels."""

from __future__ import annotations

import warnings
from collections import Counter
from typing import TYPE_CHECKING, Any

import torch

from tnverify.contract.outcomes import SubjectRaised
from tnverify.subjects.guard import calling
from tnverify.subjects.sources import Inside

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tnverify.subjects.subject import Factory

_NAMES = ("num_features", "num_channels", "channels", "in_channels", "features", "dim", "width")
_IMAGES = ((3, 32), (3, 84), (1, 28), (3, 224))
"""Channels and side of images that networks commonly take."""


def fixed_width(factory: Factory) -> int | None:
    """The number of channels that the layer takes, None where it takes any.

    Learnt from a pass of the network that it lies in, where it lies in one, else from what it
    takes and shows.
    """
    if isinstance(factory.call, Inside) and factory.call.path:
        seen = _seen_in_network(factory, factory.call)
        if seen is not None and _takes(factory, seen):
            return seen
    with calling("build"):
        layer = factory(0, (4, 4))
    if all(_takes(factory, channels) for channels in (3, 5)):
        return None
    candidates = list(dict.fromkeys(_shown(layer)))
    for channels in candidates:
        if _takes(factory, channels):
            return channels
    return candidates[0] if candidates else None


def _takes(factory: Factory, channels: int) -> bool:
    """Whether a fresh layer answers, as built, to input of so many channels at some rank.

    One that warns of them does not take them, nor does one that takes maps of one size alone.
    """
    for sizes in (((5, 4), (7, 6)), ((5,), (7,)), ((),), ((5, 4, 2), (7, 6, 3))):
        try:
            with calling("build"), torch.no_grad(), warnings.catch_warnings():
                warnings.simplefilter("error", UserWarning)
                for spatial in sizes:
                    factory(channels, spatial)(torch.ones(4, channels, *spatial).normal_())
        except SubjectRaised as raised:
            if isinstance(raised.error, TimeoutError | SystemExit):
                raise
            continue
        return True
    return False


def _shown(layer: Any) -> Iterator[int]:
    """Numbers of channels that a layer shows, the likeliest first: its attributes, then lengths of
    its rows of parameters and buffers."""
    for name in _NAMES:
        value = getattr(layer, name, None)
        if isinstance(value, int) and not isinstance(value, bool) and value > 0:
            yield value
    shape = getattr(layer, "normalized_shape", None)
    if isinstance(shape, tuple) and shape:
        yield int(shape[0])
    if isinstance(layer, torch.nn.Module):
        held = [*layer.parameters(), *layer.buffers()]
        rows = Counter(t.numel() for t in held if t.numel() > 1 and t.numel() == max(t.shape))
        yield from (count for count, _ in rows.most_common())
        yield from (side for t in held for side in reversed(t.shape) if side > 1)


def _seen_in_network(factory: Factory, inside: Inside) -> int | None:
    """The channels of what the network's own pass gives to the layer; None where none answers."""
    for channels, side in _images(_network(factory, inside)):
        seen: list[int] = []

        def note(_module: Any, given: tuple[Any, ...], seen: list[int] = seen) -> None:
            if given and isinstance(given[0], torch.Tensor) and given[0].dim() > 1:
                seen.append(given[0].shape[1])

        network = _network(factory, inside)
        layer = inside.taken_out(network)
        if not isinstance(layer, torch.nn.Module) or not callable(network):
            return None
        layer.register_forward_pre_hook(note)
        try:
            with calling("build"), torch.no_grad():
                network(torch.ones(2, channels, side, side).normal_())
        except SubjectRaised as raised:
            if isinstance(raised.error, TimeoutError | SystemExit):
                raise
        if seen:
            return seen[0]
    return None


def _network(factory: Factory, inside: Inside) -> Any:
    positional, keywords = ([], {}) if factory.spec is None else factory.spec.arguments(0, (4, 4))
    with calling("build"):
        return inside.built(*positional, **keywords)


def _images(network: Any) -> list[tuple[int, int]]:
    """Channels and sides of images to try, those that the network's first convolution takes."""
    if isinstance(network, torch.nn.Module):
        for part in network.modules():
            if isinstance(part, torch.nn.Conv2d):
                return [(part.in_channels, side) for side in (32, 84, 28, 224)]
    return list(_IMAGES)
