"""Whole runs: real layers in, reports out."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import torch

from tnverify.catalogue import CatalogueError
from tnverify.engine import canaries
from tnverify.engine.run import RunOptions, identify, verify
from tnverify.subjects import SubjectRecipe

if TYPE_CHECKING:
    from pathlib import Path

    from tnverify.engine.results import LawVerdict, SubjectReport

BATCH = SubjectRecipe("torch.nn:BatchNorm2d(channels, track_running_stats=False)")
LAW = "a_target_ignores_the_other_targets"
QUICK = RunOptions(profile="quick", out=None)


def timeless(report: SubjectReport) -> SubjectReport:
    laws = tuple(replace(verdict, seconds=0.0) for verdict in report.laws)
    return replace(report, seconds=0.0, laws=laws)


def test_the_same_seed_gives_the_same_report(tmp_path: Path) -> None:
    options = RunOptions(profile="quick", seed=3, out=tmp_path, only=("transductivity",))
    first, second = (verify([BATCH], options).subjects[0] for _ in range(2))
    assert timeless(first) == timeless(second)


def test_another_seed_draws_other_tasks() -> None:
    seeds = (
        verify([BATCH], replace(QUICK, seed=s, only=(LAW,), shrink=False)).subjects[0]
        for s in (1, 2)
    )
    first, second = (report.verdict_of(LAW).actual for report in seeds)
    assert first != second


def test_a_counterexample_is_small_and_its_program_fails_the_same_way(tmp_path: Path) -> None:
    run = verify([BATCH], replace(QUICK, only=(LAW,), out=tmp_path))
    verdict: LawVerdict = run.subjects[0].verdict_of(LAW)
    example = verdict.counterexample
    assert example is not None
    assert example.verified
    assert torch.tensor(example.context).numel() <= 2
    assert any("normalize" in call for call in example.calls)
    assert example.path is not None
    ran = subprocess.run(
        [sys.executable, example.path], capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert ran.returncode == 1
    assert "Violation" in ran.stderr
    assert "hypothesis" not in example.reproducer.lower()


@pytest.mark.slow
def test_a_program_of_a_layer_that_was_mended_ends_with_nothing(tmp_path: Path) -> None:
    path = tmp_path / "mended.py"
    path.write_text(
        "from torch.nn import BatchNorm2d\n"
        "def Layer(c): return BatchNorm2d(c, track_running_stats=False)\n"
    )
    run = verify([SubjectRecipe(f"{path}:Layer")], replace(QUICK, only=(LAW,), out=tmp_path))
    example = run.subjects[0].verdict_of(LAW).counterexample
    assert example is not None
    assert example.path is not None
    path.write_text("from torch.nn import InstanceNorm2d as Layer\n")
    ran = subprocess.run([sys.executable, example.path], check=False, cwd=tmp_path)
    assert ran.returncode == 0


def test_one_unusable_subject_leaves_the_others_their_results() -> None:
    run = verify(
        [SubjectRecipe("no_such:Layer"), SubjectRecipe("torch.nn:InstanceNorm2d")],
        replace(QUICK, only=("transductivity",)),
    )
    assert [s.verdict for s in run.subjects] == ["unusable", "conforms"]
    assert run.exit_code == 2
    assert "no_such does not import" in str(run.subjects[0].reason)


class InterruptedAfter:
    """Progress that interrupts the run when the second subject has met some plans."""

    def __init__(self) -> None:
        self.subject = 0

    def on_subject(self, spec: str, number: int, total: int) -> None:
        self.subject = number

    def on_plan(self, done: int, total: int) -> None:
        if self.subject == 2 and done == 4:
            raise KeyboardInterrupt

    def on_shrink(self, law: str, number: int, total: int) -> None:
        return


def test_ctrl_c_keeps_what_was_found() -> None:
    requests = [SubjectRecipe("torch.nn:InstanceNorm2d"), BATCH, SubjectRecipe("never:Reached")]
    # In one process: another would be further by the time that it is interrupted.
    names = (LAW, "parameters_do_not_change_in_forward")
    options = replace(QUICK, only=names, isolated=False)
    run = verify(requests, options, InterruptedAfter())
    assert run.interrupted
    assert run.exit_code == 130
    assert [s.verdict for s in run.subjects] == ["conforms", "violates", "inconclusive"]
    second, third = run.subjects[1:]
    assert second.verdict_of(LAW).outcome == "violated"
    unfinished = second.verdict_of("parameters_do_not_change_in_forward")
    assert (unfinished.outcome, unfinished.examples) == ("inconclusive", 4)
    assert "interrupted" in str(unfinished.reason)
    assert "interrupted" in str(third.reason)


def test_options_that_name_nothing_are_refused_before_anything_runs() -> None:
    with pytest.raises(CatalogueError, match="unknown law or family 'transductvity'"):
        verify([BATCH], replace(QUICK, only=("transductvity",)))
    with pytest.raises(ValueError, match="unknown profile 'fast'"):
        verify([BATCH], replace(QUICK, profile="fast"))
    with pytest.raises(ValueError, match="--device tpu"):
        verify([BATCH], replace(QUICK, device="tpu"))


def test_a_suite_that_misses_its_own_canary_is_inconclusive(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(canaries, "asleep", lambda catalogue, plans: ["moments"])
    run = verify([SubjectRecipe("torch.nn:InstanceNorm2d")], replace(QUICK, only=(LAW,)))
    assert run.exit_code == 3
    assert "known-bad layer of moments" in str(run.subjects[0].reason)


def test_what_a_layer_prints_is_captured_and_told(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "chatty.py"
    path.write_text(
        "import torch, warnings\nclass Chatty(torch.nn.InstanceNorm2d):\n"
        "    def forward(self, x):\n        print('hello from the layer')\n"
        "        warnings.warn('and a warning')\n        return super().forward(x)\n"
    )
    report = verify([SubjectRecipe(f"{path}:Chatty")], replace(QUICK, only=(LAW,))).subjects[0]
    assert report.verdict == "conforms"
    assert "hello from the layer" in " ".join(report.notes)
    assert capfd.readouterr() == ("", "")


def test_identify_measures_and_checks_no_law() -> None:
    report = identify(SubjectRecipe("torch.nn:BatchNorm2d"))
    assert report.laws == ()
    assert report.fingerprint is not None
    assert report.fingerprint.target_reads == ("itself", "past")
    assert report.fingerprint.nearest_scheme == "conventional_bn"


def test_the_threads_of_torch_are_left_as_they_were() -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        verify([SubjectRecipe("torch.nn:InstanceNorm2d")], replace(QUICK, only=(LAW,)))
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
