"""The paper's tables of accuracies, as tidy frames.

Figures are the paper's (Bronskill et al., ICML 2020), in percent, as printed.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Literal

import pandas as pd

from tnverify.analyses.paper.schemes import PRINTED_AS
from tnverify.analyses.statistics import average_ranks

Learner = Literal["maml", "protonets", "cnaps"]
Tasks = Literal["fixed", "varied"]

HELD_OUT = ("Traffic Signs", "MSCOCO", "MNIST", "CIFAR10", "CIFAR100")
"""The data sets of the Meta-Dataset tables of which no class was trained on."""

_BEFORE_THE_FIX = (
    "measured before Meta-Dataset's issue 54 was mended in December 2020: images were not shuffled "
    "within a class, which makes Traffic Signs far too easy"
)


@dataclass(frozen=True, slots=True)
class PaperTable:
    """What a table measured and how.

    `tasks` is "fixed" where way and shot are, "varied" where tasks are drawn by Meta-Dataset's
    sampler; `test_tasks` is the number of test tasks of each cell, None where the paper does not
    say; `intervals` and `note` are what a reader has to know before comparing.
    """

    name: str
    number: str
    learner: Learner
    tasks: Tasks
    title: str
    test_tasks: int | None
    note: str

    @property
    def source(self) -> str:
        return f"Bronskill et al. 2020, {self.number}"


_SINGLE = "one training run a cell; intervals are over test tasks alone, 1.96 sd / sqrt(600)"
_MAML = (
    f"first-order MAML, 60,000 iterations; {_SINGLE}; each the best of ten numbers of test steps, "
    "chosen on the test tasks"
)
_CNAPS = (
    f"{_SINGLE}; the better of two stored models, chosen on the test tasks; iterations differ by "
    f"scheme (60,000 to 200,000); {_BEFORE_THE_FIX}"
)

_ALL = (
    PaperTable(
        "table1_maml", "table 1", "maml", "fixed", "MAML on Omniglot and miniImageNet", 600, _MAML,
    ),
    PaperTable(
        "table1_transduction_maml", "table 1", "maml", "fixed",
        "MAML with transductive batch normalisation, by the batching of targets", 600,
        f"{_MAML}; in 1-shot rows one class at a time is one item at a time",
    ),
    PaperTable(
        "table2_cnaps_meta_dataset", "table 2", "cnaps", "varied", "CNAPs on Meta-Dataset", 600,
        _CNAPS,
    ),
    PaperTable(
        "table3_protonets_meta_dataset", "table 3", "protonets", "varied",
        "Prototypical networks on Meta-Dataset", 600,
        f"60,000 iterations from a pre-trained extractor; {_SINGLE}; {_BEFORE_THE_FIX}",
    ),
    PaperTable(
        "tableC1_protonets_small", "table C.1", "protonets", "fixed",
        "Prototypical networks on Omniglot and miniImageNet", None,
        "early stopping by validation; intervals are over test tasks alone, whose number is not "
        "stated",
    ),
    PaperTable(
        "tableD2_transduction_cnaps", "table D.2", "cnaps", "varied",
        "CNAPs on Meta-Dataset, by the batching of targets", 600,
        f"{_CNAPS}; its TaskNorm-I is an earlier run than that of table 2",
    ),
    PaperTable(
        "tableE3_alpha_maml", "table E.3", "maml", "fixed", "Forms of alpha in MAML", 600, _MAML,
    ),
    PaperTable(
        "tableE4_alpha_cnaps", "table E.4", "cnaps", "varied", "Forms of alpha in CNAPs", 600,
        _CNAPS,
    ),
)  # fmt: skip

TABLES: dict[str, PaperTable] = {table.name: table for table in _ALL}
"""Every table of accuracies in the paper, by the name of its file."""


@cache
def _read(name: str) -> pd.DataFrame:
    about = TABLES[name]
    printed = read_data(f"{name}.csv")
    arms = [PRINTED_AS[scheme] for scheme in printed["scheme"]]
    ways_and_shots = [_way_and_shot(dataset) for dataset in printed["dataset"]]
    batching = printed.get("target_batching", pd.Series("all", index=printed.index))
    frame = {
        "table": name,
        "learner": about.learner,
        "tasks": about.tasks,
        "configuration": printed["dataset"],
        "way": pd.array([way for way, _ in ways_and_shots], dtype="Int64"),
        "shot": pd.array([shot for _, shot in ways_and_shots], dtype="Int64"),
        "held_out": printed["dataset"].isin(HELD_OUT),
        "scheme": [arm.scheme for arm in arms],
        "alpha": [arm.alpha for arm in arms],
        "per_channel": [arm.per_channel for arm in arms],
        "target_batching": batching.replace("example", "item"),
        "accuracy": printed["accuracy"].astype("float64"),
        "ci95": printed["ci95"].astype("float64"),
        "printed_as": printed["scheme"],
        "source": about.source,
    }
    return pd.DataFrame(frame, index=printed.index)


def table(name: str) -> pd.DataFrame:
    """One table, a row a cell.

    Columns: `table`, `learner`, `tasks`, `configuration` (the data set as printed), `way` and
    `shot` (missing where varied), `held_out`, `scheme` (a name of the catalogue, or "baseline"),
    `alpha` and `per_channel` (where alpha's form is compared), `target_batching`, `accuracy` and
    `ci95` (half-width of the 0.95 interval) in percent, `printed_as`, `source`.
    """
    if name not in TABLES:
        raise KeyError(f"the paper has no table {name!r}: there are {', '.join(TABLES)}")
    return _read(name).copy()


def tables() -> pd.DataFrame:
    """All tables, one below the other."""
    return pd.concat([_read(name) for name in TABLES], ignore_index=True)


def grid(name: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Accuracies and half-widths of a table of schemes, (configurations, columns as printed)."""
    cells = table(name)
    if cells["target_batching"].nunique() > 1:
        raise ValueError(f"{name} varies the batching of targets too: take `table({name!r})`")
    rows, columns = cells["configuration"].unique(), cells["printed_as"].unique()
    accuracies, half_widths = (
        cells.pivot_table(index="configuration", columns="printed_as", values=values)
        .loc[rows, columns]
        for values in ("accuracy", "ci95")
    )  # fmt: skip
    return accuracies, half_widths


def printed_average_ranks(name: str) -> dict[str, float]:
    """The average ranks that the paper prints below a table, by column; empty where it has none."""
    ranks: dict[str, dict[str, float]] = json.loads(_text("printed_average_ranks.json"))
    return dict(ranks.get(name, {}))


def computed_average_ranks(name: str) -> dict[str, float]:
    """The average ranks that the rank rule makes of a table's printed cells, by column."""
    accuracies, half_widths = grid(name)
    ranks = average_ranks(accuracies.to_numpy(), half_widths.to_numpy())
    return dict(zip(accuracies.columns, map(float, ranks), strict=True))


def official_runs() -> pd.DataFrame:
    """Three runs of CNAPs with TaskNorm-I by its authors: what one training differs from the next.

    `run` is the month: 2020-03 is table D.2's, 2020-06 table 2's, and 2021-01 came after the
    mended shuffling of Meta-Dataset, with 40,000 iterations. Columns besides: `configuration`,
    `held_out`, `accuracy` and `ci95` in percent, `source`.
    """
    runs = read_data("official_runs_tasknorm_i_cnaps.csv").rename(
        columns={"dataset": "configuration"}
    )
    runs["held_out"] = runs["configuration"].isin(HELD_OUT)
    runs["source"] = "README of the authors' code, by date"
    return runs


def read_data(name: str) -> pd.DataFrame:
    """A file of figures that the package carries."""
    with files("tnverify.analyses.paper").joinpath("data", name).open(encoding="utf-8") as file:
        return pd.read_csv(file)


def _text(name: str) -> str:
    return files("tnverify.analyses.paper").joinpath("data", name).read_text(encoding="utf-8")


def _way_and_shot(dataset: str) -> tuple[int | None, int | None]:
    found = re.fullmatch(r"[A-Za-z]+-(\d+)-(\d+)", dataset)
    return (int(found[1]), int(found[2])) if found else (None, None)
