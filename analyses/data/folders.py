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

    Not all splits need be there. Folders without an image are left out and noted. Raises
    `DataError` naming the folder or file at fault.
    """
    classes: list[ClassOfFiles] = []
    empty: list[Path] = []
    taken: dict[str, Path] = {}
    for found in folders_in(root):
        split = next((s for s, names in SPLIT_FOLDERS.items() if found.name.lower() in names), None)
        if split is None:
            continue
        if split in taken:
            raise DataError(f"{root}: both {taken[split].name} and {found.name} would be {split}")
        taken[split] = found
        for inner in folders_in(found):
            files = images_in(inner)
            if files:
                classes.append(ClassOfFiles(split, inner.name, files))
            else:
                empty.append(inner)
    if not taken:
        raise DataError(
            f"{root}: no folder named train, validation or test there; the layout is "
            "split/class/image"
        )
    for split, found in taken.items():
        if not any(c.split == split for c in classes):
            raise DataError(
                f"{found}: no folders with images in it; the layout is split/class/image"
            )
    wanted = Format(side, channels)
    return collected(root.name or "folder", root, classes, wanted, progress, _noted(empty, root))


def _noted(empty: list[Path], root: Path) -> dict[str, str | int]:
    if not empty:
        return {}
    return {"folders without images": f"{len(empty)}, such as {empty[0].relative_to(root)}"}
