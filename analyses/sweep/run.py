"""A sweep: every configuration trained once, wherever there is room, and kept as records.

joblib hands the runs out, from threads that each wait for one run in a process of the engine. Its
own process, Dask and Ray back ends would do so too, but with two of the three one worker that
dies ends all the others; and none can say which run it was.
"""

from __future__ import annotations

import contextlib
import functools
import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from joblib import Parallel, delayed

from tnverify.analyses.records import Note, Record, RecordStore, code_version, scan
from tnverify.analyses.records.atomic import write_over
from tnverify.analyses.sweep.display import shown
from tnverify.analyses.sweep.engines import Engine, WorkerDiedError, open_engine
from tnverify.analyses.sweep.job import Job, Layout, TrainOne
from tnverify.analyses.sweep.lock import alone_in
from tnverify.analyses.sweep.progress import read_progress
from tnverify.analyses.sweep.workplace import dismiss

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

SHARED_DISK_DELAY = 10.0
"""Seconds that a record may take to be seen here that a worker elsewhere has written."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A run without a record, and why."""

    name: str
    configuration: Mapping[str, Any]
    reason: str


@dataclass(frozen=True, slots=True)
class Swept:
    """What a sweep came to.

    `records` are those of all configurations that have one, in their order; `trained` are the
    names of those made by this call. Runs that failed are tried again by the next call.
    """

    records: tuple[Record, ...]
    trained: tuple[str, ...]
    failures: tuple[Failure, ...]
    notes: tuple[Note, ...]


def run_sweep(
    configurations: Sequence[Mapping[str, Any]],
    train_one: TrainOne,
    out: Path | str,
    engine: str = "local",
    *,
    sources: Sequence[str],
    workers: int | None = None,
    gpus: Sequence[str] = (),
    title: str = "training",
    quiet: bool = False,
) -> Swept:
    """Trains every configuration that has no record in `out` yet.

    - `configurations`: plain JSON, each with its seed; equal ones are one run;
    - `train_one(configuration, workplace)`: returns `Trained`; called in a worker process;
    - `out`: a folder that all workers reach by the same path: `records`, `unfinished` with what
      runs keep until they are finished, `failures` with what went wrong;
    - `engine`, `workers`, `gpus`: see `open_engine`;
    - `sources`: modules and packages whose change makes every run a new one.

    A run that fails is told in the result and in `out/failures`, and the others go on. One whose
    process died is handed over once more. On Ctrl-C, and if this process is killed, what is
    finished is kept, and the same call goes on from there.

    Raises EngineError where there is no such engine or it was lost, BusyError where another sweep
    is at work in `out`, TypeError or ValueError where a configuration is no plain JSON.
    """
    layout = Layout(Path(out).resolve())
    store = RecordStore(layout.records, code_version(sources))
    wanted = {store.name(each): dict(each) for each in configurations}
    with alone_in(layout.out):
        notes = scan(layout.records).notes if layout.records.is_dir() else ()
        found = {name for name in wanted if store.find(name) is not None}
        jobs = [
            Job(name, configuration, train_one, layout, store.code, tuple(sources))
            for name, configuration in wanted.items()
            if name not in found
        ]
        watch = functools.partial(read_progress, layout, set(wanted), found)
        with contextlib.nullcontext() if quiet or not jobs else shown(watch, title):
            failures = _carry_out_all(jobs, store, engine, workers, gpus) if jobs else ()
    failed = {failure.name for failure in failures}
    records = (store.find(name) for name in wanted)
    return Swept(
        records=tuple(record for record in records if record is not None),
        trained=tuple(job.name for job in jobs if job.name not in failed),
        failures=failures,
        notes=notes,
    )


def _carry_out_all(
    jobs: Sequence[Job],
    store: RecordStore,
    spec: str,
    workers: int | None,
    gpus: Sequence[str],
) -> tuple[Failure, ...]:
    engine = open_engine(spec, runs=len(jobs), workers=workers, gpus=gpus)
    try:
        # Every run is handed over by itself, and by whichever thread is free.
        parallel = Parallel(n_jobs=min(engine.lanes, len(jobs)), backend="threading", batch_size=1)
        failures = parallel(delayed(_finish)(engine, job, store) for job in jobs)
    except BaseException:
        for job in jobs:
            dismiss(job.layout.workplace(job.name))
        engine.close(now=True)
        raise
    engine.close(now=False)
    return tuple(failure for failure in failures if failure is not None)


def _finish(engine: Engine, job: Job, store: RecordStore) -> Failure | None:
    """Has one run carried out, again if its worker dies; its failure, if it is one."""
    for attempt in range(1, engine.attempts + 1):
        try:
            reason = engine.finish(job)
            break
        except WorkerDiedError as died:
            reason = f"its worker died, {attempt} of {engine.attempts} times: {died}"
    # What has a record has not failed, whatever became of the worker.
    if _has_record(store, job.name, wait=reason is None):
        job.layout.failure(job.name).unlink(missing_ok=True)
        return None
    if reason is None:
        reason = (
            f"its worker wrote a record that is not in {job.layout.records} here: is that folder "
            "on a disk that all workers share, at the same path?"
        )
    told = f"{json.dumps(job.configuration, indent=1)}\n\n{reason}\n"
    write_over(job.layout.failure(job.name), told.encode())
    return Failure(job.name, job.configuration, reason)


def _has_record(store: RecordStore, name: str, *, wait: bool) -> bool:
    """Whether the run is recorded; with `wait`, a shared disk has some time to show it."""
    until = time.monotonic() + (SHARED_DISK_DELAY if wait else 0.0)
    while store.find(name) is None:
        if time.monotonic() >= until:
            return False
        time.sleep(0.2)
    return True
