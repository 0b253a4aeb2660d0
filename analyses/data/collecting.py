"""Classes of image files, decoded once into one array in the cache.

Omniglot, miniImageNet's folders and plain folders differ in how they name files; from here on
they are the same.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .cache import key_of, stored
from .dataset import SPLITS, ClassOfImages, assembled
from .decoding import decoded
from .errors import DataError
from .images import ArrayImages

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from .cache import Allocate
    from .dataset import Dataset

    Progress = Callable[[int, int], None]

EXTENSIONS: frozenset[str] = frozenset(
    (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp")
)
"""Endings, in lower case, of files that are taken for images; others are passed over."""


BLANK = "images of one value"
"""The note on images that show nothing: a fault of the files, or of how they are read."""

_READING = 2
"""To be raised where the same file is read as other pixels: what was decoded before is not used."""


@dataclass(frozen=True)
class ClassOfFiles:
    """A class as it lies on disk. `quarter_turns` rotates its images counter-clockwise."""

    split: str
    name: str
    files: tuple[Path, ...]
    group: str = ""
    quarter_turns: int = 0


@dataclass(frozen=True)
class Format:
    """How files become pixels: sides and channels, and whether dark and bright change places."""

    side: int
    channels: int
    inverted: bool = False


def collected(
    name: str,
    root: Path,
    classes: Sequence[ClassOfFiles],
    wanted: Format,
    progress: Progress | None = None,
    notes: Mapping[str, str | int] | None = None,
) -> Dataset:
    """The data set of these classes, splits in the order of `SPLITS`, with `notes` on it.

    Files are decoded on the first call and when one changed (its name, size or time). Raises
    `DataError` for a class without images, a class named twice in a split, and a damaged file.
    """
    ordered = [c for split in SPLITS for c in classes if c.split == split]
    _checked(name, root, ordered)
    files = [file for c in ordered for file in c.files]
    turns = [c.quarter_turns for c in ordered for _ in c.files]

    def fill(allocate: Allocate) -> Mapping[str, object]:
        values = allocate((len(files), wanted.channels, wanted.side, wanted.side))
        blank: list[Path] = []
        for i, (file, turn) in enumerate(zip(files, turns, strict=True)):
            pixels = decoded(file, str(file), side=wanted.side, channels=wanted.channels)
            if turn:
                pixels = np.rot90(pixels, turn, axes=(1, 2))
            values[i] = 255 - pixels if wanted.inverted else pixels
            if pixels.min() == pixels.max():
                blank.append(file)
            if progress is not None:
                progress(i + 1, len(files))
        return _noted(blank, root)

    entry = stored(name, _key(root, ordered, wanted), fill)
    found = [ClassOfImages(c.split, c.name, len(c.files), c.group) for c in ordered]
    notes = {"source": str(root), "images": len(files), **(notes or {})}
    notes |= {name: str(said) for name, said in entry.notes.items()}
    return assembled(name, found, ArrayImages(entry.values), entry.digest, notes)


def _noted(blank: Sequence[Path], root: Path) -> Mapping[str, object]:
    """Return the note on images that show nothing: how many, and the first, to find them by."""
    if not blank:
        return {}
    return {BLANK: f"{len(blank)}, such as {os.path.relpath(blank[0], root)}"}


def images_in(folder: Path) -> tuple[Path, ...]:
    """The image files that lie directly in a folder, by name; hidden ones are passed over."""
    return tuple(
        sorted(
            path
            for path in listed(folder)
            if path.suffix.lower() in EXTENSIONS and not path.name.startswith(".")
        )
    )


def folders_in(folder: Path) -> tuple[Path, ...]:
    """The folders that lie directly in a folder, by name; hidden ones are passed over."""
    return tuple(
        sorted(path for path in listed(folder) if path.is_dir() and not path.name.startswith("."))
    )


def listed(folder: Path) -> list[Path]:
    """What lies in a folder; a `DataError` where it is none or cannot be read."""
    try:
        return list(folder.iterdir())
    except FileNotFoundError as error:
        raise DataError(f"{folder}: there is no such folder") from error
    except NotADirectoryError as error:
        raise DataError(f"{folder} is a file; a folder is wanted") from error
    except OSError as error:
        raise DataError(f"{folder}: cannot be read ({error.strerror})") from error


def _checked(name: str, root: Path, classes: Sequence[ClassOfFiles]) -> None:
    if not classes:
        raise DataError(f"{root}: no class of images for {name} there")
    seen: set[tuple[str, str]] = set()
    for c in classes:
        if not c.files:
            raise DataError(f"{root}: class {c.name!r} of {c.split} has no images")
        if (c.split, c.name) in seen:
            raise DataError(f"{root}: class {c.name!r} is named twice in {c.split}")
        seen.add((c.split, c.name))


def _key(root: Path, classes: Sequence[ClassOfFiles], wanted: Format) -> str:
    import PIL

    described = []
    for c in classes:
        files = []
        for file in c.files:
            try:
                status = file.stat()
            except OSError as error:
                raise DataError(f"{file}: {error.strerror}") from error
            files.append((os.path.relpath(file, root), status.st_size, status.st_mtime_ns))
        described.append((c.split, c.name, c.group, c.quarter_turns, files))
    look = (wanted.side, wanted.channels, wanted.inverted)
    return key_of(str(root.resolve()), described, look, PIL.__version__, _READING)
