"""Processes of subjects: restarted, spawned where forking is not to be had, and done without."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from samples import each as sampled

from tnverify.engine import crew, worker
from tnverify.engine.run import RunOptions, identify, verify
from tnverify.isolation.board import Board
from tnverify.subjects import SubjectRecipe

if TYPE_CHECKING:
    from pathlib import Path

    from tnverify.engine.results import RunReport, SubjectReport

pytestmark = pytest.mark.usefixtures("few_tasks")

LAW = "a_target_ignores_the_other_targets"
QUICK = RunOptions(profile="quick", out=None, only=(LAW,))
SOUND = SubjectRecipe("torch.nn:InstanceNorm2d")
LEAKS = SubjectRecipe("torch.nn:BatchNorm2d(channels, track_running_stats=False)")


def timeless(run: RunReport) -> list[SubjectReport]:
    return [
        replace(s, seconds=0.0, laws=tuple(replace(v, seconds=0.0) for v in s.laws))
        for s in run.subjects
    ]


def test_any_number_of_jobs_and_no_process_at_all_give_the_same_report() -> None:
    requests = [SOUND, LEAKS, SubjectRecipe("no_such:Layer"), SOUND]
    runs = [
        verify(requests, options)
        for options in (QUICK, replace(QUICK, jobs=3), replace(QUICK, isolated=False))
    ]
    assert timeless(runs[0]) == timeless(runs[1]) == timeless(runs[2])
    assert [s.verdict for s in runs[0].subjects] == [
        "conforms", "violates", "unusable", "conforms",
    ]  # fmt: skip


def test_a_process_that_is_spawned_finds_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    forked = verify([LEAKS], QUICK)
    monkeypatch.setattr(crew, "methods", lambda device: ("spawn",))
    assert timeless(verify([LEAKS], QUICK)) == timeless(forked)


def test_where_no_process_is_to_be_had_the_run_goes_on_and_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*given: object) -> None:
        raise BlockingIOError("no more processes")

    monkeypatch.setattr(crew, "Process", refuse)
    (report,) = verify([SOUND], QUICK).subjects
    assert report.verdict == "conforms"
    assert any("no process could be started" in caution for caution in report.cautions)


CRASHES = """
import os, torch
class Layer(torch.nn.InstanceNorm2d):
    def forward(self, x):
        {}
        return super().forward(x)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="a process that is spawned is not patched")
def test_a_process_that_takes_over_from_one_that_crashed_measures_nothing_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolved, measured = worker._resolved, tmp_path / "measured"

    def noted(request: SubjectRecipe, device: str) -> Any:
        with measured.open("a") as file:
            file.write("once\n")
        return resolved(request, device)

    monkeypatch.setattr(worker, "_resolved", noted)
    ends = "if x.numel() and x.abs().max() > 1e5: os._exit(3)"
    (tmp_path / "now.py").write_text(CRASHES.format(ends))
    only = (LAW, "parameters_do_not_change_in_forward")
    (report,) = verify(
        [SubjectRecipe(f"{tmp_path}/now.py:Layer")], replace(QUICK, only=only, shrink=False)
    ).subjects
    assert {verdict.outcome for verdict in report.laws} & {"broken"}
    assert measured.read_text() == "once\n"
    assert report.evidence is not None


def test_a_layer_that_crashes_now_and_then_is_asked_on(tmp_path: Path) -> None:
    # Laws alone ask of values as large; sizes at the edge are met in detection too.
    ends = "if x.numel() and x.abs().max() > 1e5: os._exit(3)"
    (tmp_path / "now.py").write_text(CRASHES.format(ends))
    only = (LAW, "calls_come_back", "parameters_do_not_change_in_forward", "input_is_not_modified")
    (report,) = verify(
        [SubjectRecipe(f"{tmp_path}/now.py:Layer")], replace(QUICK, only=only, out=tmp_path)
    ).subjects
    assert report.verdict == "violates"
    assert report.fingerprint is not None
    broken = [v for v in report.laws if v.outcome == "broken"]
    assert broken
    assert all("exit code 3" in str(v.reason) for v in broken)
    assert broken[0].counterexample is not None
    assert broken[0].counterexample.verified
    assert len(report.laws) == len(only)


@pytest.mark.parametrize("edge", ["x.shape[1] == 1", "len(x) == 1", "x.shape[2:].numel() == 1"])
def test_what_crashes_at_an_edge_alone_is_measured_and_asked_on(edge: str, tmp_path: Path) -> None:
    (tmp_path / "edge.py").write_text(CRASHES.format(f"if {edge}: os._exit(3)"))
    only = (LAW, "batch_size", "parameters_do_not_change_in_forward", "input_is_not_modified")
    (report,) = verify(
        [SubjectRecipe(f"{tmp_path}/edge.py:Layer")], replace(QUICK, only=only, shrink=False)
    ).subjects
    assert report.verdict == "violates"
    assert report.fingerprint is not None
    assert {"held", "broken"} <= {verdict.outcome for verdict in report.laws}
    assert all("exit code 3" in str(v.reason) for v in report.laws if v.outcome == "broken")


SCRIPT = """
import torch
from tnverify.engine.run import RunOptions, verify
from tnverify.subjects import SubjectRecipe

class Own(torch.nn.InstanceNorm2d): pass
make = lambda channels: torch.nn.BatchNorm2d(channels, track_running_stats=False)

options = RunOptions(profile="quick", only=("transductivity",), out=None)
run = verify([SubjectRecipe("__main__:Own"), SubjectRecipe("__main__:make")], options)
print([subject.verdict for subject in run.subjects])
"""


@pytest.mark.skipif(sys.platform != "linux", reason="a process that is spawned has another main")
@pytest.mark.parametrize("from_stdin", sampled([True, False], 2))
def test_what_a_script_or_a_notebook_defines_can_be_named(from_stdin: bool, tmp_path: Path) -> None:
    path = tmp_path / "script.py"
    path.write_text(SCRIPT)
    command = [sys.executable, "-" if from_stdin else str(path)]
    ran = subprocess.run(command, input=SCRIPT, capture_output=True, text=True, check=False)
    assert (ran.stdout, ran.stderr) == ("['conforms', 'violates']\n", "")


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("import os\nos._exit(9)", "exit code 9"),
        ("import ctypes\nctypes.string_at(0)", "SIGSEGV"),
        ("class E(BaseException): pass\nraise E('odd')", "E: odd"),
    ],
)
def test_what_ends_the_process_when_it_is_imported_cannot_be_used(
    source: str, says: str, tmp_path: Path
) -> None:
    (tmp_path / "bad.py").write_text(f"{source}\nclass Layer: pass\n")
    request = SubjectRecipe(f"{tmp_path}/bad.py:Layer")
    run = verify([request, SOUND], QUICK)
    assert [s.verdict for s in run.subjects] == ["unusable", "conforms"]
    assert says in str(run.subjects[0].reason)
    assert identify(request).verdict == "unusable"


def test_each_layer_has_the_helper_beside_it(tmp_path: Path) -> None:
    requests = []
    for name, base in (("one", "InstanceNorm2d"), ("two", "Identity")):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "helper.py").write_text(f"from torch.nn import {base} as Base\n")
        (folder / "layers.py").write_text("from helper import Base\nclass Layer(Base): pass\n")
        requests.append(SubjectRecipe(f"{folder}/layers.py:Layer"))
    schemes = [report.scheme for report in verify(requests, QUICK).subjects]
    assert schemes == ["instance_norm", "none"]


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_a_board_tells_what_was_last_written(method: str) -> None:
    board = Board(method)
    assert board.limit is None
    board.enter("laws")
    board.asking("a_law", 12, "native", "a context of shape (1, 2)")
    board.calling("condition")
    board.count((10.0, 5.0, 0.5))
    assert tuple(board.doing) == (
        "laws", "condition", "a_law", 12, "native", "a context of shape (1, 2)",
    )  # fmt: skip
    assert board.limit == (10.0, 5.0, 0.5)
    board.enter("x" * 300)
    assert board.doing.stage == "x" * 23
    assert board.doing.law == ""
    assert not board.has_come_twice
    if method == "fork":
        child = os.fork()
        if not child:
            board.came_twice()
            os._exit(0)
        os.waitpid(child, 0)
        assert board.has_come_twice
