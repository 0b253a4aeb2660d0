"""Files that appear whole or not at all, whoever writes them and whoever reads meanwhile."""

from __future__ import annotations

import os
import uuid
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

TEMPORARY = ".tmp"
"""How the names of unfinished files end; they begin with a dot."""


def write_once(path: Path, content: bytes) -> bool:
    """Makes `path` with `content`; False, and nothing changed, where it exists already.

    Of several writers at the same time one wins. Where the file system has no hard links the
    last to finish does; each still writes a whole file.
    """
    temporary = _write_aside(path, content)
    try:
        os.link(temporary, path)
    except FileExistsError:
        return False
    except OSError:
        if path.exists():
            return False
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    _sync_folder(path.parent)
    return True


def write_over(path: Path, content: bytes) -> None:
    """Makes `path` with `content`, in place of what is there."""
    temporary = _write_aside(path, content)
    try:
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    _sync_folder(path.parent)


def _write_aside(path: Path, content: bytes) -> Path:
    """A file beside `path` with `content`, on the disk for good."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}-{uuid.uuid4().hex}{TEMPORARY}")
    with temporary.open("xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    return temporary


def _sync_folder(folder: Path) -> None:
    """Puts the folder's own entries on the disk, where the system can."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
