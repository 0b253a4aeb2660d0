"""split/class/image folders."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from image_layouts import encoded, picture

from tnverify.analyses.data import DataError
from tnverify.analyses.data.collecting import BLANK
from tnverify.analyses.data.folders import folder


def write(root: Path, split: str, name: str, seeds: range, kind: str = "PNG") -> None:
    place = root / split / name
    place.mkdir(parents=True)
    for seed in seeds:
        (place / f"{seed}.{kind.lower()}").write_bytes(encoded(picture(seed), kind))


@pytest.fixture
def pets(tmp_path: Path) -> Path:
    root = tmp_path / "pets"
    write(root, "train", "cat", range(3))
    write(root, "train", "ant", range(3, 5))
    write(root, "val", "dog", range(5, 9))
    write(root, "test", "eel", range(9, 10), "BMP")
    (root / "README.txt").write_text("not an image")
    (root / "train" / "cat" / ".DS_Store").write_text("x")
    (root / "train" / "cat" / ".hidden.png").write_text("x")
    (root / "train" / "cat" / "notes.txt").write_text("x")
    (root / "notes" / "inner").mkdir(parents=True)
    return root


def test_classes_images_and_splits_are_read(pets: Path) -> None:
    data = folder(pets, side=12, channels=3)
    assert data.name == "pets"
    assert [(s.name, s.classes, s.sizes.tolist()) for s in data.splits.values()] == [
        ("train", ("ant", "cat"), [2, 3]),
        ("validation", ("dog",), [4]),
        ("test", ("eel",), [1]),
    ]
    cat = data.split("train").images.take(data.split("train").rows(1))
    want = np.stack([picture(seed).transpose(2, 0, 1) for seed in range(3)])
    assert np.array_equal(np.rint(cat * 255), want)
    eel = data.split("test").images.take(data.split("test").rows(0))
    assert np.array_equal(np.rint(eel[0] * 255), picture(9).transpose(2, 0, 1))
    assert data.split("test").groups is None


def test_images_that_show_nothing_are_counted_and_one_is_named(pets: Path) -> None:
    assert BLANK not in folder(pets, side=12).notes
    for name in ("7.png", "5.png"):
        white = np.full((12, 12, 4), 255, np.uint8)
        (pets / "val" / "dog" / name).write_bytes(encoded(white))
    for _ in range(2):  # decoded, and from the cache
        assert folder(pets, side=12).notes[BLANK] == f"2, such as {Path('val', 'dog', '5.png')}"


def test_rows_may_be_taken_in_any_order_and_twice(pets: Path) -> None:
    images = folder(pets, side=12).split("validation").images
    taken = images.take(np.array([7, 5, 7]))
    assert np.array_equal(taken[0], taken[2])
    assert not np.array_equal(taken[0], taken[1])


def test_files_are_decoded_once_until_one_changes(
    pets: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tnverify.analyses.data import collecting, decoding

    calls: list[str] = []

    def counting(source: Path, named: str, *, side: int, channels: int) -> np.ndarray:
        calls.append(named)
        return decoding.decoded(source, named, side=side, channels=channels)

    monkeypatch.setattr(collecting, "decoded", counting)
    first = folder(pets, side=12)
    assert len(calls) == 10
    assert folder(pets, side=12).fingerprint == first.fingerprint
    assert len(calls) == 10
    changed = pets / "test" / "eel" / "9.bmp"
    size = changed.stat().st_size
    changed.write_bytes(encoded(picture(77), "BMP"))
    assert changed.stat().st_size == size  # nothing but its time tells that it changed
    os.utime(changed, ns=(1, 1))
    assert folder(pets, side=12).fingerprint != first.fingerprint
    assert len(calls) == 20
    folder(pets, side=6)
    assert len(calls) == 30


def test_the_fingerprint_does_not_depend_on_the_place(pets: Path, tmp_path: Path) -> None:
    first = folder(pets, side=12).fingerprint
    moved = tmp_path / "elsewhere" / "pets"
    moved.parent.mkdir()
    pets.rename(moved)
    assert folder(moved, side=12).fingerprint == first


def test_a_damaged_image_is_named_and_nothing_is_kept(pets: Path, cache: Path) -> None:
    bad = pets / "val" / "dog" / "6.png"
    bad.write_bytes(b"not a picture")
    with pytest.raises(DataError, match=r"val/dog/6\.png: not an image that can be read"):
        folder(pets, side=12)
    assert list((cache / "pets").iterdir()) == []


def test_folders_without_images_are_left_out_and_noted(pets: Path) -> None:
    (pets / "test" / "fox").mkdir()
    (pets / "test" / "fox" / "notes.txt").write_text("to be drawn")
    data = folder(pets, side=12)
    assert data.split("test").classes == ("eel",)
    assert data.notes["folders without images"] == f"1, such as {Path('test', 'fox')}"


@pytest.mark.parametrize(
    ("harm", "message"),
    [
        ("missing", "no-such: there is no such folder"),
        ("file", "is a file; a folder is wanted"),
        ("no splits", "no folder named train, validation or test"),
        ("no classes", "no folders with images in it"),
        ("two names", "both (val and valid|valid and val) would be validation"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(pets: Path, harm: str, message: str) -> None:
    root = pets
    if harm == "missing":
        root = pets / "no-such"
    elif harm == "file":
        root = pets / "README.txt"
    elif harm == "no splits":
        root = pets / "notes"
    elif harm == "no classes":
        (pets / "notes" / "test").mkdir()
        root = pets / "notes"
    else:
        write(pets, "valid", "gnu", range(2))
    with pytest.raises(DataError, match=message) as caught:
        folder(root, side=12)
    assert "\n" not in str(caught.value)
