"""Omniglot (Lake et al. 2015) from disk, in its own folders or with the split of Vinyals et al.

The images lie in folders alphabet/character/NNNN_NN.png, under `images_background` and
`images_evaluation` as published (and as torchvision keeps them, in `omniglot-py`; an archive that
is unpacked into a folder of its own name has that name twice), or under `data` or at the top as
prototypical-network code keeps them. Where files train.txt, val.txt and test.txt lie in
`splits/vinyals` or at the top, they say the classes: lines such as
`Gujarati/character42/rot090`, each rotation a class.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .collecting import ClassOfFiles, Format, collected, folders_in, images_in
from .errors import DataError

if TYPE_CHECKING:
    from pathlib import Path

    from .collecting import Progress
    from .dataset import Dataset

_PARTS = ("images_background", "images_evaluation")
_PLACES = (
    *(f"{above}{part}{again}" for above in ("", "python/", "omniglot-py/") for part in _PARTS
      for again in ("", f"/{part}")),
    "data",
    ".",
)  # fmt: skip
_SPLIT_PLACES = ("splits/vinyals", ".")
_SPLIT_FILES = {"train": "train.txt", "validation": "val.txt", "test": "test.txt"}
_ROTATIONS = {"rot000": 0, "rot090": 1, "rot180": 2, "rot270": 3}
_VALIDATION_SHARE = 6


def omniglot(
    root: Path, *, side: int = 28, channels: int = 1, progress: Progress | None = None
) -> Dataset:
    """Omniglot under `root`, ink bright on black, a class per character (and rotation).

    With split files, the classes that they list. Without, the alphabets of `images_background`
    train, but for the last sixth of them by name (5 of 30), which validate; those of
    `images_evaluation` test. Groups are the alphabets. Raises `DataError`.
    """
    characters = _characters(root)
    place = next((root / p for p in _SPLIT_PLACES if (root / p / "train.txt").is_file()), None)
    classes = _by_folders(root, characters) if place is None else _by_files(place, characters)
    wanted = Format(side, channels, inverted=True)
    return collected("omniglot", root, classes, wanted, progress)


def _characters(root: Path) -> dict[str, tuple[str, Path]]:
    """alphabet/character -> (the place it was found in, its folder)."""
    found: dict[str, tuple[str, Path]] = {}
    folders_in(root)  # a missing or unreadable root is said at once
    for place in _PLACES:
        base = root / place
        if not base.is_dir() or (place == "." and found):
            continue
        for alphabet in folders_in(base):
            for character in folders_in(alphabet):
                if character.name.startswith("character"):
                    found.setdefault(f"{alphabet.name}/{character.name}", (place, character))
    if not found:
        packed = sorted(path.name for part in _PARTS for path in root.glob(f"**/{part}.zip"))
        raise DataError(
            f"{root}: no Omniglot there; images_background and images_evaluation with "
            "alphabet/character/*.png are looked for"
            + (f"; {' and '.join(packed)} must be unpacked first" if packed else "")
        )
    return found


def _by_folders(root: Path, characters: dict[str, tuple[str, Path]]) -> list[ClassOfFiles]:
    background = sorted(
        {name.split("/")[0] for name, (place, _) in characters.items() if "background" in place}
    )
    evaluation = any("evaluation" in place for place, _ in characters.values())
    if not background or not evaluation:
        raise DataError(
            f"{root}: without both images_background and images_evaluation, split files "
            "train.txt, val.txt and test.txt are needed (in splits/vinyals)"
        )
    held = max(1, len(background) // _VALIDATION_SHARE) if len(background) > 1 else 0
    validation = set(background[len(background) - held :])
    classes = []
    for name, (place, path) in sorted(characters.items()):
        alphabet = name.split("/")[0]
        split = "train" if "background" in place else "test"
        if split == "train" and alphabet in validation:
            split = "validation"
        classes.append(ClassOfFiles(split, name, images_in(path), alphabet))
    return classes


def _by_files(place: Path, characters: dict[str, tuple[str, Path]]) -> list[ClassOfFiles]:
    classes = []
    where: dict[str, str] = {}
    for split, file_name in _SPLIT_FILES.items():
        path = place / file_name
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "not text"
            raise DataError(f"{path}: cannot be read ({reason})") from error
        for number, line in enumerate(lines, start=1):
            name = line.strip()
            if not name:
                continue
            character, _, rotation = name.rpartition("/")
            if rotation not in _ROTATIONS:
                raise DataError(
                    f"{path}, line {number}: {name!r} does not end in /rot000, /rot090, /rot180 "
                    "or /rot270"
                )
            if character not in characters:
                raise DataError(f"{path}, line {number}: no folder of images for {character!r}")
            if where.setdefault(character, split) != split:
                raise DataError(
                    f"{path}, line {number}: {character!r} is in {where[character]} already"
                )
            files = images_in(characters[character][1])
            alphabet = f"{character.split('/')[0]}/{rotation}"
            classes.append(ClassOfFiles(split, name, files, alphabet, _ROTATIONS[rotation]))
    return classes
