"""Runs on a Ray cluster that is there already."""

from __future__ import annotations

import logging
import socket
import threading
from typing import TYPE_CHECKING, Any

import ray

from tnverify.analyses.sweep.engines.engine import EngineError, WorkerDiedError
from tnverify.analyses.sweep.job import Job, carry_out

if TYPE_CHECKING:
    from collections.abc import Sequence


MOST_LANES = 500
"""So many runs at most are in Ray's hands; the others wait here."""

PATIENCE = 20.0
"""Seconds to wait for a cluster to answer."""


class RayEngine:
    """Each run is a Ray task that takes one CPU and, with `gpus`, one of the cluster's GPUs.

    Only the number of `gpus` counts, and how often each is listed: listed twice, a run takes half
    of one. Ray shows each worker its own.
    """

    attempts = 2

    def __init__(self, address: str, workers: int | None, gpus: Sequence[str] = ()) -> None:
        # More than there are workers: Ray queues them, and a cluster that grows with its work
        # has to see it.
        self.lanes = workers or MOST_LANES
        self._running: set[Any] = set()
        self._closed = False
        self._lock = threading.Lock()
        self._started = not ray.is_initialized()
        if self._started:
            try:
                _knock(address)
                ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
            except (ConnectionError, OSError, RuntimeError, ValueError) as error:
                raise EngineError(
                    f"no Ray cluster answers at {address!r} ({error}): start one with `ray start "
                    "--head`, and pass its address, as ray:auto or ray:HOST:6379"
                ) from error
        share = len(set(gpus)) / len(gpus) if gpus else 0
        self._remote = ray.remote(num_cpus=1, num_gpus=share, max_retries=0)(carry_out)

    def finish(self, job: Job) -> str | None:
        """See `Engine`."""
        with self._lock:
            # Ray would start a cluster of its own for what is handed over after its end.
            if self._closed:
                raise EngineError("the sweep was stopped")
            running = self._remote.remote(job)
            self._running.add(running)
        try:
            error: str | None = ray.get(running)
        except (
            ray.exceptions.WorkerCrashedError,
            ray.exceptions.NodeDiedError,
            ray.exceptions.OutOfMemoryError,
            ray.exceptions.OwnerDiedError,
        ) as died:
            raise WorkerDiedError(str(died).splitlines()[0]) from died
        except ray.exceptions.TaskCancelledError as stopped:
            raise EngineError("the sweep was stopped") from stopped
        except ray.exceptions.RayTaskError as failed:
            # Not the run itself, which tells its failures: it never began.
            return str(failed)
        except ray.exceptions.RayError as lost:
            raise EngineError(
                f"the Ray cluster was lost ({lost}): what is finished is kept; start the cluster "
                "and run the same command again"
            ) from lost
        finally:
            with self._lock:
                self._running.discard(running)
        return error

    def close(self, *, now: bool) -> None:
        """See `Engine`."""
        with self._lock:
            self._closed = True
            running = list(self._running)
        if now:
            for each in running:
                ray.cancel(each, force=True)
        if self._started:
            ray.shutdown()


def _knock(address: str) -> None:
    """Raises OSError where nothing listens at HOST:PORT; Ray itself would try for minutes."""
    host, colon, port = address.rpartition(":")
    if colon and port.isdigit() and "/" not in host:
        socket.create_connection((host, int(port)), timeout=PATIENCE).close()
