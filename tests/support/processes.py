"""A few processes that share contexts, for the tests of `tnverify.norms.distributed`."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import torch
import torch.distributed as dist

if TYPE_CHECKING:
    from collections.abc import Callable

WORLD = 3


def together(check: Callable[[], None], folder: Path) -> None:
    """Run `check` in every process of a world of three, of which this is the first; raises what
    any of them raises.

    `check` is a function of a module that a new process can import.
    """
    store = str(folder / "store")
    others = torch.multiprocessing.spawn(_other, (check, store), nprocs=WORLD - 1, join=False)
    try:
        _one(0, check, store)
        while not others.join():
            pass
    finally:
        for process in others.processes:
            process.terminate()


def _other(number: int, check: Callable[[], None], store: str) -> None:
    _one(number + 1, check, store)


def _one(rank: int, check: Callable[[], None], store: str) -> None:
    # Processes find each other on this machine, whatever the network knows it as.
    if Path("/sys/class/net/lo").exists():
        os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
    torch.set_num_threads(1)
    dist.init_process_group(
        "gloo", init_method=f"file://{store}", rank=rank, world_size=WORLD,
        timeout=timedelta(seconds=60),
    )  # fmt: skip
    try:
        check()
    finally:
        dist.destroy_process_group()
