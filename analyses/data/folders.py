"""Any data set laid out as split/class/image."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .collecting import ClassOfFiles, Format, collected, folders_in, images_in
from .errors import DataError

if TYPE_CHECKING:
    from pathlib import Path

    from .collecting import Progress
    from .dataset import Dataset

SPLIT_FOLDERS: dict[str, tuple[str, ...]] = {
    "train": ("train", "training", "base", "meta-train", "meta_train"),
    "validation": ("validation", "valid", "val", "meta-validation", "meta_val", "meta-val"),
    "test": ("test", "testing", "novel", "meta-test", "meta_test"),
}
"""Names, in lower case, that a split's folder may have."""


def folder(
    root: Path, *, side: int = 84, channels: int = 3, progress: Progress | None = None
) -> Dataset:
    """The data set under `root`: folders of splits, in them folders of classes, in them images.

    Not all splits need be there. Raises `DataError` naming the folder or file at fault.
    """
    classes: list[ClassOfFiles] = []
    taken: dict[str, Path] = {}
    for found in folders_in(root):
        split = next((s for s, names in SPLIT_FOLDERS.items() if found.name.lower() in names), None)
        if split is None:
            continue
        if split in taken:
            raise DataError(f"{root}: both {taken[split].name} and {found.name} would be {split}")
        taken[split] = found
        classes.extend(
            ClassOfFiles(split, inner.name, images_in(inner)) for inner in folders_in(found)
        )
    if not taken:
        raise DataError(
            f"{root}: no folder named train, validation or test there; the layout is "
            "split/class/image"
        )
    for split, found in taken.items():
        if not any(c.split == split for c in classes):
            raise DataError(
                f"{found}: no folders of classes in it; the layout is split/class/image"
            )
    return collected(root.name or "folder", root, classes, Format(side, channels), progress)
