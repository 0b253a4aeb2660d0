"""What of a process is global to torch and decides a run's results: threads, kernels, device."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def steady() -> Iterator[None]:
    """One thread and, on a GPU, kernels that are chosen alike in every run.

    Sums depend on the number of threads; a sweep has a process for each core instead.
    """
    threads, cudnn = torch.get_num_threads(), torch.backends.cudnn
    kept = cudnn.deterministic, cudnn.benchmark, cudnn.allow_tf32
    torch.set_num_threads(1)
    cudnn.deterministic, cudnn.benchmark, cudnn.allow_tf32 = True, False, False
    try:
        yield
    finally:
        torch.set_num_threads(threads)
        cudnn.deterministic, cudnn.benchmark, cudnn.allow_tf32 = kept


def device_of(word: str) -> torch.device:
    """The device of that name. Raises ValueError where there is none here."""
    try:
        device = torch.device(word)
    except RuntimeError:
        raise ValueError(f"configuration.device is {word!r}: it is cpu, cuda or cuda:N") from None
    if device.type not in {"cpu", "cuda"}:
        raise ValueError(f"configuration.device is {word!r}: it is cpu, cuda or cuda:N")
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise ValueError(
            f"configuration.device is {word!r}: torch sees {torch.cuda.device_count()} GPUs here"
        )
    return device
