"""One run as it is handed to a worker, wherever that is, and what the worker does with it."""

from __future__ import annotations

import functools
import platform
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tnverify.analyses.records import RecordStore, code_version
from tnverify.analyses.sweep.gpu import take_gpu
from tnverify.analyses.sweep.workplace import Workplace

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import ArrayLike


@dataclass(frozen=True, slots=True)
class Trained:
    """What a run found: figures as plain JSON, and columns named "group/column"."""

    results: Mapping[str, Any]
    arrays: Mapping[str, ArrayLike] = field(default_factory=dict)


TrainOne = Callable[[dict[str, Any], Workplace], Trained]
"""What is run for each configuration. It is sent to the workers by cloudpickle, and so must be
importable there or carry all that it needs."""


@dataclass(frozen=True, slots=True)
class Layout:
    """The folders of a sweep, on a disk that all its workers share."""

    out: Path

    @property
    def records(self) -> Path:
        return self.out / "records"

    def workplace(self, name: str) -> Path:
        return self.out / "unfinished" / name

    def failure(self, name: str) -> Path:
        return self.out / "failures" / f"{name}.txt"


@dataclass(frozen=True, slots=True)
class Job:
    """A run to be carried out.

    `code` is the version of `sources` where the sweep was started; `gpus` are those of each
    machine of which a worker takes one by itself, empty where the engine hands them out.
    """

    name: str
    configuration: dict[str, Any]
    train_one: TrainOne
    layout: Layout
    code: str
    sources: tuple[str, ...]
    gpus: tuple[str, ...] = ()


def carry_out(job: Job) -> str | None:
    """Trains, and writes the record; what went wrong, or None. Called in a worker."""
    store = RecordStore(job.layout.records, job.code)
    try:
        here = _code_of_this_process(job.sources)
        if here != job.code:
            return (
                f"the worker on {platform.node()} has other sources ({here}) than where the sweep "
                f"was started ({job.code}): install the same tnverify there and restart the worker"
            )
        if store.find(job.name) is not None:
            return None
        take_gpu(job.gpus)
        workplace = Workplace(job.layout.workplace(job.name))
        started = time.perf_counter()
        trained = job.train_one(dict(job.configuration), workplace)
        seconds = time.perf_counter() - started
        store.write(job.configuration, trained.results, trained.arrays, seconds=seconds)
        workplace.clear()
    except (Exception, SystemExit):  # noqa: BLE001 - one run that fails must not end the others
        return traceback.format_exc()
    return None


@functools.cache
def _code_of_this_process(sources: tuple[str, ...]) -> str:
    """As it was at the process's first run: what is edited later is not what it has imported."""
    return code_version(sources)
