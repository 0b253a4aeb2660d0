"""Runs on a Dask cluster that is there already."""

from __future__ import annotations

import uuid
from concurrent.futures import CancelledError
from dataclasses import replace
from typing import TYPE_CHECKING

import distributed

from tnverify.analyses.sweep.engines.engine import EngineError, WorkerDiedError
from tnverify.analyses.sweep.job import Job, carry_out

if TYPE_CHECKING:
    from collections.abc import Sequence


PATIENCE = 20.0
"""Seconds to wait for a scheduler to answer."""


class DaskEngine:
    """Each run is a task of the cluster's scheduler, which finds it another worker if one dies.

    With `gpus` every worker process takes one of its machine's for itself; workers then need one
    thread each.
    """

    attempts = 1  # the scheduler has tried several workers by then ("allowed-failures")

    def __init__(self, address: str, workers: int | None, gpus: Sequence[str] = ()) -> None:
        self._gpus = tuple(gpus)
        self._address = address
        try:
            self._client = distributed.Client(address, timeout=PATIENCE, set_as_default=False)
        except (OSError, ValueError) as error:
            raise EngineError(
                f"no Dask scheduler answers at {address!r} ({error}): start one with `dask "
                "scheduler` and workers with `dask worker`, and pass its address, as "
                "dask:tcp://HOST:8786"
            ) from error
        # No more at once than there are threads: a run that waits behind another on one worker
        # would be blamed by Dask when that one brings the worker down.
        self.lanes = workers or sum(self._client.nthreads().values())
        if not self.lanes:
            self.close(now=True)
            raise EngineError(
                f"the Dask cluster at {address} has no workers: start some with `dask worker "
                f"{address}`, or pass how many runs to hand over at once if it grows with them"
            )

    def finish(self, job: Job) -> str | None:
        """See `Engine`."""
        future = self._client.submit(
            carry_out,
            replace(job, gpus=self._gpus),
            key=f"tnverify_run-{uuid.uuid4().hex}",
            pure=False,
        )
        try:
            error: str | None = future.result()
        except distributed.KilledWorker as died:
            raise WorkerDiedError(f"every worker that Dask gave it to ended ({died})") from died
        except (CancelledError, OSError) as lost:
            raise EngineError(
                f"the Dask scheduler at {self._address} was lost ({lost}): what is finished is "
                "kept; start the cluster and run the same command again"
            ) from lost
        return error

    def close(self, *, now: bool) -> None:
        """See `Engine`. What runs in a Dask worker cannot be ended; it ends when it next tells."""
        self._client.close(timeout=5)
