"""What a process may take of the machine, where the system can hold it to that."""

from __future__ import annotations

import contextlib
import sys
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds of CPU time, and GiB of memory beyond what is taken before the work begins.

    `memory` is None where addresses mean nothing, as with a GPU, whose driver reserves many times
    what it uses. `file` bounds each file that is written, in GiB; `files` how many are open.
    """

    seconds: float = 60.0
    memory: float | None = 4.0
    file: float = 1.0
    files: int = 4096


def set_limits(limits: Limits) -> None:
    """Set the limits of this process, where the system has them."""
    try:
        import resource
    except ImportError:
        return
    seconds = int(limits.seconds) + 1
    _lower(resource.RLIMIT_CPU, seconds, seconds + 5)
    _lower(resource.RLIMIT_FSIZE, int(limits.file * 2**30))
    _lower(resource.RLIMIT_NOFILE, limits.files)
    _lower(resource.RLIMIT_CORE, 0)  # a crash is told in a line, not in a file
    if limits.memory is None or sys.platform != "linux":
        return  # what is mapped is counted otherwise elsewhere
    pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[0]
    taken = int(pages) * resource.getpagesize()
    _lower(resource.RLIMIT_AS, taken + int(limits.memory * 2**30))


def _lower(which: int, soft: int, hard: int | None = None) -> None:
    """Lower a limit, never beyond what the process was given."""
    import resource

    before = resource.getrlimit(which)

    def least(wanted: int, given: int) -> int:
        return wanted if given == resource.RLIM_INFINITY else min(wanted, given)

    hardest = least(soft if hard is None else hard, before[1])
    with contextlib.suppress(ValueError, OSError):  # a system may know a limit and refuse it
        resource.setrlimit(which, (least(soft, hardest), hardest))
