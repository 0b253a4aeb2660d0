"""Whether the trainings behind records had settled: their accuracy after half the budget."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from tnverify.analyses.programs import frames

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tnverify.analyses.records import Record

COLUMNS = ("learner", "tasks", "way", "shot", "scheme", "alpha", "per_channel", "seed", "whole",
           "half", "pixels")  # fmt: skip


def trainings(records: Sequence[Record]) -> pd.DataFrame:
    """A row a training of the longest budget of its setup, with `COLUMNS`, as `Trainings` reads
    them.

    What half the budget gave is the accuracy of the run that is the same but for half as many
    iterations, on its first test cell; where there is none and the rate of the training does not
    decay, that of its own validation half-way.
    """
    tests = frames.tests(records)
    own = tests[tests["own"].astype(bool) & (tests["target_batching"] == "all")]
    means = own.groupby("record")["accuracy"].mean().to_dict() if len(own) else {}
    floors = {
        _tested_on(r): means[r.name]
        for r in records
        if r.configuration.get("learner") == "pixels" and r.name in means
    }
    by_budget = {(_but_for_budget(r), _iterations(r)): r for r in records if _iterations(r)}
    rows = []
    for record in longest(records):
        whole = means.get(record.name, math.nan)
        shorter = by_budget.get((_but_for_budget(record), _iterations(record) // 2))
        if shorter is not None:
            half = means.get(shorter.name, math.nan)
        else:
            whole, half = _half_way(record, whole)
        run = frames.run_of(record) | frames.trained_on(record)
        row = run | {"whole": whole, "half": half}
        row["pixels"] = floors.get(_tested_on(record), math.nan)
        rows.append({name: row[name] for name in COLUMNS})
    return pd.DataFrame(rows, columns=[*COLUMNS])


def longest(records: Sequence[Record]) -> list[Record]:
    """The trainings of the longest budget that their setup was given; budgets are not mixed."""
    most: dict[str, int] = {}
    for record in records:
        setup = _setup(record)
        most[setup] = max(most.get(setup, 0), _iterations(record))
    return [r for r in records if _iterations(r) and _iterations(r) == most[_setup(r)]]


def condition(record: Record) -> str:
    """Who shares a style in the training of a record: results of two are never mixed."""
    style = record.configuration.get("train", {}).get("style")
    if style is None and record.configuration.get("learner") == "pixels":
        style = record.configuration["test"][0].get("style")
    return style if isinstance(style, str) else json.dumps(style or "none")


def _iterations(record: Record) -> int:
    return int(record.configuration.get("train", {}).get("iterations", 0))


def _setup(record: Record) -> str:
    asked = record.configuration
    kept = {n: asked.get("train", {}).get(n) for n in ("way", "shot", "variable", "style")}
    return json.dumps([asked.get("learner"), kept], sort_keys=True)


def _but_for_budget(record: Record) -> str:
    asked: dict[str, Any] = {
        n: v for n, v in record.configuration.items() if n not in ("validate", "test")
    }
    train = {n: v for n, v in asked.get("train", {}).items() if n != "iterations"}
    return json.dumps([asked | {"train": train}, record.configuration["test"][:1]], sort_keys=True)


def _tested_on(record: Record) -> str:
    return json.dumps(record.configuration["test"][0], sort_keys=True)


def _half_way(record: Record, whole: float) -> tuple[float, float]:
    """The last validation and the one half-way, of a training at a constant rate."""
    columns = record.columns()
    decays = record.configuration["train"].get("decay", "none") != "none"
    if decays or "validation/iteration" not in columns:
        return whole, math.nan
    at, found = (columns[f"validation/{name}"] for name in ("iteration", "accuracy"))
    if len(at) < 2 or at[0] > _iterations(record) / 2:
        return whole, math.nan
    return float(found[-1]), float(np.interp(_iterations(record) / 2, at, found))
