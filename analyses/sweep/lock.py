"""One sweep at a time in a folder: two would train the same runs."""

from __future__ import annotations

import contextlib
import os
import platform
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class BusyError(RuntimeError):
    """Another sweep is at work in the folder."""


@contextlib.contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Keeps other sweeps out of `folder` until the block ends, or this process does.

    Raises BusyError where there is one already. On disks and systems without locks it keeps
    nobody out.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "sweep.lock"
    with path.open("a+b") as file:
        if not _locked(file.fileno()):
            file.seek(0)
            raise BusyError(
                f"another sweep is at work in {folder} ({file.read().decode().strip()}): wait for "
                "it, or take another folder"
            )
        file.truncate(0)
        file.write(f"process {os.getpid()} on {platform.node()}\n".encode())
        file.flush()
        yield


def _locked(descriptor: int) -> bool:
    """Whether the lock is this process's now; True where there are no locks to be had."""
    try:
        import fcntl
    except ImportError:  # not a POSIX system
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a disk without locks
        return True
    return True
