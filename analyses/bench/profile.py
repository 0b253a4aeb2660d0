"""What share of a step normalisation layers take, by torch's profiler."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch
from torch.profiler import ProfilerActivity, record_function

from tnverify.norms import Layer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from torch import nn

_NORM, _STEP = "tnverify::norm", "tnverify::step"


def norm_share(network: nn.Module, step: Callable[[], None], repeats: int) -> float:
    """The share of the step's time that passes in normalisation layers, forward and backward.

    An operation of the backward pass counts where the operation that it is the gradient of was
    run inside of a layer; the profiler numbers both alike. A step of CPU operations alone.
    """
    step()
    with _marked(network), torch.profiler.profile(activities=[ProfilerActivity.CPU]) as profile:
        for _ in range(repeats):
            with record_function(_STEP):
                step()
    return share_of(list(profile.events()))


def share_of(events: list[Any]) -> float:
    """The share, from the profiler's events of one thread and a CPU alone."""
    inside = sorted((e.time_range.start, e.time_range.end) for e in events if e.name == _NORM)
    whole = sum(_microseconds(e) for e in events if e.name == _STEP)
    backward = [e for e in events if e.name.startswith("autograd::engine::evaluate_function")]
    # Of the events with one number, the one that began last made the node of the graph.
    made: dict[int, float] = {}
    for event in sorted(events, key=lambda e: e.time_range.start):
        if event.sequence_nr >= 0 and "Backward" not in event.name:
            made[event.sequence_nr] = event.time_range.start
    spent = sum(end - start for start, end in inside)
    spent += sum(
        _microseconds(event)
        for event in backward
        if event.sequence_nr in made and _within(made[event.sequence_nr], inside)
    )
    return float(spent / whole)


def _microseconds(event: Any) -> float:
    return float(event.time_range.end - event.time_range.start)


def _within(moment: float, intervals: list[tuple[float, float]]) -> bool:
    return any(start <= moment < end for start, end in intervals)


@contextmanager
def _marked(network: nn.Module) -> Iterator[None]:
    """Every pass through a normalisation layer is a range of its own in the profile."""
    ranges: list[Any] = []

    def begin(*_: object) -> None:
        ranges.append(record_function(_NORM))
        ranges[-1].__enter__()

    def end(*_: object) -> None:
        ranges.pop().__exit__(None, None, None)

    handles = []
    for module in network.modules():
        if isinstance(module, Layer):
            handles.append(module.register_forward_pre_hook(begin))
            handles.append(module.register_forward_hook(end))
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
