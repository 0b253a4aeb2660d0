"""Many small pieces of work over processes, in an order that does not depend on them."""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

T = TypeVar("T")


def done_in_order(calls: Sequence[Callable[[], T]], jobs: int) -> Iterator[T]:
    """What each call returns, in the order of the calls, made by `jobs` processes.

    With one job they are made here. Calls must pickle. What a call raises is raised here.
    """
    if jobs == 1 or len(calls) < 2:
        for call in calls:
            yield call()
        return
    # Spawned, not forked: torch's threads do not survive a fork.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(jobs, len(calls)), mp_context=context) as pool:
        waiting = [pool.submit(call) for call in calls]
        try:
            for future in waiting:
                yield future.result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
