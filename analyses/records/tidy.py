"""Records as tables: a row a run, or a row for each entry of a group of arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from tnverify.analyses.records.record import Record

RUN = ("record.name", "record.code", "record.seconds", "record.finished")
"""Columns of every table beside those of the configuration."""


def runs_table(records: Sequence[Record]) -> pd.DataFrame:
    """A row a run: `RUN`, its configuration and its results.

    Objects within objects give columns joined by dots (`optimiser.rate`); lists stay lists.
    Raises ValueError where a result has the name of an entry of the configuration.
    """
    return pd.DataFrame([_run(r, with_results=True) for r in records])


def rows_table(records: Sequence[Record], group: str) -> pd.DataFrame:
    """A row for each entry of a group of arrays of each run, such as `tasks`.

    Columns: `RUN` and the run's configuration, `row` (the entry's number), and the group's own.
    Runs without that group have no rows.
    """
    parts = []
    for record in records:
        arrays = {
            name.partition("/")[2]: values
            for name, values in record.columns().items()
            if name.partition("/")[0] == group
        }
        if not arrays:
            continue
        run = _run(record, with_results=False)
        rows = pd.DataFrame(arrays)
        rows.insert(0, "row", range(len(rows)))
        _refuse_shared(run, rows.columns, record.name)
        repeated = {name: [value] * len(rows) for name, value in run.items()}
        parts.append(pd.DataFrame(repeated).join(rows))
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()


def groups(records: Sequence[Record]) -> tuple[str, ...]:
    """The groups of arrays that any of the records has."""
    return tuple(sorted({name.partition("/")[0] for r in records for name in r.columns()}))


def export_csv(records: Sequence[Record], folder: Path) -> tuple[Path, ...]:
    """Writes `runs.csv` and a `GROUP.csv` for each group of arrays; the paths written."""
    folder.mkdir(parents=True, exist_ok=True)
    tables = {"runs": runs_table(records)}
    tables |= {group: rows_table(records, group) for group in groups(records)}
    paths = []
    for name, table in tables.items():
        path = folder / f"{name}.csv"
        table.to_csv(path, index=False)
        paths.append(path)
    return tuple(paths)


def _run(record: Record, *, with_results: bool) -> dict[str, Any]:
    values = (record.name, record.code, record.seconds, record.finished)
    row: dict[str, Any] = dict(zip(RUN, values, strict=True))
    for part in (record.configuration, record.results) if with_results else (record.configuration,):
        flat = _flat(part)
        _refuse_shared(row, flat, record.name)
        row |= flat
    return row


def _flat(values: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, dict):
            flat |= _flat(value, f"{before}{name}.")
        else:
            flat[before + name] = value
    return flat


def _refuse_shared(row: Mapping[str, Any], more: Any, name: str) -> None:
    shared = sorted(set(row) & set(more))
    if shared:
        raise ValueError(
            f"run {name} has {', '.join(shared)} twice, in its configuration and in what it "
            "found: a table has one column of a name; rename one"
        )
