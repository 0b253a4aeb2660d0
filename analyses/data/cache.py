"""Arrays that are made once and kept on disk: written whole or not at all, checked when read.

An entry is a folder `KIND/KEY` with the array in `values.npy` and facts in `about.json`, the
hash of the array's file among them. It is filled under another name and renamed, so that any
number of processes may make the same entry at once: one wins, all read the same bytes.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import time
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from .errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    Allocate = Callable[[tuple[int, ...]], NDArray[np.uint8]]
    Fill = Callable[[Allocate], Mapping[str, object]]

_VALUES, _ABOUT = "values.npy", "about.json"
_DAY = 86_400.0


@dataclass(frozen=True, eq=False)
class Entry:
    """An array of bytes mapped from the cache (read-only), what was noted when it was made, and
    the hash of its file."""

    values: NDArray[np.uint8]
    notes: Mapping[str, object]
    digest: str


def cache_root() -> Path:
    """TNVERIFY_CACHE, or `tnverify` in XDG_CACHE_HOME, or in `~/.cache`."""
    named = os.environ.get("TNVERIFY_CACHE")
    if named:
        return Path(named)
    home = os.environ.get("XDG_CACHE_HOME")
    return (Path(home) if home else Path.home() / ".cache") / "tnverify"


def key_of(*parts: object) -> str:
    """A short hash of JSON-ready values, the name of a cache entry."""
    text = json.dumps(parts, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def hash_of_file(path: Path) -> str:
    """The SHA-256 of a file's bytes. Raises `DataError` where it cannot be read."""
    try:
        with path.open("rb") as opened:
            return hashlib.file_digest(opened, "sha256").hexdigest()
    except OSError as error:
        raise DataError(f"{path}: {error.strerror}") from error


def stored(kind: str, key: str, fill: Fill) -> Entry:
    """The entry `kind`/`key`, made by `fill` if it is not there or is damaged.

    `fill` is given a function that makes an array of bytes of a shape, which it calls once; it
    writes the array and returns JSON-ready notes. Raises `DataError` where the cache folder
    cannot be written.
    """
    folder = cache_root() / kind / key
    found = _opened(folder)
    if found is not None:
        return found
    _sweep(folder)
    try:
        work = folder.with_name(f".{key}-{uuid.uuid4().hex}")
        work.mkdir(parents=True)
    except OSError as error:
        raise DataError(
            f"cannot write the cache folder {folder.parent} ({error.strerror}); set "
            "TNVERIFY_CACHE to a folder that can be written"
        ) from error
    try:
        _fill(work, fill)
        _publish(work, folder)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    made = _opened(folder)
    if made is None:
        raise DataError(f"{folder} was written and then could not be read back; is the disk full?")
    return made


def _sweep(folder: Path) -> None:
    """Remove what killed processes left of this entry a day or longer ago."""
    for left in folder.parent.glob(f".{folder.name}-*"):
        with contextlib.suppress(FileNotFoundError):  # another process sweeps too
            if time.time() - left.stat().st_mtime > _DAY:
                shutil.rmtree(left, ignore_errors=True)


def _fill(work: Path, fill: Fill) -> None:
    path = work / _VALUES
    made: list[np.memmap[tuple[int, ...], np.dtype[np.uint8]]] = []

    def allocate(shape: tuple[int, ...]) -> NDArray[np.uint8]:
        made.append(np.lib.format.open_memmap(path, mode="w+", dtype=np.uint8, shape=shape))
        return made[0]

    notes = fill(allocate)
    (values,) = made
    values.flush()
    about = {"notes": dict(notes), "sha256": hash_of_file(path)}
    (work / _ABOUT).write_text(json.dumps(about, indent=1, sort_keys=True), encoding="utf-8")


def _publish(work: Path, folder: Path) -> None:
    """Give the filled folder its name, unless a sound one of another process has it."""
    for attempt in range(3):
        try:
            work.rename(folder)
        except OSError:
            if _opened(folder) is not None:
                return
            # A damaged entry is in the way: it is moved aside, where nobody looks for it. Another
            # process may be doing the same, so the name is tried for again.
            aside = work.with_name(f"{work.name}-damaged-{attempt}")
            with contextlib.suppress(FileNotFoundError):
                folder.rename(aside)
            shutil.rmtree(aside, ignore_errors=True)
        else:
            return


def _opened(folder: Path) -> Entry | None:
    """The entry in `folder`, or None where there is no sound one."""
    path = folder / _VALUES
    try:
        about = json.loads((folder / _ABOUT).read_text(encoding="utf-8"))
        if hash_of_file(path) != about["sha256"]:
            return None
        values = np.load(path, mmap_mode="r", allow_pickle=False)
    except (DataError, OSError, ValueError, KeyError, TypeError):
        # Not there, cut short, or not JSON: it is made again.
        return None
    return Entry(values, about["notes"], about["sha256"])
