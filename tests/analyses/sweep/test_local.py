"""Sweeps on this machine: each run once, whatever fails or dies."""

from __future__ import annotations

import json
import os
import signal
from typing import TYPE_CHECKING, Any

import pytest
from sweep_program import SOURCES, trainer

from tnverify.analyses.records import rows_table, scan
from tnverify.analyses.sweep import BusyError, Swept, Trained, Workplace, run_sweep
from tnverify.analyses.sweep.lock import alone_in

if TYPE_CHECKING:
    from pathlib import Path


def sweep(out: Path, runs: int, train_one: Any = None, **options: Any) -> Swept:
    return run_sweep(
        [{"run": i} for i in range(runs)],
        train_one or trainer(out, seconds=0.0, kill=None, always=False),
        out,
        sources=SOURCES,
        quiet=True,
        **options,
    )


def runs_of(swept: Swept) -> list[int]:
    return [record.configuration["run"] for record in swept.records]


def test_every_run_is_trained_once_and_the_next_call_trains_none(tmp_path: Path) -> None:
    first = sweep(tmp_path, 3, workers=2)
    assert (runs_of(first), first.failures, first.notes) == ([0, 1, 2], (), ())
    assert list(first.trained) == [record.name for record in first.records]
    second = sweep(tmp_path, 4, workers=2)
    assert runs_of(second) == [0, 1, 2, 3]
    assert list(second.trained) == [second.records[3].name]
    assert sorted((tmp_path / "journal").read_text().split()[1::3]) == list("00112233")
    # In one process each: the figures of a run come back with it, and threads are one.
    assert second.records[2].results["square"] == 4
    assert {record.results["saw"]["OMP_NUM_THREADS"] for record in second.records} == {"1"}
    assert len(rows_table(second.records, "tasks")) == 8
    assert not list((tmp_path / "unfinished").iterdir())


def test_equal_configurations_are_one_run(tmp_path: Path) -> None:
    train_one = trainer(tmp_path, seconds=0.0, kill=None, always=False)
    twice = [{"run": 1}, {"run": 1}]
    swept = run_sweep(twice, train_one, tmp_path, sources=SOURCES, workers=1, quiet=True)
    assert runs_of(swept) == [1]
    assert (tmp_path / "journal").read_text().count("begin") == 1


def test_a_run_that_fails_is_told_and_tried_again_by_the_next_call(tmp_path: Path) -> None:
    def train_one(configuration: dict[str, Any], workplace: Workplace) -> Trained:
        if configuration["run"] == 1 and not (tmp_path / "mended").exists():
            raise ArithmeticError("the loss is not a number")
        if configuration["run"] == 2 and not (tmp_path / "mended").exists():
            raise SystemExit(3)
        return Trained({"run_was": configuration["run"]})

    first = sweep(tmp_path, 4, train_one, workers=2)
    assert runs_of(first) == [0, 3]
    assert list(first.trained) == [record.name for record in first.records]
    reasons = {failure.configuration["run"]: failure.reason for failure in first.failures}
    assert reasons[1].endswith("ArithmeticError: the loss is not a number\n")
    assert "SystemExit: 3" in reasons[2]
    told = {path.read_text() for path in (tmp_path / "failures").iterdir()}
    assert {json.loads(text.partition("\n\n")[0])["run"] for text in told} == {1, 2}
    (tmp_path / "mended").touch()
    second = sweep(tmp_path, 4, train_one, workers=2)
    assert (runs_of(second), second.failures) == ([0, 1, 2, 3], ())
    assert not list((tmp_path / "failures").iterdir())


def test_a_killed_worker_loses_one_run_which_goes_on_where_it_was(tmp_path: Path) -> None:
    train_one = trainer(tmp_path, seconds=0.2, kill=1, always=False)
    swept = sweep(tmp_path, 5, train_one, workers=2)
    assert (runs_of(swept), swept.failures) == ([0, 1, 2, 3, 4], ())
    begun = [line.split()[1] for line in (tmp_path / "journal").read_text().splitlines()
             if line.startswith("begin")]  # fmt: skip
    assert sorted(begun) == ["0", "1", "1", "2", "3", "4"]
    assert [record.results["resumed_at"] for record in swept.records] == [0, 2, 0, 0, 0]


def test_a_run_whose_worker_always_dies_fails_alone(tmp_path: Path) -> None:
    train_one = trainer(tmp_path, seconds=0.0, kill=0, always=True)
    swept = sweep(tmp_path, 3, train_one, workers=1)
    assert runs_of(swept) == [1, 2]
    (failure,) = swept.failures
    assert failure.configuration == {"run": 0}
    assert failure.reason.startswith(
        "its worker died, 2 of 2 times: its process ended with SIGKILL"
    )
    assert "out of memory?" in failure.reason


def test_other_sources_make_every_run_a_new_one(tmp_path: Path) -> None:
    first = sweep(tmp_path, 1, workers=1)
    train_one = trainer(tmp_path, seconds=0.0, kill=None, always=False)
    other = run_sweep(
        [{"run": 0}], train_one, tmp_path, sources=[*SOURCES, "json"], workers=1, quiet=True
    )
    assert len(other.trained) == 1
    assert other.records[0].code != first.records[0].code
    assert len(scan(tmp_path / "records").records) == 2


def test_a_damaged_record_is_noted_and_its_run_trained_again(tmp_path: Path) -> None:
    first = sweep(tmp_path, 2, workers=1)
    hurt = tmp_path / "records" / f"{first.records[0].name}.json"
    hurt.write_bytes(hurt.read_bytes()[:50])
    second = sweep(tmp_path, 2, workers=1)
    assert (runs_of(second), second.trained) == ([0, 1], (first.records[0].name,))
    assert [note.path for note in second.notes] == [hurt]
    assert sweep(tmp_path, 2, workers=1).notes == ()


def test_each_worker_sees_a_gpu_of_its_own(tmp_path: Path) -> None:
    train_one = trainer(tmp_path, seconds=0.4, kill=None, always=False)
    swept = sweep(tmp_path, 4, train_one, gpus=("3", "7"))
    assert {record.results["saw"]["CUDA_VISIBLE_DEVICES"] for record in swept.records} == {"3", "7"}


def test_workers_leave_ctrl_c_to_the_sweep(tmp_path: Path) -> None:
    def train_one(configuration: dict[str, Any], workplace: Workplace) -> Trained:
        return Trained({"ignored": signal.getsignal(signal.SIGINT) == signal.SIG_IGN})

    (record,) = sweep(tmp_path, 1, train_one, workers=1).records
    assert record.results["ignored"]


def test_two_sweeps_do_not_work_in_one_folder(tmp_path: Path) -> None:
    with (
        alone_in(tmp_path),
        pytest.raises(BusyError, match=f"another sweep is at work .*process {os.getpid()} on"),
    ):
        sweep(tmp_path, 1, workers=1)
    assert runs_of(sweep(tmp_path, 1, workers=1)) == [0]


def test_a_configuration_that_is_no_json_is_refused_before_anything_is_run(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match=r"configuration\.run is a object"):
        run_sweep(
            [{"run": 0}, {"run": object()}],
            trainer(tmp_path, seconds=0.0, kill=None, always=False),
            tmp_path,
            sources=SOURCES,
        )
    assert not (tmp_path / "journal").exists()
