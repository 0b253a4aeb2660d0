"""Timing steps against each other: interleaved, medians, one thread, the heap pinned.

On a CPU the thread's own processor time is taken, so that other processes do not count; on a
GPU events on the stream. Memory is counted, not sampled: what autograd keeps, and the peak.
"""

from __future__ import annotations

import json
import os
import random
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import torch

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from torch import Tensor

_PINNED = {
    # Large tensors otherwise come from fresh pages, whose faults swamp what is timed.
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": "17179869184",
    "MALLOC_TOP_PAD_": "67108864",
    "OMP_NUM_THREADS": "1",
    "KINETO_LOG_LEVEL": "99",
}


def pin_heap() -> None:
    """Start this command anew with the allocator pinned and one thread, unless it is so."""
    if all(os.environ.get(name) == value for name, value in _PINNED.items()):
        return
    sys.stdout.flush()
    os.execve(  # noqa: S606 - this Python, with the arguments that it was started with
        sys.executable,
        [sys.executable, "-m", "tnverify.bench", *sys.argv[1:]],
        dict(os.environ) | _PINNED,
    )


def seconds_of(step: Callable[[], None], device: torch.device) -> float:
    """How long one step takes on its device."""
    if device.type == "cuda":
        make: Any = torch.cuda.Event  # torch leaves it without types
        start, end = make(enable_timing=True), make(enable_timing=True)
        start.record()
        step()
        end.record()
        torch.cuda.synchronize()
        return float(start.elapsed_time(end)) / 1e3
    started = time.thread_time()
    step()
    return time.thread_time() - started


def replayed(step: Callable[[], None]) -> Callable[[], None]:
    """A step on CUDA, captured once and replayed as a graph: what launching costs is left out.

    Raises RuntimeError where the step waits for the device, which no graph can hold.
    """
    stream: Any = torch.cuda.Stream()  # type: ignore[no-untyped-call]  # so torch has it
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(3):
            step()
    torch.cuda.current_stream().wait_stream(stream)
    graph: Any = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        step()
    replay: Callable[[], None] = graph.replay
    return replay


def medians(
    steps: Mapping[str, Callable[[], None]], device: torch.device, *, budget: float
) -> dict[str, float]:
    """The median seconds of every step, taken in turn until `budget` seconds are spent.

    At least five rounds are made; short steps are repeated within a round to be measurable. Every
    round has another order: a step pays for what the one before it left in the caches.
    """
    shuffled = random.Random(0)
    order = list(steps)
    for step in steps.values():
        step()
        step()
    first = {name: seconds_of(step, device) for name, step in steps.items()}
    repeats = {name: max(1, min(50, int(2e-3 / max(s, 1e-6)))) for name, s in first.items()}
    taken: dict[str, list[float]] = {name: [] for name in steps}
    started = time.perf_counter()
    while time.perf_counter() - started < budget or min(map(len, taken.values())) < 5:
        shuffled.shuffle(order)
        for name in order:
            times = repeats[name]

            def repeated(step: Callable[[], None] = steps[name], times: int = times) -> None:
                for _ in range(times):
                    step()

            taken[name].append(seconds_of(repeated, device) / times)
    return {name: statistics.median(each) for name, each in taken.items()}


def bytes_kept(call: Callable[[Tensor], Tensor], x: Tensor) -> int:
    """Bytes that autograd keeps of a forward pass for its backward, each storage once."""
    storages: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        storages[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        output = call(x)
    del output
    return sum(storages.values())


class Counted(NamedTuple):
    """What one step did: the most bytes alive at once beyond those before it, and how many
    operations of torch it ran."""

    peak: int
    operations: int


def counted(step: Callable[[], None], device: torch.device) -> Counted:
    """Count one step's memory and operations; the same step counts the same each time."""
    step()
    with torch.profiler.profile(
        activities=[torch.profiler.ProfilerActivity.CPU], profile_memory=True
    ) as profile:
        step()
    operations = sum(e.count for e in profile.key_averages() if e.key.startswith("aten::"))
    if device.type == "cuda":
        before = torch.cuda.memory_allocated(device)
        torch.cuda.reset_peak_memory_stats(device)
        step()
        return Counted(torch.cuda.max_memory_allocated(device) - before, operations)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "trace.json"
        profile.export_chrome_trace(str(path))
        events = json.loads(path.read_text(encoding="utf-8"))["traceEvents"]
    changes = sorted(
        (event["ts"], number, event["args"]["Bytes"])
        for number, event in enumerate(events)
        if event.get("name") == "[memory]" and event["args"].get("Device Type") == 0
    )
    alive = peak = 0
    for _, _, change in changes:
        alive += change
        peak = max(peak, alive)
    return Counted(peak, operations)
