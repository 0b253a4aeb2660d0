"""One GPU for each worker process, where nobody else hands them out."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

VISIBLE = "CUDA_VISIBLE_DEVICES"

_held: list[int] = []
"""Descriptors of this process's locks, open for as long as the process lives."""


def take_gpu(gpus: Sequence[str]) -> None:
    """Shows this process one of `gpus` alone, one that no other worker of this machine has.

    A GPU that is listed twice serves two workers. Does nothing where `gpus` is empty, where this
    process has one already, or where it was started with one alone. Locks mark what is taken, so
    that the GPU of a worker that was killed is free again at once.

    Raises RuntimeError where all are taken, or where CUDA is in use and would not notice.
    """
    visible = os.environ.get(VISIBLE, "")
    if not gpus or (visible and "," not in visible):
        return
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_initialized():
        raise RuntimeError(
            "CUDA was in use in this worker before it was given a GPU: restart the worker"
        )
    for place, gpu in enumerate(gpus):
        if _lock(f"tnverify-gpu-{os.getuid()}-{gpu}-{list(gpus[:place]).count(gpu)}"):
            os.environ[VISIBLE] = gpu
            return
    raise RuntimeError(
        f"all GPUs of this machine ({', '.join(gpus)}) are taken by other workers: start one "
        "worker process of one thread for each, or list a GPU twice to share it"
    )


def _lock(name: str) -> bool:
    """Whether the lock was free; it is kept until this process ends."""
    import fcntl  # of POSIX alone, like the clusters that this is for

    path = Path(tempfile.gettempdir()) / f"{name}.lock"
    descriptor = os.open(path, os.O_CREAT | os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return False
    _held.append(descriptor)
    return True
