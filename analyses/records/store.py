"""A folder of records that many processes, on many machines, may write and read at once.

A record is `NAME.json` and, where it has arrays, `NAME-HASH.npz` beside it. The JSON file is made
last and appears whole, so what it names is there; a worker that is killed leaves nothing that
counts. The first to finish a run keeps it, and later ones leave it as it is.
"""

from __future__ import annotations

import contextlib
import hashlib
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from tnverify.analyses.records.arrays import columns, pack
from tnverify.analyses.records.atomic import TEMPORARY, write_once, write_over
from tnverify.analyses.records.plain import plain
from tnverify.analyses.records.record import (
    DamagedRecordError,
    Record,
    environment,
    read_record,
    record_name,
    to_json,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import ArrayLike


STALE = 3600.0
"""An unfinished file of this age, in seconds, is of a writer that was killed."""


@dataclass(frozen=True, slots=True)
class Note:
    """A file among the records that is no record, and what is wrong with it."""

    path: Path
    problem: str

    def __str__(self) -> str:
        return f"{self.path.name} {self.problem}; it is left out, and its run will be run again"


@dataclass(frozen=True, slots=True)
class Scan:
    """All sound records of a folder, by name, and notes on what is unsound."""

    records: tuple[Record, ...]
    notes: tuple[Note, ...]


class RecordStore:
    """The records of `folder` (made when first written to) of one version of the code."""

    def __init__(self, folder: Path, code: str) -> None:
        self.folder = folder
        self.code = code

    def name(self, configuration: Mapping[str, Any]) -> str:
        """What a run of `configuration` is called.

        Raises TypeError or ValueError where a configuration is not plain JSON.
        """
        return record_name(configuration, self.code)

    def path(self, name: str) -> Path:
        """The JSON file of a run, whether it is there or not."""
        return self.folder / f"{name}.json"

    def find(self, name: str) -> Record | None:
        """The record of a run; None where there is none that is sound."""
        try:
            return read_record(self.path(name))
        except (FileNotFoundError, DamagedRecordError):
            return None

    def names(self) -> set[str]:
        """The names of all runs that have a record, sound or not: quick, for progress."""
        if not self.folder.is_dir():
            return set()
        return {path.stem for path in self.folder.glob("*.json")}

    def write(
        self,
        configuration: Mapping[str, Any],
        results: Mapping[str, Any],
        arrays: Mapping[str, ArrayLike] | None = None,
        *,
        seconds: float = 0.0,
    ) -> Record:
        """The record of a run that is finished: this one, or the one that was there before.

        Figures go to `results`, as plain JSON; what has a value for each task, step or layer
        goes to `arrays`, as columns named "group/column" (see `arrays.columns`).
        """
        name = self.name(configuration)
        content = pack(columns(arrays)) if arrays else None
        sha256 = content and hashlib.sha256(content).hexdigest()
        record = Record(
            name=name,
            configuration=plain(configuration, "configuration"),
            code=self.code,
            results=plain(results, "results"),
            seconds=float(seconds),
            finished=datetime.now(UTC).isoformat(timespec="seconds"),
            environment=environment(),
            arrays_file=self.folder / f"{name}-{sha256[:12]}.npz" if sha256 else None,
            arrays_sha256=sha256 or None,
        )
        text = to_json(record)
        if content is not None and record.arrays_file is not None:
            write_over(record.arrays_file, content)
        if not write_once(self.path(name), text):
            standing = self.find(name)
            if standing is None:  # what is there is damaged
                write_over(self.path(name), text)
                return record
            record = standing
        self._tidy(record)
        return record

    def _tidy(self, record: Record) -> None:
        """Removes what attempts at a run left behind, now that its record stands."""
        for path in self.folder.glob(f"{record.name}-*.npz"):
            if path != record.arrays_file:
                path.unlink(missing_ok=True)
        for path in self.folder.glob(f".{record.name}*{TEMPORARY}"):
            # A younger one may be another writer's, who is about to find this record.
            with contextlib.suppress(FileNotFoundError):
                if time.time() - path.stat().st_mtime > STALE:
                    path.unlink()


def scan(folder: Path) -> Scan:
    """All records of a folder, of whatever version of the code.

    Reads while others write. What is damaged is noted and left out. Raises FileNotFoundError
    where there is no such folder.
    """
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder} is no folder of records")
    records, notes = [], []
    for path in sorted(folder.glob("*.json")):
        try:
            records.append(read_record(path))
        except DamagedRecordError as error:
            notes.append(Note(path, str(error)))
        except OSError as error:
            notes.append(Note(path, f"cannot be read ({error.strerror})"))
    return Scan(tuple(records), tuple(notes))
