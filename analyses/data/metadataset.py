"""Meta-Dataset's converted records (Triantafillou et al. 2020) from disk.

A data set is a folder with `dataset_spec.json` and a TFRecord file for each class, of encoded
images. Images are decoded when a task first takes them: ImageNet's part is a million.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from typing import TYPE_CHECKING

import numpy as np

from . import tfrecords
from .collecting import folders_in
from .dataset import Dataset, Split
from .decoding import decoded
from .errors import DataError
from .examples import features
from .records_spec import FILE, read_spec

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from .records_spec import Spec

KEPT_BYTES = 512 * 2**20
"""Decoded images that are kept in memory, by the size of their pixels."""

_FULL = np.float32(1.0 / 255.0)


class RecordImages:
    """Images in TFRecord files, one or more files for each class, decoded when taken.

    Row numbers run through the classes in order. Which records a file has is looked up when a
    row of its class is first taken; a class whose files hold another number of records than the
    specification says raises `DataError` then.
    """

    def __init__(
        self,
        files: Sequence[tuple[Path, ...]],
        starts: NDArray[np.int64],
        shape: tuple[int, int, int],
        *,
        kept_bytes: int = KEPT_BYTES,
    ) -> None:
        channels, height, width = shape
        if height != width:
            raise ValueError(f"images are brought to a square, not to {height} by {width}")
        self._files = files
        self._starts = starts
        self._shape = (channels, height, width)
        self._places: dict[int, list[tuple[Path, int, int]]] = {}
        self._kept: OrderedDict[int, NDArray[np.uint8]] = OrderedDict()
        self._most_kept = max(1, kept_bytes // (channels * height * width))

    @property
    def shape(self) -> tuple[int, int, int]:
        return self._shape

    def __len__(self) -> int:
        return int(self._starts[-1])

    def take(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        pixels = np.empty((len(rows), *self._shape), dtype=np.uint8)
        for i, row in enumerate(rows.tolist()):
            pixels[i] = self._image(row)
        return np.multiply(pixels, _FULL, dtype=np.float32)

    def _image(self, row: int) -> NDArray[np.uint8]:
        kept = self._kept.get(row)
        if kept is not None:
            self._kept.move_to_end(row)
            return kept
        class_number = int(np.searchsorted(self._starts, row, side="right")) - 1
        path, start, length = self._class_places(class_number)[
            row - int(self._starts[class_number])
        ]
        (content,) = tfrecords.contents(path, [(start, length)])
        named = f"{path}, record at byte {start}"
        try:
            images = features(content).get("image", [])
        except ValueError as error:
            raise DataError(f"{named}: not a tf.train.Example ({error})") from error
        if len(images) != 1 or not isinstance(images[0], bytes):
            raise DataError(f"{named}: an Example without one feature `image` of bytes")
        image = decoded(images[0], named, side=self._shape[1], channels=self._shape[0])
        self._kept[row] = image
        if len(self._kept) > self._most_kept:
            self._kept.popitem(last=False)
        return image

    def _class_places(self, class_number: int) -> list[tuple[Path, int, int]]:
        found = self._places.get(class_number)
        if found is None:
            files = self._files[class_number]
            found = [(f, int(at), int(n)) for f in files for at, n in tfrecords.places(f)]
            said = int(self._starts[class_number + 1] - self._starts[class_number])
            if len(found) != said:
                names = ", ".join(str(f) for f in files)
                raise DataError(f"{names}: {len(found)} records, but {FILE} says {said}")
            self._places[class_number] = found
        return found


def record_sets(root: Path, *, side: int = 84, channels: int = 3) -> tuple[Dataset, ...]:
    """The data sets under `root`: itself, or each folder in it that has a specification."""
    if (root / FILE).is_file():
        return (record_set(root, side=side, channels=channels),)
    found = [f for f in folders_in(root) if (f / FILE).is_file()]
    if not found:
        raise DataError(f"{root}: no {FILE} there, nor in a folder of it")
    return tuple(record_set(f, side=side, channels=channels) for f in found)


def record_set(folder: Path, *, side: int = 84, channels: int = 3) -> Dataset:
    """The data set in a folder of records. Classes' order within a file carries nothing into a
    task: which images a task takes is drawn over the whole class, which is the shuffling that
    Meta-Dataset's own reader long lacked. Raises `DataError`."""
    spec = read_spec(folder / FILE)
    files: list[tuple[Path, ...]] = []
    sizes: list[int] = []
    bounds: dict[str, tuple[int, int]] = {}
    for name, split in spec.splits.items():
        bounds[name] = (len(files), len(files) + len(split.numbers))
        files.extend(_files(folder, spec, number) for number in split.numbers)
        sizes.extend(split.sizes)
    starts = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    images = RecordImages(files, starts, (channels, side, side))
    splits = {
        name: Split(
            dataset=spec.name,
            name=name,
            classes=spec.splits[name].names,
            starts=starts[first : last + 1],
            images=images,
            groups=spec.splits[name].groups,
        )
        for name, (first, last) in bounds.items()
    }
    described = hashlib.sha256((folder / FILE).read_bytes())
    for path in (f for of_class in files for f in of_class):
        described.update(f"{path.name} {path.stat().st_size}\n".encode())
    described.update(repr((side, channels)).encode())
    notes: dict[str, str | int] = {"source": str(folder), "images": int(starts[-1])}
    return Dataset(spec.name, splits, described.hexdigest(), notes)


def _files(folder: Path, spec: Spec, number: int) -> tuple[Path, ...]:
    """The files of a class: one, or, where the pattern has two gaps, all its shards or pools."""
    if spec.file_pattern.count("{}") == 1:
        path = folder / spec.file_pattern.format(number)
        if not path.is_file():
            raise DataError(f"{path}: there is no such file, but {folder / FILE} names its class")
        return (path,)
    shards = tuple(sorted(folder.glob(spec.file_pattern.format(number, "*"))))
    if not shards:
        raise DataError(f"{folder}: no file {spec.file_pattern.format(number, '*')}")
    return shards
