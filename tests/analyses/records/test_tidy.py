"""Records as tables, and their CSV files."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import pytest

from tnverify.analyses.records import (
    Record,
    RecordStore,
    export_csv,
    groups,
    rows_table,
    runs_table,
    scan,
)

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def records(tmp_path: Path) -> tuple[Record, ...]:
    store = RecordStore(tmp_path / "records", "c0de")
    for seed in range(2):
        store.write(
            {"scheme": "meta_bn", "alpha": None, "seed": seed, "optimiser": {"rate": 0.1}},
            {"accuracy": 60.0 + seed},
            {
                "tasks/task": [7, 8],
                "tasks/accuracy": [0.1 + 0.2, seed],
                "curve/iteration": [0, 10, 20],
            },
            seconds=2.0,
        )
    store.write({"scheme": "tasknorm_i", "seed": 0, "alpha": "free"}, {"note": "no arrays"})
    return scan(tmp_path / "records").records


def test_a_row_a_run(records: tuple[Record, ...]) -> None:
    table = runs_table(records).sort_values(["scheme", "seed"], ignore_index=True)
    assert len(table) == 3
    assert list(table["accuracy"][:2]) == [60.0, 61.0]
    assert table["optimiser.rate"].isna().tolist() == [False, False, True]
    assert set(table["record.name"]) == {record.name for record in records}


def test_a_row_an_entry(records: tuple[Record, ...]) -> None:
    table = rows_table(records, "tasks").sort_values(["seed", "row"], ignore_index=True)
    assert list(table["seed"]) == [0, 0, 1, 1]
    assert list(table["task"]) == [7, 8, 7, 8]
    assert list(table["row"]) == [0, 1, 0, 1]
    assert list(table["accuracy"]) == [0.1 + 0.2, 0.0, 0.1 + 0.2, 1.0]
    assert set(table["scheme"]) == {"meta_bn"}
    assert groups(records) == ("curve", "tasks")
    assert rows_table(records, "layers").empty


def test_csv_files_give_the_same_tables(records: tuple[Record, ...], tmp_path: Path) -> None:
    paths = export_csv(records, tmp_path / "csv")
    assert [path.name for path in paths] == ["runs.csv", "curve.csv", "tasks.csv"]
    read = pd.read_csv(paths[2])
    table = rows_table(records, "tasks")
    assert list(read.columns) == list(table.columns)
    # Every digit of a number is in the file.
    assert list(read["accuracy"]) == list(table["accuracy"])
    assert read["alpha"].isna().all()


def test_a_name_for_two_things_is_refused(tmp_path: Path) -> None:
    store = RecordStore(tmp_path / "a", "c0de")
    twice = store.write({"rate": 1.0}, {"rate": 2.0})
    with pytest.raises(ValueError, match="has rate twice"):
        runs_table([twice])
    rows = store.write({"task": 1.0}, {}, {"tasks/task": [1]})
    with pytest.raises(ValueError, match="has task twice"):
        rows_table([rows], "tasks")
