"""Meta-Dataset's records: specifications of all three kinds, and images from TFRecord files."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from image_layouts import encoded, example, picture, record, write_record_set, write_records

from tnverify.analyses.data import DataError
from tnverify.analyses.data.metadataset import RecordImages, record_set, record_sets
from tnverify.analyses.data.records_spec import read_spec

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

SPLITS = {"TRAIN": 2, "VALID": 1, "TEST": 1}
IMAGES = [3, 2, 4, 2]


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    folder = tmp_path / "records" / "tiny"
    write_record_set(folder, SPLITS, IMAGES)
    return folder


def jpeg(seed: int) -> NDArray[np.float32]:
    """What Pillow makes of the image written for a seed."""
    import io

    from PIL import Image

    with Image.open(io.BytesIO(encoded(picture(seed), "JPEG"))) as opened:
        pixels = np.asarray(opened.convert("RGB"), dtype=np.float32)
    return pixels.transpose(2, 0, 1) / np.float32(255)


def test_classes_are_numbered_through_the_splits(tiny: Path) -> None:
    data = record_set(tiny, side=12)
    assert data.name == "tiny"
    assert [(s.name, s.classes, s.sizes.tolist()) for s in data.splits.values()] == [
        ("train", ("class 0", "class 1"), [3, 2]),
        ("validation", ("class 2",), [4]),
        ("test", ("class 3",), [2]),
    ]
    for class_number, (split, within) in enumerate(
        [("train", 0), ("train", 1), ("validation", 0), ("test", 0)]
    ):
        found = data.split(split)
        taken = found.images.take(found.rows(within))
        want = np.stack([jpeg(100 * class_number + i) for i in range(IMAGES[class_number])])
        assert taken.dtype == np.float32
        assert np.abs(taken - want).max() < 1e-6  # the same bytes, divided in another order


def test_one_folder_or_all_below_it(tiny: Path, tmp_path: Path) -> None:
    write_record_set(tmp_path / "records" / "other", {"TRAIN": 0, "VALID": 0, "TEST": 1}, [2])
    (tmp_path / "records" / "notes").mkdir()
    found = record_sets(tmp_path / "records", side=12)
    assert [list(d.splits) for d in found] == [["test"], ["train", "validation", "test"]]
    assert [len(d.splits) for d in record_sets(tiny, side=12)] == [3]
    with pytest.raises(DataError, match=r"no dataset_spec\.json there, nor in a folder of it"):
        record_sets(tmp_path / "records" / "notes")


def test_an_image_is_decoded_once_while_it_is_kept(
    tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tnverify.analyses.data import decoding, metadataset

    calls: list[str] = []

    def counting(source: bytes, named: str, *, side: int, channels: int) -> NDArray[np.uint8]:
        calls.append(named)
        return decoding.decoded(source, named, side=side, channels=channels)

    monkeypatch.setattr(metadataset, "decoded", counting)
    files = [(tiny / f"{c}.tfrecords",) for c in range(4)]
    starts = np.concatenate([[0], np.cumsum(IMAGES)])
    images = RecordImages(files, starts, (3, 12, 12), kept_bytes=2 * 3 * 12 * 12)
    images.take(np.array([0, 1, 1, 0]))
    assert len(calls) == 2
    images.take(np.array([2]))  # row 1 was used before row 0, and goes
    images.take(np.array([0]))
    assert len(calls) == 3
    images.take(np.array([1]))
    assert len(calls) == 4


def test_the_fingerprint_is_of_specification_and_files(tiny: Path) -> None:
    first = record_set(tiny, side=12).fingerprint
    assert record_set(tiny, side=12).fingerprint == first
    assert record_set(tiny, side=6).fingerprint != first
    with (tiny / "2.tfrecords").open("ab") as opened:
        opened.write(b"x")
    assert record_set(tiny, side=12).fingerprint != first


def test_pools_and_shards_are_read_together(tiny: Path) -> None:
    spec = json.loads((tiny / "dataset_spec.json").read_text())
    spec["file_pattern"] = "{}_{}.tfrecords"
    spec["images_per_class"] = {"0": {"train": 2, "test": 1}, "1": 2, "2": 4, "3": 2}
    (tiny / "dataset_spec.json").write_text(json.dumps(spec))
    jpegs = [encoded(picture(i), "JPEG") for i in range(3)]
    write_records(tiny / "0_train.tfrecords", jpegs[1:], 0)
    write_records(tiny / "0_test.tfrecords", jpegs[:1], 0)
    for c in (1, 2, 3):
        (tiny / f"{c}.tfrecords").rename(tiny / f"{c}_0.tfrecords")
    split = record_set(tiny, side=12).split("train")
    assert split.sizes.tolist() == [3, 2]
    taken = split.images.take(split.rows(0))
    assert np.abs(taken - np.stack([jpeg(i) for i in range(3)])).max() < 1e-6
    (tiny / "3_0.tfrecords").unlink()
    with pytest.raises(DataError, match=r"no file 3_\*\.tfrecords"):
        record_set(tiny, side=12)


def bi_level() -> dict[str, Any]:
    return {
        "name": "omniglot",
        "superclasses_per_split": {"TRAIN": 2, "VALID": 1, "TEST": 1},
        "classes_per_superclass": {"0": 2, "1": 3, "2": 1, "3": 2},
        "images_per_class": {str(c): 20 for c in range(8)},
        "superclass_names": {"0": "Greek", "1": "Latin", "2": "Korean", "3": "Oriya"},
        "class_names": {str(c): f"c{c}" for c in range(8)},
        "path": "x",
        "file_pattern": "{}.tfrecords",
        "__class__": "BiLevelDatasetSpecification",
    }


def written(tmp_path: Path, spec: object) -> Path:
    path = tmp_path / "dataset_spec.json"
    path.write_text(json.dumps(spec))
    return path


def test_superclasses_are_groups(tmp_path: Path) -> None:
    spec = read_spec(written(tmp_path, bi_level()))
    train, validation, test = (spec.splits[s] for s in ("train", "validation", "test"))
    assert (train.numbers, validation.numbers, test.numbers) == ((0, 1, 2, 3, 4), (5,), (6, 7))
    assert train.groups is not None
    assert test.groups is not None
    assert train.groups.names == ("Greek", "Latin")
    assert [m.tolist() for m in train.groups.members] == [[0, 1], [2, 3, 4]]
    assert [m.tolist() for m in test.groups.members] == [[0, 1]]  # within the split
    assert not train.groups.whole


def node(name: str, *children: str) -> dict[str, object]:
    return {"wn_id": name, "words": name, "children_ids": list(children), "parents_ids": []}


def hierarchical() -> dict[str, Any]:
    leaves = [f"n{i}" for i in range(7)]
    train = [
        node("root", "animal", "thing"),
        node("animal", "n0", "n1", "n2", "n3", "n4"),
        # A second parent of n4, and one node too small to draw tasks from.
        node("thing", "n4", "small"),
        node("small", "n5"),
        *(node(leaf) for leaf in leaves[:6]),
    ]
    return {
        "name": "ilsvrc_2012",
        "split_subgraphs": {"TRAIN": train, "VALID": [], "TEST": [node("top", "n6"), node("n6")]},
        "images_per_class": {
            "TRAIN": {"root": 60, **{leaf: 10 + i for i, leaf in enumerate(leaves[:6])}},
            "VALID": {},
            "TEST": {"n6": 5},
        },
        # Numbers go another way than names do.
        "class_names": {str(i): leaf for i, leaf in enumerate([*leaves[:6][::-1], "n6"])},
        "path": "x",
        "file_pattern": "{}.tfrecords",
        "__class__": "HierarchicalDatasetSpecification",
    }


def test_leaves_of_a_graph_are_classes_and_nodes_are_groups(tmp_path: Path) -> None:
    spec = read_spec(written(tmp_path, hierarchical()))
    assert list(spec.splits) == ["train", "test"]
    train = spec.splits["train"]
    assert train.numbers == (0, 1, 2, 3, 4, 5)
    assert train.names == ("n5", "n4", "n3", "n2", "n1", "n0")
    assert train.sizes == (15, 14, 13, 12, 11, 10)
    assert train.groups is not None
    assert train.groups.whole
    assert train.groups.names == ("animal", "root")
    spanned = [sorted(train.names[i] for i in m) for m in train.groups.members]
    assert spanned == [["n0", "n1", "n2", "n3", "n4"], ["n0", "n1", "n2", "n3", "n4", "n5"]]
    assert spec.splits["test"].groups is None


def changed(**fields: object) -> dict[str, Any]:
    spec = bi_level()
    for name, value in fields.items():
        if value is None:
            del spec[name]
        else:
            spec[name] = value
    return spec


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ([], "list indices"),
        ({"name": "x"}, "'__class__' is missing"),
        (changed(__class__="Other"), "unknown kind of specification 'Other'"),
        (changed(file_pattern="{}.rec"), r"file_pattern '\{\}\.rec' is none of"),
        (changed(superclasses_per_split=None), "'superclasses_per_split' is missing"),
        (changed(images_per_class={"0": 20}), "'1' is missing"),
        (changed(classes_per_superclass={"0": "many"}), "invalid literal"),
        (changed(superclasses_per_split={"TRAIN": 0, "VALID": 0, "TEST": 0}), "no split has"),
    ],
)
def test_a_wrong_specification_is_named(tmp_path: Path, spec: object, message: str) -> None:
    with pytest.raises(DataError, match=rf"dataset_spec\.json: .*{message}") as caught:
        read_spec(written(tmp_path, spec))
    assert "\n" not in str(caught.value)


def test_a_specification_that_is_no_json_is_named(tmp_path: Path) -> None:
    path = tmp_path / "dataset_spec.json"
    with pytest.raises(DataError, match=r"dataset_spec\.json: No such file"):
        read_spec(path)
    path.write_bytes(b"{'name': 1}")
    with pytest.raises(DataError, match=r"dataset_spec\.json: not JSON"):
        read_spec(path)
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DataError, match=r"dataset_spec\.json: not JSON"):
        read_spec(path)


def test_a_missing_class_file_is_named_before_any_task(tiny: Path) -> None:
    (tiny / "1.tfrecords").unlink()
    with pytest.raises(DataError, match=r"1\.tfrecords: there is no such file, but .*names its"):
        record_set(tiny, side=12)


def test_a_count_that_is_not_the_files_is_named(tiny: Path) -> None:
    with (tiny / "0.tfrecords").open("ab") as opened:
        opened.write(record(example(image=b"x", label=0)))
    split = record_set(tiny, side=12).split("train")
    with pytest.raises(DataError, match=r"0\.tfrecords: 4 records, but dataset_spec\.json says 3"):
        split.images.take(split.rows(0))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (example(image=b"not a jpeg", label=0), "not an image that can be read"),
        (example(label=0), "without one feature `image` of bytes"),
        (example(image=5), "without one feature `image` of bytes"),
        (b"\xff" * 20, "not a tf.train.Example"),
    ],
)
def test_a_record_that_holds_no_image_is_named(tiny: Path, content: bytes, message: str) -> None:
    (tiny / "0.tfrecords").write_bytes(record(content) * 3)
    split = record_set(tiny, side=12).split("train")
    with pytest.raises(DataError, match=rf"0\.tfrecords, record at byte 12: .*{message}"):
        split.images.take(split.rows(0))


def test_a_damaged_record_is_named(tiny: Path) -> None:
    path = tiny / "0.tfrecords"
    whole = bytearray(path.read_bytes())
    whole[40] ^= 1
    path.write_bytes(bytes(whole))
    split = record_set(tiny, side=12).split("train")
    with pytest.raises(DataError, match=r"0\.tfrecords: the record at byte 0 is damaged"):
        split.images.take(split.rows(0))
