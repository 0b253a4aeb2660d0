"""Where something cannot be written, verdicts and counterexamples are shown, and nothing is left
half-written."""

from __future__ import annotations

import errno
import json
import os
from typing import TYPE_CHECKING

import pytest
from command_line import Terminal

from tnverify.engine.run import RunOptions, verify
from tnverify.report import paths
from tnverify.report.paths import write_atomically
from tnverify.subjects import SubjectRecipe

if TYPE_CHECKING:
    from pathlib import Path

LAW = "a_target_ignores_the_other_targets"
LEAKS = "torch.nn:BatchNorm2d(channels, track_running_stats=False)"


@pytest.fixture
def full(monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk is full once a run has begun: files can be made, and nothing written in them."""

    def refuse(handle: int, *given: object, **named: object) -> None:
        os.close(handle)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(paths.os, "fdopen", refuse)


@pytest.mark.parametrize("isolated", [True, False])
def test_on_a_full_disk_verdicts_and_counterexamples_are_there(
    isolated: bool, full: None, tmp_path: Path
) -> None:
    options = RunOptions(profile="quick", only=(LAW,), out=tmp_path / "out", isolated=isolated)
    (report,) = verify([SubjectRecipe(LEAKS)], options).subjects
    assert report.verdict == "violates"
    example = report.verdict_of(LAW).counterexample
    assert example is not None
    assert example.path is None
    assert example.context
    assert example.reproducer
    (caution,) = report.cautions
    assert caution == "a program that fails alike could not be written: No space left on device"
    assert list((tmp_path / "out").iterdir()) == []


def test_the_command_ends_with_its_verdict_and_a_line_for_each_file(
    full: None, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    ended = Terminal(capsys)(
        "verify", LEAKS, "--profile", "quick", "--only", LAW, "--json", "report.json"
    )
    assert ended.code == 1
    assert "could not be written" in ended.out
    assert ended.complaint == "--json report.json: No space left on device"
    assert not (tmp_path / "report.json").exists()


def test_a_folder_that_a_layer_takes_away_costs_the_programs_alone(tmp_path: Path) -> None:
    out = tmp_path / "out"
    (tmp_path / "layers.py").write_text(
        "import pathlib, shutil, torch\n"
        "class Layer(torch.nn.BatchNorm2d):\n"
        "    def __init__(self, channels):\n"
        "        super().__init__(channels, track_running_stats=False)\n"
        f"        shutil.rmtree({str(out)!r}, ignore_errors=True)\n"
        f"        pathlib.Path({str(out)!r}).touch()\n"
    )
    options = RunOptions(profile="quick", only=(LAW,), out=out)
    (report,) = verify([SubjectRecipe(f"{tmp_path}/layers.py:Layer")], options).subjects
    assert report.verdict == "violates"
    assert any("could not be written" in caution for caution in report.cautions)


@pytest.mark.slow
def test_two_runs_in_one_folder_leave_whole_files(tmp_path: Path) -> None:
    options = RunOptions(profile="quick", only=(LAW,), out=tmp_path)
    for _ in range(2):
        verify([SubjectRecipe(LEAKS)], options)
    name = f"{SubjectRecipe(LEAKS).slug}_{LAW}"
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        f"{name}.json",
        f"{name}.py",
        f"{name}_in_torch.py",
    ]
    json.loads((tmp_path / f"{name}.json").read_text())


def test_a_write_that_fails_leaves_what_was_there(full: None, tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    path.write_text("before")
    with pytest.raises(OSError, match="No space"):
        write_atomically(path, "after")
    assert [each.name for each in tmp_path.iterdir()] == ["report.json"]
    assert path.read_text() == "before"
