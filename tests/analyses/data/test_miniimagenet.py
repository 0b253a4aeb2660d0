"""miniImageNet as image folders with tables, and as both kinds of pickles."""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from image_layouts import encoded, picture

from tnverify.analyses.data import DataError
from tnverify.analyses.data.miniimagenet import miniimagenet

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

SPLITS = {"train": ("n01", "n02"), "val": ("n03",), "test": ("n04", "n05")}


def write_tables(root: Path, *, by_label: bool = False) -> None:
    """Three images of each class, named as Ravi and Larochelle's tables name them."""
    seed = 0
    for split, labels in SPLITS.items():
        lines = ["filename,label"]
        for label in labels:
            for i in range(3):
                name = f"{label}{i:08d}.jpg"
                place = root / "images" / label if by_label else root / "images"
                place.mkdir(parents=True, exist_ok=True)
                (place / name).write_bytes(encoded(picture(seed)))
                lines.append(f"{name},{label}")
                seed += 1
        (root / f"{split}.csv").write_text("\n".join(lines) + "\n")


def images(first: int, count: int) -> NDArray[np.uint8]:
    return np.stack([picture(first + i) for i in range(count)])


def expect_miniimagenet(root: Path, names: dict[str, tuple[str, ...]]) -> None:
    data = miniimagenet(root, side=12)
    seed = 0
    for split, classes in names.items():
        found = data.split(split)
        assert found.classes == classes
        assert found.shape == (3, 12, 12)
        for c in range(len(classes)):
            want = images(seed, 3).transpose(0, 3, 1, 2)
            assert np.array_equal(np.rint(found.images.take(found.rows(c)) * 255), want)
            seed += 3


NAMED = {"train": ("n01", "n02"), "validation": ("n03",), "test": ("n04", "n05")}


@pytest.mark.parametrize("by_label", [False, True])
def test_tables_with_images(tmp_path: Path, by_label: bool) -> None:
    write_tables(tmp_path, by_label=by_label)
    expect_miniimagenet(tmp_path, NAMED)


def test_tables_with_a_byte_order_mark(tmp_path: Path) -> None:
    """As spreadsheets write them."""
    write_tables(tmp_path)
    for table in tmp_path.glob("*.csv"):
        table.write_text(table.read_text(encoding="utf-8"), encoding="utf-8-sig")
    expect_miniimagenet(tmp_path, NAMED)


def test_tables_beside_the_images(tmp_path: Path) -> None:
    write_tables(tmp_path)
    place = tmp_path / "splits" / "ravi"
    place.mkdir(parents=True)
    for split in SPLITS:
        (tmp_path / f"{split}.csv").rename(place / f"{split}.csv")
    expect_miniimagenet(tmp_path, NAMED)


@pytest.mark.parametrize("protocol", [0, 2, 4, 5])
@pytest.mark.parametrize("bytes_keys", [False, True])
def test_pickles_of_a_class_dictionary(tmp_path: Path, protocol: int, bytes_keys: bool) -> None:
    seed = 0
    for split, labels in SPLITS.items():
        held = images(seed, 3 * len(labels))
        order = np.arange(len(held))[::-1]  # images of a class need not stand together
        classes = {c: [int(order[3 * k + i]) for i in range(3)] for k, c in enumerate(labels)}
        content: dict[Any, Any] = {"image_data": held[order], "class_dict": classes}
        if bytes_keys:
            content = {
                b"image_data": content["image_data"],
                b"class_dict": {c.encode(): np.array(rows) for c, rows in classes.items()},
            }
        path = tmp_path / f"mini-imagenet-cache-{split}.pkl"
        path.write_bytes(pickle.dumps(content, protocol=protocol))
        seed += 3 * len(labels)
    expect_miniimagenet(tmp_path, NAMED)


def test_pickles_of_labels(tmp_path: Path) -> None:
    names = {"train": "train_phase_train", "val": "val", "test": "test"}
    seed = 0
    for split, labels in SPLITS.items():
        given = [k + 64 for k in range(len(labels)) for _ in range(3)]
        content = {"data": images(seed, len(given)), "labels": given, "catname2label": {"a": 1}}
        path = tmp_path / f"miniImageNet_category_split_{names[split]}.pickle"
        path.write_bytes(pickle.dumps(content))
        seed += len(given)
    expect_miniimagenet(
        tmp_path, {"train": ("064", "065"), "validation": ("064",), "test": ("064", "065")}
    )


def test_pickles_are_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tnverify.analyses.data import miniimagenet as module

    content = {"data": images(0, 4), "labels": [0, 0, 1, 1]}
    (tmp_path / "test.pkl").write_bytes(pickle.dumps(content))
    first = miniimagenet(tmp_path, side=12)
    monkeypatch.setattr(module, "unpickled", None)
    second = miniimagenet(tmp_path, side=12)
    assert first.fingerprint == second.fingerprint
    assert list(second.splits) == ["test"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([1, 2], "holds list, not a dictionary"),
        ({"images": 1}, r"has \['images'\]; image_data and class_dict, or data and labels"),
        ({"data": np.zeros((2, 4, 4)), "labels": [0, 1]}, r"shape \(2, 4, 4\) and type float64"),
        ({"data": np.zeros((2, 4, 4, 3), "u1"), "labels": ["a", "b"]}, "labels are not a list of"),
        ({"data": np.zeros((1, 4, 4, 3), "u1"), "labels": [0, 1]}, "'001' names images that are"),
        ({"image_data": np.zeros((1, 4, 4, 3), "u1"), "class_dict": {}}, "no classes in it"),
        ({"image_data": np.zeros((1, 4, 4, 3), "u1"), "class_dict": {"a": [-1]}}, "names images"),
        ({"image_data": np.zeros((1, 4, 4, 3), "u1"), "class_dict": {"a": []}}, "not a list of"),
        ({"image_data": np.zeros((1, 4, 4, 3), "u1"), "class_dict": [1]}, "class_dict is list"),
    ],
)
def test_an_unusual_pickle_is_named(tmp_path: Path, content: object, message: str) -> None:
    (tmp_path / "mini-imagenet-cache-test.pkl").write_bytes(pickle.dumps(content))
    with pytest.raises(DataError, match=rf"mini-imagenet-cache-test\.pkl: .*{message}"):
        miniimagenet(tmp_path, side=4)


def test_a_class_of_two_pickles_is_refused(tmp_path: Path) -> None:
    content = {"image_data": np.zeros((1, 4, 4, 3), "u1"), "class_dict": {"n01": [0]}}
    for split in ("train", "test"):
        (tmp_path / f"{split}.pkl").write_bytes(pickle.dumps(content))
    with pytest.raises(DataError, match=r"test\.pkl: class 'n01' is in train already"):
        miniimagenet(tmp_path, side=4)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("label,filename\n", r"val\.csv, line 1: the columns must be filename,label"),
        ("", r"val\.csv, line 1: the columns must be filename,label"),
        ("filename,label\nn0300000000.jpg\n", r"val\.csv, line 2: a file name and a label"),
        ("filename,label\ngone.jpg,n03\n", r"val\.csv, line 2: no file .*images/gone\.jpg"),
        ("filename,label\nn0100000000.jpg,n01\n", r"line 2: 'n01' is in train already"),
    ],
)
def test_a_wrong_table_is_named(tmp_path: Path, table: str, message: str) -> None:
    write_tables(tmp_path)
    (tmp_path / "val.csv").write_text(table)
    with pytest.raises(DataError, match=message):
        miniimagenet(tmp_path, side=12)


def test_a_table_that_is_not_text_is_named(tmp_path: Path) -> None:
    write_tables(tmp_path)
    (tmp_path / "val.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DataError, match=r"val\.csv: cannot be read as a table"):
        miniimagenet(tmp_path, side=12)


def test_a_folder_without_miniimagenet_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no miniImageNet there") as caught:
        miniimagenet(tmp_path)
    assert "--data folder" not in str(caught.value)
    (tmp_path / "train" / "n01").mkdir(parents=True)
    with pytest.raises(DataError, match=f"are read by --data folder:{tmp_path}"):
        miniimagenet(tmp_path)
