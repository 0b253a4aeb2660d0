"""Analyses of data on disk: several data sets have a cell each, one has its own name."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from image_layouts import write_omniglot, write_record_set

from tnverify.analyses.programs import carrying_out, load
from tnverify.analyses.programs.carrying_out import analyse
from tnverify.analyses.programs.request import SIZES, Request
from tnverify.analyses.sweep import Swept

if TYPE_CHECKING:
    from pathlib import Path


pytestmark = pytest.mark.usefixtures("figures_stay_empty")


@pytest.fixture
def one_run() -> Request:
    size = replace(SIZES["smoke"], tasks=(2, 2), in_parts=(2, 2), resamples=20)
    return Request(size, schemes=("meta_bn",), learners=("protonets",), seeds=1)


@pytest.mark.slow
def test_each_data_set_of_meta_dataset_has_a_cell(one_run: Request, tmp_path: Path) -> None:
    for name in ("first", "second"):
        folder = tmp_path / "records" / name
        write_record_set(folder, {"TRAIN": 6, "VALID": 5, "TEST": 5}, [20] * 16, name=name)
    request = replace(one_run, data=f"meta-dataset:{tmp_path / 'records'}")
    planned = load("accuracy").plan(request)
    cells = {c["configuration"]: c.get("dataset") for c in planned[0]["test"]}
    assert cells["first-5-5"] == "first"
    assert cells["second-5-5"] == "second"
    assert cells["meta-dataset-5-5, in parts"] == "first"
    written = analyse(load("accuracy"), request, tmp_path / "out", workers=1)
    assert (written.missing, written.failures) == (0, ())


@pytest.mark.parametrize(("device", "workers"), [("cuda:1", 1), ("cpu", 2)])
def test_a_gpu_that_is_named_is_one_lane(
    one_run: Request, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, device: str, workers: int
) -> None:
    asked: dict[str, object] = {}

    def run_sweep(*_: object, **options: object) -> Swept:
        asked.update(options)
        return Swept((), (), (), ())

    monkeypatch.setattr(carrying_out, "run_sweep", run_sweep)
    analyse(load("accuracy"), replace(one_run, device=device), tmp_path, workers=2)
    assert (asked["workers"], asked["gpus"]) == (workers, ())


@pytest.mark.slow
def test_omniglot_is_read_at_its_own_size(one_run: Request, tmp_path: Path) -> None:
    write_omniglot(tmp_path / "omniglot", {"Latin": 12, "Greek": 6}, {"Tifinagh": 6}, images=16)
    request = replace(one_run, data=f"omniglot:{tmp_path / 'omniglot'}")
    written = analyse(load("accuracy"), request, tmp_path / "out", workers=1)
    assert (written.missing, written.failures) == (0, ())
    assert "omniglot-5-5" in written.page.read_text(encoding="utf-8")
