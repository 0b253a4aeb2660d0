"""The paper's tables as the package carries them, held to the ranks and means known of them."""

from __future__ import annotations

import numpy as np
import pytest

from tnverify.analyses.paper import (
    BASELINE,
    PRINTED_AS,
    TABLES,
    computed_average_ranks,
    grid,
    official_runs,
    printed_average_ranks,
    table,
    tables,
)
from tnverify.analyses.statistics import tie_groups
from tnverify.contract import SCHEMES

RANKED = [name for name in TABLES if printed_average_ranks(name)]
COLUMNS = [
    "table", "learner", "tasks", "configuration", "way", "shot", "held_out", "scheme", "alpha",
    "per_channel", "target_batching", "accuracy", "ci95", "printed_as", "source",
]  # fmt: skip


@pytest.mark.parametrize("name", RANKED)
def test_the_rank_rule_gives_every_rank_that_the_paper_prints(name: str) -> None:
    printed = printed_average_ranks(name)
    computed = computed_average_ranks(name)
    # Ranks are multiples of 1/6 or 1/26, printed with two decimals.
    assert computed == pytest.approx(printed, abs=0.005 + 1e-9)
    assert set(computed) == set(printed)


def test_these_are_all_45_printed_ranks() -> None:
    assert len(RANKED) == 6
    assert sum(len(printed_average_ranks(name)) for name in RANKED) == 45


@pytest.mark.parametrize(
    ("name", "cells"),
    [
        ("table1_maml", 6 * 9), ("table1_transduction_maml", 6 * 3),
        ("table2_cnaps_meta_dataset", 13 * 11), ("table3_protonets_meta_dataset", 13 * 10),
        ("tableC1_protonets_small", 6 * 9), ("tableD2_transduction_cnaps", 13 * 6),
        ("tableE3_alpha_maml", 6 * 2), ("tableE4_alpha_cnaps", 13 * 4),
    ],
)  # fmt: skip
def test_a_table_has_a_row_for_each_cell(name: str, cells: int) -> None:
    frame = table(name)
    assert list(frame.columns) == COLUMNS
    assert len(frame) == cells
    keys = ["configuration", "printed_as", "target_batching"]
    assert not frame.duplicated(keys).any()
    assert frame["accuracy"].between(3, 100).all()
    assert frame["ci95"].between(0, 2).all()
    assert set(frame["source"]) == {TABLES[name].source}


def test_the_tables_are_these_and_all_of_them_together() -> None:
    assert len(tables()) == sum(len(table(name)) for name in TABLES) == 541
    with pytest.raises(KeyError, match="no table 'table4'"):
        table("table4")


@pytest.mark.parametrize(
    ("name", "means"),
    [
        (
            "table1_maml",
            {"TBN": 81.72, "RN": 79.15, "MetaBN": 79.35, "TaskNorm-L": 79.68, "TaskNorm-I": 80.07,
             "IN": 74.93, "LN": 73.07, "CBN": 15.07, "BRN": 15.18},
        ),
        (
            "table2_cnaps_meta_dataset",
            {"TaskNorm-I": 69.35, "RN": 68.38, "TBN": 68.19, "TaskNorm-L": 68.15, "MetaBN": 67.88,
             "TaskNorm-r": 67.03, "Baseline": 65.84, "IN": 63.55, "LN": 61.78, "BRN": 43.33,
             "CBN": 37.51},
        ),
        (
            "table3_protonets_meta_dataset",
            {"TaskNorm-I": 67.89, "TaskNorm-L": 66.91, "RN": 66.36, "TBN": 66.33, "MetaBN": 66.03,
             "BRN": 65.29, "TaskNorm-r": 63.99, "CBN": 61.10, "LN": 59.32, "IN": 54.98},
        ),
    ],
)  # fmt: skip
def test_column_means_are_those_computed_by_hand(name: str, means: dict[str, float]) -> None:
    accuracies, half_widths = grid(name)
    assert accuracies.mean().to_dict() == pytest.approx(means, abs=0.005 + 1e-9)
    assert accuracies.shape == half_widths.shape


def test_every_column_heading_is_a_scheme_of_the_catalogue() -> None:
    for arm in PRINTED_AS.values():
        assert arm.scheme in SCHEMES or arm.scheme == BASELINE
    assert set(tables()["printed_as"]) == set(PRINTED_AS)


def test_configurations_know_their_way_and_shot() -> None:
    frame = table("table1_maml").set_index("configuration")
    assert (frame.loc["Omniglot-20-5", "way"] == 20).all()
    assert (frame.loc["Omniglot-20-5", "shot"] == 5).all()
    varied = table("table2_cnaps_meta_dataset")
    assert varied[["way", "shot"]].isna().all(axis=None)
    assert varied.groupby("held_out")["configuration"].nunique().to_dict() == {False: 8, True: 5}


def test_a_table_with_several_batchings_is_no_grid() -> None:
    with pytest.raises(ValueError, match="varies the batching"):
        grid("tableD2_transduction_cnaps")
    assert set(table("tableD2_transduction_cnaps")["target_batching"]) == {"all", "class", "item"}


def test_a_caller_cannot_change_the_tables_for_the_next() -> None:
    frame = table("table1_maml")
    frame["accuracy"] = 0.0
    assert table("table1_maml")["accuracy"].min() == 5.0


def test_two_official_runs_of_one_method_differ_significantly_on_5_of_13_data_sets() -> None:
    runs = official_runs().set_index(["configuration", "run"])
    first, second = (runs.xs(run, level="run") for run in ("2020-03", "2020-06"))
    apart = [
        len(tie_groups([a.accuracy, b.accuracy], [a.ci95, b.ci95])) == 2
        for a, b in zip(first.itertuples(), second.itertuples(), strict=True)
    ]
    gaps = (first["accuracy"] - second["accuracy"]).abs()
    assert (sum(apart), len(apart)) == (5, 13)
    assert (round(gaps.mean(), 2), round(gaps.max(), 1)) == (0.84, 2.2)


def test_official_runs_are_those_of_the_tables() -> None:
    runs = official_runs().pivot_table(index="configuration", columns="run", values="accuracy")
    earlier = table("tableD2_transduction_cnaps")
    earlier = earlier[(earlier["scheme"] == "tasknorm_i") & (earlier["target_batching"] == "all")]
    printed = table("table2_cnaps_meta_dataset")
    printed = printed[printed["scheme"] == "tasknorm_i"]
    for run, frame in (("2020-03", earlier), ("2020-06", printed)):
        expected = frame.set_index("configuration")["accuracy"]
        assert runs[run].to_dict() == expected.to_dict()


def test_the_first_run_in_table_2s_place_still_ranks_best() -> None:
    accuracies, half_widths = grid("table2_cnaps_meta_dataset")
    runs = official_runs()
    first = runs[runs["run"] == "2020-03"].set_index("configuration")
    accuracies["TaskNorm-I"], half_widths["TaskNorm-I"] = first["accuracy"], first["ci95"]
    groups = [
        tie_groups(a, h)[0]
        for a, h in zip(accuracies.to_numpy(), half_widths.to_numpy(), strict=True)
    ]
    own = list(accuracies.columns).index("TaskNorm-I")
    assert sum(own in group for group in groups) == 8
    assert not np.isnan(accuracies.to_numpy()).any()
