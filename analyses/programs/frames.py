"""Records as tidy frames: what analyses, figures and claims read.

Every frame has `samples.COLUMNS` of the run, so that accuracies, curves and learned alphas are
grouped alike.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from tnverify.analyses.programs.setups import IN_PARTS
from tnverify.analyses.statistics import area_under_curve

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tnverify.analyses.records import Record

RUN = ("learner", "tasks", "scheme", "alpha", "per_channel", "seed")
"""Columns that say which run a row is of; with `record`, its name."""


def tests(records: Sequence[Record]) -> pd.DataFrame:
    """A row a test task, cell and batching of targets: `RUN`, `configuration`, `way` and `shot`
    (missing where they vary), `target_batching`, `task`, `accuracy` in percent, `record`, and of
    the cell `cell_style`, `in_parts`, `domain` (its data set), `drawn` (what its tasks are drawn
    from: cells of equal `drawn` have the same tasks), whether it has the style (`usual_style`) and
    the data (`own_data`) of training, and `own`: whether it is the run's first, of both."""
    parts = []
    for record in records:
        arrays = record.columns()
        if "tasks/accuracy" not in arrays:
            continue
        rows = {
            "configuration": arrays["tasks/configuration"],
            "target_batching": arrays["tasks/target_batching"],
            "task": arrays["tasks/task"].astype(np.int64),
            "accuracy": arrays["tasks/accuracy"].astype(np.float64),
        }
        frame = pd.DataFrame(run_of(record) | rows)
        cells = {cell["configuration"]: cell for cell in record.configuration["test"]}
        for column, key in (("way", "way"), ("shot", "shot"), ("cell_style", "style")):
            frame[column] = frame["configuration"].map({n: c.get(key) for n, c in cells.items()})
        trained = record.configuration
        usual = trained["test"][0].get("style")
        for column, told in (
            ("drawn", {n: _drawn(c, trained["data"]) for n, c in cells.items()}),
            ("domain", {n: _domain(c, trained["data"]) for n, c in cells.items()}),
            ("usual_style", {n: c.get("style") == usual for n, c in cells.items()}),
            ("own_data", {n: c.get("data") in (None, trained["data"]) for n, c in cells.items()}),
        ):
            frame[column] = frame["configuration"].map(told)
        frame["own"] = frame["configuration"] == record.configuration["test"][0]["configuration"]
        parts.append(frame)
    if not parts:
        return pd.DataFrame(
            columns=[*RUN, "configuration", "target_batching", "task", "accuracy", "record", "way",
                     "shot", "cell_style", "drawn", "domain", "usual_style", "own_data", "own",
                     "in_parts"]
        )  # fmt: skip
    made = pd.concat(parts, ignore_index=True)
    made["in_parts"] = made["configuration"].str.endswith(IN_PARTS)
    return made


def _domain(cell: dict[str, Any], data: str) -> str:
    return f"{cell.get('data') or data} {cell.get('dataset') or ''}".strip()


def _drawn(cell: dict[str, Any], data: str) -> str:
    """Tasks of one way are of the same classes and targets at every shot."""
    how = cell["way"] if cell.get("way") else cell.get("variable")
    return f"{_domain(cell, data)}, {how}, {cell.get('targets')}"


def curves(records: Sequence[Record]) -> pd.DataFrame:
    """A row a validation: `RUN`, `configuration` (what the run was trained on), `way`, `shot`,
    `iteration`, `seconds` (of training alone), `accuracy` in percent, `record`."""
    parts = []
    for record in records:
        arrays = record.columns()
        if "validation/iteration" not in arrays:
            continue
        rows = {
            "iteration": arrays["validation/iteration"].astype(np.int64),
            "seconds": arrays["validation/seconds"].astype(np.float64),
            "accuracy": arrays["validation/accuracy"].astype(np.float64),
        }
        parts.append(pd.DataFrame(run_of(record) | trained_on(record) | rows))
    columns = [*RUN, "configuration", "way", "shot", "iteration", "seconds", "accuracy", "record"]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=columns)


def areas(records: Sequence[Record]) -> pd.DataFrame:
    """A row a run with two validations or more: the mean height of its curve, `area`, over all
    its iterations, as `MeasuredEvidence` takes it.

    Runs of one setup have the same span, or their areas would not compare: where they differ, as
    after merging reports of different sizes, those of the longest are kept.
    """
    rows = []
    found = curves(records)
    for _, curve in found.groupby("record", sort=False):
        if len(curve) < 2:
            continue
        ordered = curve.sort_values("iteration")
        first = ordered.iloc[0]
        kept = {c: first[c] for c in (*RUN, "configuration", "way", "shot", "record")}
        area = area_under_curve(ordered["iteration"].to_numpy(), ordered["accuracy"].to_numpy())
        span = int(ordered["iteration"].iloc[-1])
        rows.append(kept | {"area": area, "span": span, "target_batching": "all"})
    made = pd.DataFrame(rows)
    if made.empty:
        return made
    longest = made.groupby(["learner", "tasks", "configuration"])["span"].transform("max")
    # A run that merged reports hold twice, from two versions of the code, counts once.
    keys = [*RUN, "configuration"]
    return made[made["span"] == longest].drop_duplicates(keys, keep="last").reset_index(drop=True)


def alphas(records: Sequence[Record]) -> pd.DataFrame:
    """A row a normalisation layer and context size: `RUN`, `layer` (its name), `part` ("backbone",
    or "set encoder" of CNAPs), `place` (1 the first), `context_size`, `alpha_learned`, `record`."""
    parts = []
    for record in records:
        arrays = record.columns()
        if "learned/layer" not in arrays:
            continue
        names = list(dict.fromkeys(arrays["learned/layer"].tolist()))
        rows = {
            "layer": arrays["learned/layer"],
            "part": [_part_of(name) for name in arrays["learned/layer"].tolist()],
            "place": [names.index(name) + 1 for name in arrays["learned/layer"].tolist()],
            "context_size": arrays["learned/context_size"].astype(np.int64),
            "alpha_learned": arrays["learned/alpha"].astype(np.float64),
        }
        parts.append(pd.DataFrame(run_of(record) | rows))
    columns = [*RUN, "layer", "part", "place", "context_size", "alpha_learned", "record"]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=columns)


def _part_of(layer: str) -> str:
    """Return what a layer belongs to: the backbone, or the network by which CNAPs embeds the
    whole context, whose layers no figure of the paper shows."""
    return "set encoder" if layer.startswith("encoder.") else "backbone"


def runs(records: Sequence[Record]) -> pd.DataFrame:
    """A row a run: `RUN`, `configuration`, its results, and the seconds of it all."""
    rows = [
        run_of(r) | trained_on(r) | {k: v for k, v in r.results.items() if not isinstance(v, dict)}
        | {"seconds_in_all": r.seconds, "finished": r.finished, "code": r.code}
        for r in records
    ]  # fmt: skip
    return pd.DataFrame(rows)


def run_of(record: Record) -> dict[str, Any]:
    """`RUN` of a record, and its name."""
    asked = record.configuration
    return {
        "learner": asked.get("learner", ""),
        "tasks": "varied" if asked.get("train", {}).get("variable") else "fixed",
        "scheme": asked.get("scheme", ""),
        "alpha": asked.get("alpha"),
        "per_channel": asked.get("per_channel"),
        "seed": asked.get("seed", 0),
        "record": record.name,
    }


def trained_on(record: Record) -> dict[str, Any]:
    """What a run was trained on: `configuration`, `way` and `shot`."""
    asked = record.configuration
    train, kind = asked.get("train", {}), str(asked.get("data", "")).partition(":")[0]
    way, shot = train.get("way"), train.get("shot")
    name = kind if train.get("variable") or way is None else f"{kind}-{way}-{shot}"
    return {"configuration": name, "way": way, "shot": shot}
