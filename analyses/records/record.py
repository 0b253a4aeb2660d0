"""One trained run as it is kept, and what it looks like on disk."""

from __future__ import annotations

import hashlib
import json
import platform
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from tnverify import __version__
from tnverify.analyses.records.arrays import Columns, unpack
from tnverify.analyses.records.plain import Plain, canonical, plain

if TYPE_CHECKING:
    from pathlib import Path

FORMAT = 1
"""The layout of a record's JSON; a reader refuses what it does not know."""


class DamagedRecordError(ValueError):
    """A file that is no whole record; the message says what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Record:
    """A run that is finished.

    - `configuration`: what was run; `code`: the version of the sources that ran it;
    - `results`: its figures, as JSON; `columns()`: its arrays, read when first asked for;
    - `seconds`: how long it took, of the attempt that finished it; `finished`: when, in UTC;
    - `environment`: versions and machine, for the reader alone.
    """

    name: str
    configuration: Plain
    code: str
    results: Plain
    seconds: float
    finished: str
    environment: Plain
    arrays_file: Path | None = None
    arrays_sha256: str | None = None
    _columns: Columns = field(default_factory=dict, repr=False, compare=False)

    def columns(self) -> Columns:
        """Arrays by "group/column"; empty where there are none.

        Raises DamagedRecordError where the file is missing or not the one that was written.
        """
        if self.arrays_file is None:
            return {}
        if not self._columns:
            self._columns.update(unpack(checked_bytes(self.arrays_file, self.arrays_sha256 or "")))
        return dict(self._columns)


FINGERPRINTS = "fingerprints"
"""The entry of a configuration that says what its data hold: by the word that names them."""


def record_name(configuration: Mapping[str, Any], code: str) -> str:
    """Return twenty hex digits that stand for a configuration and a version of the code.

    Where the configuration has the fingerprints of its data, these stand in the place of the
    words that say where the data lie: data that were moved are the same, and data that were
    changed are others.
    """
    known = configuration.get(FINGERPRINTS) or {}
    rest = {name: value for name, value in configuration.items() if name != FINGERPRINTS}
    named = plain(_by_content(rest, known), "configuration")
    content = canonical({"configuration": named, "code": code}, "")
    return hashlib.sha256(content.encode()).hexdigest()[:20]


def _by_content(value: Any, known: Mapping[str, Any]) -> Any:
    """The value with the fingerprints that are known in the place of each entry `data`."""
    if isinstance(value, Mapping):
        return {
            name: known.get(inner, inner)
            if name == "data" and isinstance(inner, str)
            else _by_content(inner, known)
            for name, inner in value.items()
        }
    if isinstance(value, list | tuple):
        return [_by_content(each, known) for each in value]
    return value


def to_json(record: Record) -> bytes:
    """The record's JSON file."""
    arrays = record.arrays_file and {
        "file": record.arrays_file.name,
        "sha256": record.arrays_sha256,
    }
    content = {
        "format": FORMAT,
        "name": record.name,
        "configuration": record.configuration,
        "code": record.code,
        "results": record.results,
        "arrays": arrays,
        "seconds": record.seconds,
        "finished": record.finished,
        "environment": record.environment,
    }
    return (json.dumps(content, indent=1, allow_nan=False) + "\n").encode()


def read_record(path: Path) -> Record:
    """The record in a JSON file, its arrays checked to be those that were written.

    Raises DamagedRecordError where the file is cut short, of another format, under another
    record's name, or its arrays are missing or changed.
    """
    try:
        content = json.loads(path.read_bytes())
        if content["format"] != FORMAT:
            raise DamagedRecordError(
                f"is of format {content['format']}, and this version reads format {FORMAT}"
            )
        arrays = content["arrays"]
        record = Record(
            name=content["name"],
            configuration=content["configuration"],
            code=content["code"],
            results=content["results"],
            seconds=content["seconds"],
            finished=content["finished"],
            environment=content["environment"],
            arrays_file=path.with_name(arrays["file"]) if arrays else None,
            arrays_sha256=arrays["sha256"] if arrays else None,
        )
        expected = record_name(record.configuration, record.code)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        if isinstance(error, DamagedRecordError):
            raise
        raise DamagedRecordError(f"is no whole record ({type(error).__name__}: {error})") from error
    if not expected == record.name == path.stem:
        raise DamagedRecordError(f"holds the run {expected}: it was renamed or edited")
    if record.arrays_file is not None:
        checked_bytes(record.arrays_file, record.arrays_sha256 or "")
    return record


def checked_bytes(path: Path, sha256: str) -> bytes:
    """The content of a file whose hash is known; raises DamagedRecordError where it differs."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise DamagedRecordError(f"lacks its arrays, {path.name}") from None
    if hashlib.sha256(content).hexdigest() != sha256:
        raise DamagedRecordError(f"has arrays that were changed or cut short, {path.name}")
    return content


def environment() -> Plain:
    """Versions and machine of this process; torch's only where it is in use."""
    found: Plain = {
        "tnverify": __version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "platform": platform.platform(),
    }
    torch = sys.modules.get("torch")
    if torch is not None:
        found["torch"] = str(torch.__version__)
        cuda = torch.cuda.is_available() and torch.cuda.is_initialized()
        found["device"] = torch.cuda.get_device_name() if cuda else "cpu"
    return found
