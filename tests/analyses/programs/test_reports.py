"""Every analysis makes its page, figures and tables of whatever records there are."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import replace
from typing import TYPE_CHECKING

import pandas as pd
import pytest
from made_up_reports import lay_out
from pictures import expect_a_clear_edge
from samples import each as sampled

from tnverify.analyses.programs import NAMES, load
from tnverify.analyses.programs.carrying_out import NothingToReportError, rebuild
from tnverify.analyses.programs.request import SIZES, STYLES, Request
from tnverify.analyses.training.settings import read_settings

if TYPE_CHECKING:
    from pathlib import Path

TRAINED = tuple(name for name in NAMES if name != "cost")


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", TRAINED)
def test_every_planned_run_can_be_read_by_the_training(name: str, size: str) -> None:
    configurations = load(name).plan(Request(SIZES[size]))
    assert configurations
    for configuration in configurations:
        read_settings(configuration)


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("name", TRAINED)
def test_trainings_and_cells_have_the_style_that_is_asked_for(name: str, style: str) -> None:
    for configuration in load(name).plan(Request(SIZES["smoke"], style=style)):
        read_settings(configuration)
        if configuration["learner"] != "pixels":
            assert configuration["train"]["style"] == style
        own = [
            cell
            for cell in configuration["test"]
            if "(plain)" not in cell["configuration"] and " shift " not in cell["configuration"]
        ]
        assert {cell["style"] for cell in own} <= {style}


@pytest.mark.parametrize("name", sampled(TRAINED, 3))
def test_a_report_has_its_figures_tables_and_runs(
    name: str, small: Request, tmp_path: Path
) -> None:
    asked = lay_out(name, small, tmp_path)
    (written,) = rebuild([tmp_path], tmp_path)
    assert (written.runs, written.missing) == (len(asked.records), 0)
    page = written.page.read_text(encoding="utf-8")
    assert load(name).title in page
    assert asked.command in page
    runs = pd.read_csv(tmp_path / name / "tables" / "runs.csv")
    assert set(runs["record"]) == set(asked.records)
    figures = sorted((tmp_path / name / "figures").glob("*.svg"))
    assert figures
    for figure in figures:
        expect_a_clear_edge(figure.with_suffix(".png").read_bytes(), figure.name)
        words = " ".join(ET.fromstring(figure.read_text()).itertext())  # noqa: S314 - made here
        assert "seed" in words or "tasks" in words, f"{figure.name} tells no tasks or seeds"
        assert "%" in words or "alpha" in words or "rank" in words or "points" in words


def test_the_same_records_give_the_same_page(small: Request, tmp_path: Path) -> None:
    lay_out("context_size", small, tmp_path)
    (first,) = rebuild([tmp_path], tmp_path)
    before = first.page.read_bytes()
    rebuild([tmp_path], tmp_path)
    assert first.page.read_bytes() == before


@pytest.mark.parametrize("name", sampled(TRAINED, 3))
@pytest.mark.usefixtures("figures_stay_empty")
def test_what_is_missing_is_told_and_the_rest_shown(
    name: str, small: Request, tmp_path: Path
) -> None:
    asked = lay_out(name, small, tmp_path, every=3)
    (written,) = rebuild([tmp_path], tmp_path)
    assert written.missing == len(asked.records) - written.runs > 0
    assert f"{written.missing} of {len(asked.records)} runs" in written.page.read_text()


@pytest.mark.parametrize("name", TRAINED)
@pytest.mark.usefixtures("figures_stay_empty")
def test_no_record_at_all_is_a_page_that_says_so(name: str, small: Request, tmp_path: Path) -> None:
    lay_out(name, small, tmp_path, every=10_000)
    for path in (tmp_path / "records").iterdir():
        path.unlink()
    (written,) = rebuild([tmp_path], tmp_path)
    assert written.runs == 0
    assert "no record yet" in written.page.read_text()


@pytest.mark.usefixtures("figures_stay_empty")
def test_folders_of_other_seeds_become_one_report(small: Request, tmp_path: Path) -> None:
    one, two, both = (tmp_path / name for name in ("one", "two", "both"))
    first = lay_out("accuracy", replace(small, seeds=1), one)
    second = lay_out("accuracy", replace(small, seed=1, seeds=1), two)
    (written,) = rebuild([one, two], both)
    # Raw pixels are no training and the same in both.
    assert written.runs == len({*first.records, *second.records}) == len(first.records) * 2 - 1
    cells = pd.read_csv(both / "accuracy" / "tables" / "accuracy_cells.csv")
    assert set(cells["seeds"]) == {2}
    # The merged folder stands by itself.
    (again,) = rebuild([both], both)
    assert (again.runs, again.missing) == (written.runs, 0)


@pytest.mark.parametrize("name", sampled(sorted(TRAINED), 4))
@pytest.mark.usefixtures("figures_stay_empty")
def test_runs_of_two_versions_of_the_code_count_once(
    name: str, small: Request, tmp_path: Path
) -> None:
    one, two, both = (tmp_path / folder for folder in ("one", "two", "both"))
    lay_out(name, small, one)
    lay_out(name, small, two, code="later")
    ((alone,), (merged,)) = rebuild([one], one), rebuild([one, two], both)
    assert merged.runs == 2 * alone.runs
    for path in (one / name / "tables").glob("*_cells.csv"):
        again = pd.read_csv(both / name / "tables" / path.name)
        pd.testing.assert_frame_equal(again, pd.read_csv(path))


def test_a_damaged_record_is_left_out_and_told(small: Request, tmp_path: Path) -> None:
    lay_out("context_size", small, tmp_path)
    spoilt = min((tmp_path / "records").glob("*.json"))
    spoilt.write_text("{")
    (written,) = rebuild([tmp_path], tmp_path)
    assert written.missing == 1
    assert [note.path for note in written.notes] == [spoilt]


def test_a_folder_without_analyses_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(NothingToReportError, match=f"{tmp_path} holds no analysis"):
        rebuild([tmp_path], tmp_path)


def test_schemes_and_learners_can_be_chosen(small: Request) -> None:
    asked = replace(small, schemes=("tasknorm_i", "meta_bn"), learners=("protonets",))
    planned = load("accuracy").plan(asked)
    assert {c["learner"] for c in planned} == {"protonets", "pixels"}
    assert {c["scheme"] for c in planned if c["learner"] != "pixels"} == {"tasknorm_i", "meta_bn"}


def test_analyses_of_one_size_share_their_runs(small: Request) -> None:
    """A run is found again by the hash of its configuration, so equal ones must be equal."""
    one_seed = replace(small, seeds=1)
    shared = [
        c
        for c in load("transduction").plan(one_seed)
        if c in load("claims").plan(one_seed) and c["learner"] == "maml"
    ]
    assert {c["scheme"] for c in shared} >= {"tasknorm_i", "transductive_bn", "layer_norm"}
