"""Where reports and reproducers go: checked before a run, written whole or not at all."""

from __future__ import annotations

import os
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

from tnverify import __version__


class OutputError(Exception):
    """An output path that cannot be written; the message is one line that says why."""


def check_file(path: Path, option: str) -> None:
    """Raise OutputError, naming `option`, unless a file can be written at `path`."""
    if path.is_dir():
        raise OutputError(f"{option} {path}: it is a folder; name a file")
    if not path.parent.is_dir():
        raise OutputError(f"{option} {path}: there is no folder {path.parent}")
    if path.exists() and not os.access(path, os.W_OK):
        raise OutputError(f"{option} {path}: the file is there and cannot be written")
    if path.is_file() or not path.exists():
        _try(path.resolve().parent, path, option)


def check_folder(path: Path, option: str) -> None:
    """Raise OutputError, naming `option`, unless `path` is, or can be made, a folder to write in.

    Folders made in trying are removed again: a run that finds nothing leaves nothing.
    """
    made: list[Path] = []
    try:
        for folder in reversed((path, *path.parents)):
            if not folder.is_dir():
                folder.mkdir()
                made.append(folder)
        _try(path, path, option)
    except OSError as error:
        raise OutputError(f"{option} {path}: {_why(error)}") from None
    finally:
        for folder in reversed(made):
            with suppress(OSError):  # someone else put a file there meanwhile: leave it
                folder.rmdir()


def write_atomically(path: Path, text: str) -> None:
    """Write `text` (UTF-8) beside `path`, then put it in its place in one step.

    A link is followed, and a pipe or device (`/dev/stdout`) is written to, never replaced.
    """
    path = path.resolve()
    if path.exists() and not path.is_file():
        path.write_text(text, encoding="utf-8")
        return
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        # mkstemp makes files that only their owner reads; a report is as public as any file.
        Path(temporary).chmod(0o666 & ~_umask())
        Path(temporary).replace(path)
    except BaseException:
        with suppress(FileNotFoundError):
            Path(temporary).unlink()
        raise


def _try(folder: Path, path: Path, option: str) -> None:
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise OutputError(f"{option} {path}: {_why(error)}") from None


def _why(error: OSError) -> str:
    where = f" ({error.filename})" if error.filename else ""
    return f"{error.strerror or error}{where}"


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def kept_traceback(text: str) -> str:
    """Write a traceback to a file of its own, to be sent with a report of a bug; its path."""
    with tempfile.NamedTemporaryFile(
        "w", prefix="tnverify-", suffix=".traceback.txt", delete=False, encoding="utf-8",
        errors="backslashreplace",
    ) as file:  # fmt: skip
        file.write(f"tnverify {__version__}, Python {sys.version}\n{text}")
    return file.name
