"""Runs in processes of this machine, one thread each.

Every lane has a process of its own, so that one that is killed takes no other with it: joblib's
own pool of processes ends them all.
"""

from __future__ import annotations

import os
import queue
import signal
import threading
import time
from concurrent.futures.process import BrokenProcessPool
from typing import TYPE_CHECKING, Any

from joblib.externals.loky.process_executor import ProcessPoolExecutor

from tnverify.analyses.sweep.engines.engine import EngineError, WorkerDiedError
from tnverify.analyses.sweep.gpu import VISIBLE
from tnverify.analyses.sweep.job import Job, carry_out

if TYPE_CHECKING:
    from collections.abc import Sequence

ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
"""Set before a worker imports anything, for libraries that look once."""

ORPHANED = 0.5
"""Seconds after which a worker notices that the process of its sweep was killed."""


class LocalEngine:
    """`workers` processes, the i-th of which sees the i-th GPU alone, round and round."""

    attempts = 2

    def __init__(self, workers: int, gpus: Sequence[str] = ()) -> None:
        self.lanes = workers
        self._free: queue.SimpleQueue[_Lane] = queue.SimpleQueue()
        self._all = [_Lane(gpus[i % len(gpus)] if gpus else None) for i in range(workers)]
        for lane in self._all:
            self._free.put(lane)

    def finish(self, job: Job) -> str | None:
        """See `Engine`."""
        lane = self._free.get()
        try:
            return lane.finish(job)
        finally:
            self._free.put(lane)

    def close(self, *, now: bool) -> None:
        """See `Engine`."""
        for lane in self._all:
            lane.close(now=now)


class _Lane:
    """One process, and the next one where it dies."""

    def __init__(self, gpu: str | None) -> None:
        self._environment = ONE_THREAD | ({VISIBLE: gpu} if gpu is not None else {})
        self._process: Any = None
        self._closed = False
        self._lock = threading.Lock()

    def finish(self, job: Job) -> str | None:
        # Once closed there must be no new process, whoever still waits for a lane.
        with self._lock:
            if self._closed:
                raise EngineError("the sweep was stopped")
            if self._process is None:
                self._process = ProcessPoolExecutor(
                    max_workers=1,
                    env=self._environment,
                    initializer=_belong_to_the_sweep,
                    initargs=(os.getpid(),),
                )
            process = self._process
            ending = process.submit(carry_out, job)
        try:
            error: str | None = ending.result()
        except BrokenProcessPool as died:
            with self._lock:
                self._process = None
            process.shutdown(wait=True, kill_workers=True)
            raise WorkerDiedError(_exit_code(str(died))) from died
        return error

    def close(self, *, now: bool) -> None:
        with self._lock:
            self._closed = True
            process, self._process = self._process, None
        if process is not None:
            process.shutdown(wait=True, kill_workers=now)


def _belong_to_the_sweep(sweep: int) -> None:
    """Called in a new worker: it ends when the sweep says so, or when the sweep is gone."""
    # Ctrl-C reaches every process of the terminal; the sweep ends its workers itself.
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def watch() -> None:
        while os.getppid() == sweep:
            time.sleep(ORPHANED)
        os._exit(1)  # what is unfinished goes on with the next call

    threading.Thread(target=watch, name="watch the sweep", daemon=True).start()


def _exit_code(message: str) -> str:
    """What loky says of how the process ended, in a few words."""
    _, _, codes = message.partition("exit codes of the workers are {")
    code = codes.partition("}")[0] or "unknown"
    hint = "; out of memory?" if code.startswith("SIGKILL") else ""
    return f"its process ended with {code}{hint}"


def default_workers(gpus: Sequence[str]) -> int:
    """One worker for each GPU, or for each processor that this process may use."""
    if gpus:
        return len(gpus)
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
