"""What follows `--data`: a kind of data set and where it is."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from .digits import digits
from .errors import DataError
from .folders import folder
from .glyphs import glyphs
from .metadataset import record_sets
from .miniimagenet import miniimagenet
from .omniglot import omniglot
from .textures import textures

if TYPE_CHECKING:
    from .collecting import Progress
    from .dataset import Dataset

FORMS = "glyphs, omniglot:PATH, miniimagenet:PATH, meta-dataset:PATH or folder:PATH"

_DEFAULTS = {
    "glyphs": (28, 1),
    "omniglot": (28, 1),
    "miniimagenet": (84, 3),
    "meta-dataset": (84, 3),
    "folder": (84, 3),
}


@dataclass(frozen=True)
class DataChoice:
    """A kind of data set, and its folder where the kind has one."""

    kind: str
    path: Path | None = None

    def __str__(self) -> str:
        return self.kind if self.path is None else f"{self.kind}:{self.path}"


def parse_data(text: str) -> DataChoice:
    """The choice that a word such as `omniglot:/data/omniglot` makes. Raises `DataError`."""
    kind, colon, path = text.partition(":")
    if kind not in _DEFAULTS:
        raise DataError(f"unknown data {text!r}: {FORMS}")
    if kind == "glyphs":
        if colon:
            raise DataError(f"glyphs are drawn here and have no path: {text!r}")
        return DataChoice(kind)
    if not path:
        raise DataError(f"{kind} is read from a folder: {kind}:PATH")
    return DataChoice(kind, Path(path).expanduser())


def load_data(
    choice: DataChoice | str,
    *,
    side: int | None = None,
    channels: int | None = None,
    progress: Progress | None = None,
) -> tuple[Dataset, ...]:
    """The data sets of a choice: one, or for Meta-Dataset one for each folder of records.

    `side` and `channels` are those of the images; None means 28 and 1 for glyphs (which have no
    other) and Omniglot, 84 and 3 for the rest. `progress` is called with the number of images
    decoded, and of all, where a first call decodes them. Raises `DataError`.
    """
    if isinstance(choice, str):
        choice = parse_data(choice)
    usual_side, usual_channels = _DEFAULTS[choice.kind]
    side, channels = side or usual_side, channels or usual_channels
    if choice.path is None:
        if (side, channels) != (usual_side, usual_channels):
            raise DataError(
                f"glyphs have 28 pixels a side and 1 channel, not {side} and {channels}"
            )
        return (glyphs(progress=progress),)
    if choice.kind == "meta-dataset":
        return record_sets(choice.path, side=side, channels=channels)
    readers = {"omniglot": omniglot, "miniimagenet": miniimagenet, "folder": folder}
    read = readers[choice.kind]
    return (read(choice.path, side=side, channels=channels, progress=progress),)


def foreign_domains(*, side: int = 28, channels: int = 1) -> tuple[Dataset, ...]:
    """Data sets that are never trained on and need no download: digits and textures."""
    return digits(side=side, channels=channels), textures(side=side, channels=channels)
