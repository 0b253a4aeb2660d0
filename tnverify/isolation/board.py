"""A page of memory that two processes see: the one writes what it is doing, the other reads it
once the first is gone, or stuck."""

from __future__ import annotations

import mmap
import multiprocessing
import struct
from typing import Any, NamedTuple

_CLOCK = struct.Struct("<ddd")  # seconds of the limit (0: none counts), clock and CPU when it began
_CAME_TWICE = _CLOCK.size
_PLACE = _CAME_TWICE + 1
_AT_A_TIME = 32
_LANE = {"": 0, "float64": 1, "native": 2}
_TEXTS = {"stage": (64, 24), "during": (96, 24), "law": (128, 128), "task": (256, 200)}
"""Where each text lies, and how many bytes it may have with the one that counts them."""
_SIZE = 512

STAGES = ("start", "resolve", "laws", "shrink", "end")


class Doing(NamedTuple):
    """What a process was doing: the stage of its work, the call into the subject that it made
    last, and the law, the plan's number (-1: none) and the lane that it asked about."""

    stage: str
    during: str
    law: str
    plan: int
    lane: str
    task: str


class Board:
    """The page itself; whoever holds it may write or read."""

    def __init__(self, method: str) -> None:
        self._page: Any = (
            mmap.mmap(-1, _SIZE) if method == "fork"
            else multiprocessing.get_context(method).RawArray("b", _SIZE)
        )  # fmt: skip

    def count(self, limit: tuple[float, float, float] | None) -> None:
        """Write which limit of time counts now, None where none does."""
        _CLOCK.pack_into(self._page, 0, *(limit or (0.0, 0.0, 0.0)))

    @property
    def limit(self) -> tuple[float, float, float] | None:
        """Seconds, and the clock and CPU time of the process when they began to count."""
        seconds, clock, cpu = _CLOCK.unpack_from(self._page, 0)
        return (seconds, clock, cpu) if seconds else None

    def enter(self, stage: str) -> None:
        self.asking("", -1, "", "")
        self._write("during", "")
        self._write("stage", stage)

    def calling(self, during: str) -> None:
        self._write("during", during)

    def asking(self, law: str, plan: int, lane: str, task: str) -> None:
        struct.pack_into("<ib", self._page, _PLACE, plan, _LANE[lane])
        self._write("law", law)
        self._write("task", task)

    def came_twice(self) -> None:
        """Write that a call into the subject came back in a second process."""
        struct.pack_into("<b", self._page, _CAME_TWICE, 1)

    @property
    def has_come_twice(self) -> bool:
        return bool(struct.unpack_from("<b", self._page, _CAME_TWICE)[0])

    def allow(self, processes: int) -> None:
        """Write among how many processes at a time the work may be shared."""
        struct.pack_into("<H", self._page, _AT_A_TIME, min(processes, 2**16 - 1))

    @property
    def allowed(self) -> int:
        (processes,) = struct.unpack_from("<H", self._page, _AT_A_TIME)
        return max(1, int(processes))

    @property
    def doing(self) -> Doing:
        plan, lane = struct.unpack_from("<ib", self._page, _PLACE)
        lanes = {number: name for name, number in _LANE.items()}
        return Doing(
            self._read("stage"), self._read("during"), self._read("law"), plan,
            lanes.get(lane, ""), self._read("task"),
        )  # fmt: skip

    def _write(self, name: str, text: str) -> None:
        start, most = _TEXTS[name]
        data = text.encode("ascii", "replace")[: most - 1]
        struct.pack_into(f"<B{len(data)}s", self._page, start, len(data), data)

    def _read(self, name: str) -> str:
        start, most = _TEXTS[name]
        (size,) = struct.unpack_from("<B", self._page, start)
        (data,) = struct.unpack_from(f"<{min(size, most - 1)}s", self._page, start + 1)
        return str(data, "ascii", "replace")
