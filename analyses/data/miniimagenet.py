"""miniImageNet (Vinyals et al. 2016; splits of Ravi and Larochelle 2017) from disk.

Three forms are in use. A folder `images` and the splits as train.csv, val.csv and test.csv with
columns filename and label. Pickles of `image_data` and `class_dict` (mini-imagenet-cache-*.pkl).
Pickles of `data` and `labels` (miniImageNet_category_split_*.pickle).
"""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING, Any

import numpy as np

from .cache import hash_of_file, key_of, stored
from .collecting import ClassOfFiles, Format, collected, listed
from .dataset import ClassOfImages, assembled
from .decoding import resized
from .errors import DataError
from .images import ArrayImages
from .unpickling import unpickled

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from .cache import Allocate
    from .collecting import Progress
    from .dataset import Dataset

NAME = "miniimagenet"

_CSV = {"train": "train.csv", "validation": "val.csv", "test": "test.csv"}
_CSV_PLACES = (".", "splits", "splits/ravi", "split")
_PICKLES = {
    "train": (
        "mini-imagenet-cache-train.pkl",
        "miniImageNet_category_split_train_phase_train.pickle",
        "train.pkl",
    ),
    "validation": (
        "mini-imagenet-cache-val.pkl",
        "miniImageNet_category_split_val.pickle",
        "val.pkl",
    ),
    "test": (
        "mini-imagenet-cache-test.pkl",
        "miniImageNet_category_split_test.pickle",
        "test.pkl",
    ),
}
_IMAGE_RANK = 4  # (images, height, width, colours)
_COLOURS = 3


def miniimagenet(
    root: Path, *, side: int = 84, channels: int = 3, progress: Progress | None = None
) -> Dataset:
    """miniImageNet under `root`, in whichever of its forms is there; `DataError` if none is."""
    listed(root)  # a missing or unreadable root is said at once
    place = next((root / p for p in _CSV_PLACES if (root / p / _CSV["train"]).is_file()), None)
    if place is not None:
        wanted = Format(side, channels)
        return collected(NAME, root, _by_tables(root, place), wanted, progress)
    pickles = {
        split: next((root / n for n in names if (root / n).is_file()), None)
        for split, names in _PICKLES.items()
    }
    present = {split: path for split, path in pickles.items() if path is not None}
    if not present:
        raise DataError(
            f"{root}: no miniImageNet there; train.csv with a folder images, or pickles such as "
            f"{_PICKLES['train'][0]} or {_PICKLES['train'][1]} are looked for{_hint(root)}"
        )
    return _by_pickles(root, present, side, channels, progress)


def _hint(root: Path) -> str:
    """Return the words that read the folder, if its layout is of another kind of data."""
    classes = (each for split in ("train", "val", "test") for each in root.glob(f"{split}/*/"))
    if not any(each.is_dir() for each in classes):
        return ""
    return f"; its folders of classes are read by --data folder:{root}"


def _by_tables(root: Path, place: Path) -> list[ClassOfFiles]:
    classes: list[ClassOfFiles] = []
    where: dict[str, str] = {}
    for split, file_name in _CSV.items():
        path = place / file_name
        if not path.is_file():
            continue
        files: dict[str, list[Path]] = {}
        for number, file, label in _lines(path):
            if where.setdefault(label, split) != split:
                raise DataError(f"{path}, line {number}: {label!r} is in {where[label]} already")
            files.setdefault(label, []).append(_image(root, path, number, file, label))
        classes.extend(ClassOfFiles(split, label, tuple(f)) for label, f in sorted(files.items()))
    return classes


def _lines(path: Path) -> list[tuple[int, str, str]]:
    """(line number, filename, label) of a table."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as opened:
            lines = list(csv.reader(opened))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path}: cannot be read as a table ({error})") from error
    if not lines or [cell.strip() for cell in lines[0][:2]] != ["filename", "label"]:
        raise DataError(f"{path}, line 1: the columns must be filename,label")
    found = []
    for number, cells in enumerate(lines[1:], start=2):
        if not cells:
            continue
        if len(cells) < 2 or not cells[0] or not cells[1]:
            raise DataError(f"{path}, line {number}: a file name and a label are wanted")
        found.append((number, cells[0], cells[1]))
    return found


def _image(root: Path, table: Path, number: int, file: str, label: str) -> Path:
    for path in (root / "images" / file, root / "images" / label / file):
        if path.is_file():
            return path
    raise DataError(f"{table}, line {number}: no file {root / 'images' / file}")


def _by_pickles(
    root: Path, paths: Mapping[str, Path], side: int, channels: int, progress: Progress | None
) -> Dataset:
    """The pickles are read whole once, then kept as one array that processes share."""

    def fill(allocate: Allocate) -> Mapping[str, object]:
        read = {split: _arrays(path) for split, path in paths.items()}
        _distinct(read, paths)
        total = sum(len(rows) for _, classes in read.values() for rows in classes.values())
        values = allocate((total, channels, side, side))
        done = 0
        for images, classes in read.values():
            for row in (row for rows in classes.values() for row in rows):
                values[done] = resized(images[row], side=side, channels=channels)
                done += 1
                if progress is not None:
                    progress(done, total)
        return {
            "classes": [
                (split, name, len(rows))
                for split, (_, classes) in read.items()
                for name, rows in classes.items()
            ]
        }

    key = key_of([(s, hash_of_file(p)) for s, p in paths.items()], side, channels)
    entry = stored(NAME, key, fill)
    classes: list[tuple[str, str, int]] = list(entry.notes["classes"])  # type: ignore[call-overload]  # our own note
    found = [ClassOfImages(split, name, images) for split, name, images in classes]
    notes: dict[str, str | int] = {"source": str(root), "images": len(entry.values)}
    return assembled(NAME, found, ArrayImages(entry.values), entry.digest, notes)


def _arrays(path: Path) -> tuple[NDArray[np.uint8], dict[str, list[int]]]:
    """The images of a pickle, (images, height, width, 3), and the rows of each class by name."""
    content = unpickled(path)
    if not isinstance(content, dict):
        raise DataError(f"{path}: holds {type(content).__name__}, not a dictionary")
    named = {k.decode("latin-1") if isinstance(k, bytes) else k: v for k, v in content.items()}
    if {"image_data", "class_dict"} <= named.keys():
        images, classes = named["image_data"], _rows_by_name(path, named["class_dict"])
    elif {"data", "labels"} <= named.keys():
        images, classes = named["data"], _rows_by_label(path, named["labels"])
    else:
        raise DataError(
            f"{path}: has {sorted(map(str, named))}; image_data and class_dict, or data and "
            "labels are wanted"
        )
    pixels = np.asarray(images)
    if pixels.dtype != np.uint8 or pixels.ndim != _IMAGE_RANK or pixels.shape[-1] != _COLOURS:
        raise DataError(
            f"{path}: images of shape {pixels.shape} and type {pixels.dtype}; bytes of "
            "(images, height, width, 3) are wanted"
        )
    for name, rows in classes.items():
        if not rows or min(rows) < 0 or max(rows) >= len(pixels):
            raise DataError(f"{path}: class {name!r} names images that are not there")
    if not classes:
        raise DataError(f"{path}: no classes in it")
    return pixels, dict(sorted(classes.items()))


def _rows_by_name(path: Path, given: Any) -> dict[str, list[int]]:
    if not isinstance(given, dict):
        raise DataError(f"{path}: class_dict is {type(given).__name__}, not a dictionary")
    classes = {}
    for name, rows in given.items():
        text = name.decode("latin-1") if isinstance(name, bytes) else str(name)
        classes[text] = _integers(path, rows, f"rows of class {text!r}")
    return classes


def _rows_by_label(path: Path, given: Any) -> dict[str, list[int]]:
    labels = _integers(path, given, "labels")
    classes: dict[str, list[int]] = {}
    for row, label in enumerate(labels):
        classes.setdefault(f"{label:03d}", []).append(row)
    return classes


def _integers(path: Path, given: Any, what: str) -> list[int]:
    array = np.asarray(given)
    if array.ndim != 1 or array.dtype.kind not in "iu":
        raise DataError(f"{path}: {what} are not a list of whole numbers")
    return [int(value) for value in array]


def _distinct(
    read: Mapping[str, tuple[NDArray[np.uint8], dict[str, list[int]]]], paths: Mapping[str, Path]
) -> None:
    """Refuse a class that is in two splits; numbered classes cannot be told apart."""
    where: dict[str, str] = {}
    for split, (_, classes) in read.items():
        for name in classes:
            if where.setdefault(name, split) != split and not name.isdigit():
                raise DataError(f"{paths[split]}: class {name!r} is in {where[name]} already")
