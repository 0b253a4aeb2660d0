"""Records: written once and whole, whoever else writes, and never believed when damaged."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tnverify.analyses.records import RecordStore, scan
from tnverify.analyses.records.atomic import TEMPORARY, write_once

if TYPE_CHECKING:
    from collections.abc import Callable

CONFIGURATION = {"scheme": "meta_bn", "seed": 3, "optimiser": {"rate": 0.001, "steps": (1, 2)}}
ARRAYS = {"tasks/accuracy": np.array([0.5, 0.25]), "tasks/task": np.array([0, 1])}


@pytest.fixture
def store(tmp_path: Path) -> RecordStore:
    return RecordStore(tmp_path / "records", "c0de")


def test_what_was_written_is_read(store: RecordStore) -> None:
    name = store.name(CONFIGURATION)
    assert store.find(name) is None
    assert store.names() == set()
    store.write(CONFIGURATION, {"accuracy": 61.5, "layers": [1, 2]}, ARRAYS, seconds=1.5)
    record = store.find(name)
    assert record is not None
    assert record.configuration == {**CONFIGURATION, "optimiser": {"rate": 0.001, "steps": [1, 2]}}
    assert record.results == {"accuracy": 61.5, "layers": [1, 2]}
    assert (record.code, record.seconds) == ("c0de", 1.5)
    assert {"python", "numpy", "tnverify"} <= set(record.environment)
    columns = record.columns()
    assert {key: values.tolist() for key, values in columns.items()} == {
        "tasks/accuracy": [0.5, 0.25],
        "tasks/task": [0, 1],
    }
    assert columns["tasks/accuracy"].dtype == np.float64
    assert store.names() == {name}


def test_a_record_without_arrays_is_one_file(store: RecordStore) -> None:
    record = store.write(CONFIGURATION, {})
    assert record.columns() == {}
    assert [path.name for path in store.folder.iterdir()] == [f"{record.name}.json"]


def test_names_tell_configurations_and_code_apart_and_nothing_else(store: RecordStore) -> None:
    name = store.name(CONFIGURATION)
    assert store.name(dict(reversed(CONFIGURATION.items()))) == name
    assert store.name({**CONFIGURATION, "seed": 4}) != name
    assert RecordStore(store.folder, "0ther").name(CONFIGURATION) != name
    # The same on every machine and in every version from here on.
    assert name == "be88bcf9ca151802915d"


def test_the_first_to_finish_keeps_the_run(store: RecordStore) -> None:
    first = store.write(CONFIGURATION, {"accuracy": 1.0}, {"tasks/accuracy": [1.0]})
    second = store.write(CONFIGURATION, {"accuracy": 2.0}, {"tasks/accuracy": [2.0]})
    assert second.results == first.results == {"accuracy": 1.0}
    assert second.columns()["tasks/accuracy"].tolist() == [1.0]
    # What the second brought is not left lying about.
    assert len(list(store.folder.iterdir())) == 2


def test_many_writers_leave_one_whole_record_each(store: RecordStore) -> None:
    def write(i: int) -> tuple[int, int]:
        arrays = {"tasks/accuracy": np.full(1000, float(i))}
        record = store.write({"run": i // 40}, {"writer": i}, arrays)
        return i // 40, int(record.results["writer"])

    with ThreadPoolExecutor(8) as pool:
        kept = set(pool.map(write, range(400)))
    found = scan(store.folder)
    assert found.notes == ()
    assert {(r.configuration["run"], r.results["writer"]) for r in found.records} == kept
    assert len(kept) == 10
    for record in found.records:
        assert set(record.columns()["tasks/accuracy"]) == {record.results["writer"]}
    assert len(list(store.folder.iterdir())) == 20


def test_a_reader_sees_whole_records_or_none_while_others_write(store: RecordStore) -> None:
    store.folder.mkdir(parents=True)
    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(
            lambda: [store.write({"seed": i}, {"seed": i}, ARRAYS) for i in range(60)]
        )
        seen = []
        while not writing.done():
            found = scan(store.folder)
            assert found.notes == ()
            seen.append(len(found.records))
    assert seen == sorted(seen)
    assert len(scan(store.folder).records) == 60


KILLED = """
import os, signal, sys
from pathlib import Path
from tnverify.analyses.records import RecordStore, atomic

def killed(*args):
    os.kill(os.getpid(), signal.SIGKILL)

# The process dies where it would have made the file named by sys.argv[2].
whole = getattr(os, "link")
os.fsync = lambda descriptor, real=os.fsync: killed() if sys.argv[2] in os.readlink(
    f"/proc/self/fd/{descriptor}") else real(descriptor)
RecordStore(Path(sys.argv[1]), "c0de").write({"seed": 1}, {"x": 1}, {"tasks/x": [1.0]})
"""


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="looks descriptors up in /proc")
@pytest.mark.parametrize("moment", [".npz-", ".json-"])
def test_a_killed_writer_leaves_nothing_that_counts(store: RecordStore, moment: str) -> None:
    ran = subprocess.run(  # noqa: PLW1510 - how it ended is what is looked at
        [sys.executable, "-c", KILLED, str(store.folder), moment], capture_output=True, timeout=60
    )
    assert ran.returncode == -9, ran.stderr.decode()
    assert any(path.name.endswith(TEMPORARY) for path in store.folder.iterdir())
    found = scan(store.folder)
    assert (found.records, found.notes, store.names()) == ((), (), set())
    # What it left is swept up once it is surely nobody's.
    for path in store.folder.glob(f".*{TEMPORARY}"):
        os.utime(path, (time.time() - 7200,) * 2)
    record = store.write({"seed": 1}, {"x": 2}, {"tasks/x": [2.0]})
    assert {path.name for path in store.folder.iterdir()} == {
        f"{record.name}.json",
        str(record.arrays_file and record.arrays_file.name),
    }


def truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-40])


def emptied(path: Path) -> None:
    path.write_bytes(b"")


def edited(path: Path) -> None:
    content = json.loads(path.read_bytes())
    content["configuration"]["seed"] = 99
    path.write_text(json.dumps(content))


def of_another_format(path: Path) -> None:
    content = json.loads(path.read_bytes())
    path.write_text(json.dumps({**content, "format": 2}))


def no_object(path: Path) -> None:
    path.write_text("[1, 2]")


def without_arrays(path: Path) -> None:
    next(path.parent.glob(f"{path.stem}-*.npz")).unlink()


def with_cut_arrays(path: Path) -> None:
    truncated(next(path.parent.glob(f"{path.stem}-*.npz")))


DAMAGE: list[tuple[Callable[[Path], None], str]] = [
    (truncated, "is no whole record"),
    (emptied, "is no whole record"),
    (no_object, "is no whole record"),
    (edited, "renamed or edited"),
    (of_another_format, "is of format 2, and this version reads format 1"),
    (without_arrays, "lacks its arrays"),
    (with_cut_arrays, "changed or cut short"),
]


@pytest.mark.parametrize(("damage", "said"), DAMAGE, ids=[d.__name__ for d, _ in DAMAGE])
def test_a_damaged_record_is_noted_and_run_again(
    store: RecordStore, damage: Callable[[Path], None], said: str
) -> None:
    sound = store.write({"seed": 1}, {"x": 1}, ARRAYS)
    hurt = store.write({"seed": 2}, {"x": 2}, ARRAYS)
    damage(store.path(hurt.name))
    found = scan(store.folder)
    assert [record.name for record in found.records] == [sound.name]
    (note,) = found.notes
    assert said in note.problem
    assert str(note).startswith(f"{hurt.name}.json {note.problem}; it is left out")
    assert store.find(hurt.name) is None
    again = store.write({"seed": 2}, {"x": 3}, {"tasks/x": [1.0, 2.0]})
    assert again.results == {"x": 3}
    assert store.find(hurt.name) == again
    assert scan(store.folder).notes == ()


def test_arrays_that_change_after_a_scan_are_not_believed(store: RecordStore) -> None:
    store.write(CONFIGURATION, {}, ARRAYS)
    (record,) = scan(store.folder).records
    with_cut_arrays(store.path(record.name))
    with pytest.raises(ValueError, match="changed or cut short"):
        record.columns()


@pytest.mark.parametrize(
    ("configuration", "said"),
    [
        ({"seed": np.int64(1)}, "configuration.seed is a int64"),
        ({"a": {"b": [1.0, float("nan")]}}, r"configuration.a.b\[1\] is nan"),
        ({"a": {1: 2}}, "configuration.a has the name 1"),
        ({"a": b"x"}, "configuration.a is a bytes"),
    ],
)
def test_what_is_no_plain_json_is_refused_by_its_place(
    store: RecordStore, configuration: dict[str, Any], said: str
) -> None:
    with pytest.raises((TypeError, ValueError), match=said):
        store.write(configuration, {})
    assert store.names() == set()


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({"accuracy": [1.0]}, "group/column"),
        ({"tasks/a": [[1.0]]}, "one dimension"),
        ({"tasks/a": [1.0], "tasks/b": [1.0, 2.0]}, "has 2 rows and tasks/a 1"),
        ({"tasks/a": np.array([{}])}, "of object"),
    ],
)
def test_what_is_no_column_is_refused(
    store: RecordStore, arrays: dict[str, Any], said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        store.write(CONFIGURATION, {}, arrays)
    assert not store.folder.exists() or not list(store.folder.iterdir())


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="nowhere is no folder of records"):
        scan(tmp_path / "nowhere")


def test_where_there_are_no_hard_links_a_file_is_whole_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*args: object) -> None:
        raise PermissionError("no links here")

    monkeypatch.setattr(os, "link", refused)
    path = tmp_path / "record.json"
    assert write_once(path, b"first")
    assert not write_once(path, b"second")
    assert path.read_bytes() == b"first"
    assert [each.name for each in tmp_path.iterdir()] == ["record.json"]
