"""Omniglot's own folders, and the split files of Vinyals et al."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import numpy as np
import pytest
from image_layouts import stroke, write_omniglot

from tnverify.analyses.data import DataError
from tnverify.analyses.data.omniglot import omniglot

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def original(tmp_path: Path) -> Path:
    root = tmp_path / "omniglot"
    background = {"Greek": 2, "Latin": 1, "Korean": 2, "Tagalog": 1}
    write_omniglot(root, background, {"Oriya": 2, "Tengwar": 1})
    return root


def split_files(root: Path, **lines: list[str]) -> None:
    place = root / "splits" / "vinyals"
    place.mkdir(parents=True)
    for name, content in lines.items():
        (place / f"{name}.txt").write_text("".join(f"{line}\n" for line in content))


def test_original_folders_become_splits_by_alphabet(original: Path) -> None:
    data = omniglot(original)
    train, validation, test = (data.split(s) for s in ("train", "validation", "test"))
    assert train.classes == (
        "Greek/character01",
        "Greek/character02",
        "Korean/character01",
        "Korean/character02",
        "Latin/character01",
    )
    assert validation.classes == ("Tagalog/character01",)
    assert test.classes == ("Oriya/character01", "Oriya/character02", "Tengwar/character01")
    assert train.groups is not None
    assert train.groups.names == ("Greek", "Korean", "Latin")
    assert [m.tolist() for m in train.groups.members] == [[0, 1], [2, 3], [4]]
    assert set(train.sizes.tolist()) == {3}


@pytest.mark.parametrize(
    "layout", ["omniglot-py/{0}", "{0}/{0}", "omniglot-py/{0}/{0}", "python/{0}"]
)
def test_folders_lie_as_libraries_and_archives_leave_them(original: Path, layout: str) -> None:
    as_published = omniglot(original)
    for part in ("images_background", "images_evaluation"):
        there = original.parent / "moved" / layout.format(part)
        there.parent.mkdir(parents=True, exist_ok=True)
        (original / part).rename(there)
    moved = omniglot(original.parent / "moved")
    assert moved.fingerprint == as_published.fingerprint


def test_archives_that_are_not_unpacked_are_named(tmp_path: Path) -> None:
    (tmp_path / "omniglot-py").mkdir()
    (tmp_path / "omniglot-py" / "images_background.zip").write_bytes(b"")
    with pytest.raises(DataError, match=r"images_background\.zip must be unpacked first"):
        omniglot(tmp_path)


def test_of_thirty_alphabets_five_validate(tmp_path: Path) -> None:
    write_omniglot(tmp_path, {f"A{i:02d}": 1 for i in range(30)}, {"Z": 1}, images=1)
    data = omniglot(tmp_path)
    assert len(data.split("train").classes) == 25
    assert data.split("validation").classes == tuple(f"A{i}/character01" for i in range(25, 30))


def test_ink_is_bright_and_in_place(original: Path) -> None:
    split = omniglot(original, side=105).split("train")
    found = split.images.take(split.rows(0)[:1])[0, 0]
    assert np.array_equal(found, 1.0 - stroke(100).astype(np.float32))
    small = omniglot(original).split("train")
    assert small.shape == (1, 28, 28)
    ink = (1.0 - stroke(100)).mean()
    assert small.images.take(small.rows(0)[:1]).mean() == pytest.approx(ink, rel=0.05)


@pytest.mark.parametrize("layout", ["as published", "merged", "at the top"])
def test_split_files_say_classes_and_rotations(original: Path, layout: str) -> None:
    if layout != "as published":
        place = original / "data" if layout == "merged" else original
        place.mkdir(exist_ok=True)
        for part in ("images_background", "images_evaluation"):
            for alphabet in (original / part).iterdir():
                alphabet.rename(place / alphabet.name)
            shutil.rmtree(original / part)
    rotations = ["rot000", "rot090", "rot180", "rot270"]
    split_files(
        original,
        train=[f"Greek/character01/{r}" for r in rotations] + ["Oriya/character02/rot000"],
        val=["Latin/character01/rot090"],
        test=["Tengwar/character01/rot000", "Tengwar/character01/rot180"],
    )
    data = omniglot(original, side=105)
    train = data.split("train")
    assert len(train.classes) == 5
    assert data.split("validation").classes == ("Latin/character01/rot090",)
    assert data.split("test").classes[1] == "Tengwar/character01/rot180"
    upright = train.images.take(train.rows(0))
    for turns in range(4):
        turned = train.images.take(train.rows(turns))
        # Counter-clockwise, as Pillow's rotate turns, which the split's own code calls.
        assert np.array_equal(turned, np.rot90(upright, turns, axes=(2, 3)))


def test_alphabets_of_a_rotation_are_a_group(original: Path) -> None:
    split_files(
        original,
        train=["Greek/character01/rot000", "Greek/character01/rot090", "Greek/character02/rot000"],
        val=["Latin/character01/rot000"],
        test=["Oriya/character01/rot000"],
    )
    groups = omniglot(original).split("train").groups
    assert groups is not None
    assert groups.names == ("Greek/rot000", "Greek/rot090")
    assert [m.tolist() for m in groups.members] == [[0, 2], [1]]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("Greek/character01/rot045", r"train\.txt, line 2: .*does not end in /rot000"),
        ("Klingon/character01/rot000", r"train\.txt, line 2: no folder of images for 'Klingon"),
        ("Latin/character01/rot000", r"val\.txt, line 1: 'Latin/character01' is in train already"),
        ("Greek/character01/rot000", r"'Greek/character01/rot000' is named twice in train"),
    ],
)
def test_a_wrong_line_is_named(original: Path, line: str, message: str) -> None:
    split_files(
        original,
        train=["Greek/character01/rot000", line],
        val=["Latin/character01/rot090"],
        test=["Oriya/character01/rot000"],
    )
    with pytest.raises(DataError, match=message):
        omniglot(original)


def test_a_missing_split_file_is_named(original: Path) -> None:
    split_files(original, train=["Greek/character01/rot000"], test=["Oriya/character01/rot000"])
    with pytest.raises(DataError, match=r"val\.txt: cannot be read \(No such file"):
        omniglot(original)


def test_half_of_omniglot_without_split_files_is_refused(original: Path) -> None:
    shutil.rmtree(original / "images_evaluation")
    with pytest.raises(DataError, match="without both images_background and images_evaluation"):
        omniglot(original)


def test_a_folder_without_omniglot_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no Omniglot there"):
        omniglot(tmp_path)
    with pytest.raises(DataError, match="there is no such folder"):
        omniglot(tmp_path / "none")


def test_a_damaged_drawing_is_named(original: Path) -> None:
    path = original / "images_background" / "Greek" / "character02" / "0002_02.png"
    path.write_bytes(path.read_bytes()[:60])
    with pytest.raises(DataError, match=r"Greek/character02/0002_02\.png: not an image"):
        omniglot(original)
