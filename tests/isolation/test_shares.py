"""The laws of one subject, shared among processes: the report is that of one process."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tnverify.catalogue import load_catalogue
from tnverify.engine import shares
from tnverify.engine.options import RunOptions
from tnverify.engine.progress import Silent
from tnverify.engine.run import verify
from tnverify.engine.shares import shares_of
from tnverify.engine.trial import INTERRUPTED
from tnverify.isolation.board import Board
from tnverify.report.as_json import report_dict
from tnverify.subjects import SubjectRecipe, guard

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="shares are forked"),
    pytest.mark.usefixtures("few_tasks"),
]

QUICK = RunOptions(profile="quick", only=("transductivity", "task_isolation"), out=None)

SIX = (
    "a_target_ignores_the_other_targets",
    "a_target_ignores_how_many_targets_there_are",
    "permuting_targets_permutes_outputs",
    "targets_do_not_reach_the_context_outputs",
    "a_task_forgets_the_task_before",
    "two_tasks_of_equal_shapes_are_not_confused",
)
"""As few laws as make two shares: one that harms its process costs a process each time."""

LAYERS = """
import os, random, time
import torch

def note():
    with open(os.path.dirname(__file__) + "/processes.txt", "a") as file:
        file.write(f"{os.getpid()}\\n")

def is_large(x):
    return x.numel() and x.abs().max() > 1e4  # laws alone ask about such values

class Sound(torch.nn.InstanceNorm2d):
    def forward(self, x):
        note()
        return super().forward(x)

class Slow(Sound):
    def forward(self, x):
        time.sleep(0.002)
        return super().forward(x)

class Remembers(torch.nn.InstanceNorm2d):
    calls, seen = 0, {}
    def forward(self, x):
        print("once more")
        type(self).calls += 1
        first = self.seen.setdefault(tuple(x.shape), x.detach().mean())
        return super().forward(x) + (1e-3 * first if self.calls % 5 == 0 else 0)

class Draws(torch.nn.InstanceNorm2d):
    def forward(self, x):
        return super().forward(x) + random.random()

class Crashes(torch.nn.InstanceNorm2d):
    def forward(self, x):
        if is_large(x):
            os._exit(3)
        return super().forward(x)

class Hangs(torch.nn.InstanceNorm2d):
    def forward(self, x):
        while is_large(x):
            pass
        return super().forward(x)

class ComesTwice(torch.nn.InstanceNorm2d):
    def forward(self, x):
        if is_large(x):
            os.fork()
        return super().forward(x)

"""

THREADS = """
import threading
threading.Thread(target=threading.Event().wait, daemon=True).start()
"""

FILES = """
KEPT = open(__file__)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "layers.py").write_text(LAYERS)
    return tmp_path


@pytest.fixture
def small_shares(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shares, "FEWEST", 3)


def timeless(value: Any) -> Any:
    if isinstance(value, dict):
        times = ("seconds", "formula_seconds", "started_at")
        return {k: timeless(v) for k, v in value.items() if k not in times}
    return [timeless(each) for each in value] if isinstance(value, list) else value


def report(
    folder: Path, name: str, jobs: int, *, shrink: bool = True, only: tuple[str, ...] = QUICK.only
) -> Any:
    request = SubjectRecipe(f"{folder}/layers.py:{name}")
    options = replace(QUICK, jobs=jobs, shrink=shrink, only=only)
    return timeless(report_dict(verify([request], options)))


def processes(folder: Path) -> set[str]:
    return set((folder / "processes.txt").read_text().split())


def alive(process: str) -> bool:
    try:
        stat = Path(f"/proc/{process}/stat").read_text()
    except FileNotFoundError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


def test_laws_are_cut_into_shares_of_neighbours() -> None:
    laws = [*load_catalogue()]
    parts = shares_of(laws)
    assert len(parts) == shares.MOST
    assert [law for part in parts for law in part] == laws
    assert max(map(len, parts)) - min(map(len, parts)) <= 1
    for few in (0, 1, 2 * shares.FEWEST - 1):
        assert shares_of(laws[:few]) == [laws[:few]]
    assert len(shares_of(laws[: 2 * shares.FEWEST])) == 2


@pytest.mark.usefixtures("small_shares")
@pytest.mark.parametrize(
    ("name", "verdict"),
    [("Sound", "conforms"), ("Remembers", "violates"), ("Draws", "violates"),
     ("Crashes", "violates")],
)  # fmt: skip
def test_the_report_is_the_same_whatever_runs_at_a_time(
    folder: Path, name: str, verdict: str
) -> None:
    shrink = name == "Remembers"  # the others' failures are made small in one process anyway
    one, *others = (report(folder, name, jobs, shrink=shrink) for jobs in (1, 2, 5))
    assert [one, one] == others
    assert [subject["verdict"] for subject in one["subjects"]] == [verdict]


@pytest.mark.parametrize("name", ["Crashes", "Hangs", "ComesTwice"])
def test_what_harms_its_share_is_asked_in_one_process(
    folder: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if name == "Hangs":
        monkeypatch.setattr(guard, "HANG_SECONDS", 1.0)
    unshared = report(folder, name, 1, shrink=False, only=SIX)
    assert unshared["subjects"][0]["verdict"] == "violates"
    monkeypatch.setattr(shares, "FEWEST", 3)
    assert report(folder, name, 4, shrink=False, only=SIX) == unshared


@pytest.mark.usefixtures("small_shares")
def test_a_share_is_a_process_of_its_own(folder: Path) -> None:
    report(folder, "Sound", 2)
    assert len(processes(folder)) == 1 + shares.MOST


@pytest.mark.usefixtures("small_shares")
@pytest.mark.parametrize("more", [THREADS, FILES])
def test_a_layer_with_threads_or_open_files_is_asked_in_one_process(
    folder: Path, more: str
) -> None:
    with (folder / "layers.py").open("a") as file:
        file.write(more)
    assert report(folder, "Sound", 2)["subjects"][0]["verdict"] == "conforms"
    assert len(processes(folder)) == 1


class Interrupting(Silent):
    """Progress that presses Ctrl-C when a part of the plans is done."""

    def __init__(self, part: float) -> None:
        self.part = part

    def on_plan(self, done: int, total: int) -> None:
        if done > self.part * total:
            raise KeyboardInterrupt


@pytest.mark.usefixtures("small_shares")
@pytest.mark.parametrize(("jobs", "part"), [(1, 0.3), (5, 0.9)])
def test_ctrl_c_keeps_what_shares_found_and_ends_them(folder: Path, jobs: int, part: float) -> None:
    request = SubjectRecipe(f"{folder}/layers.py:Slow")
    run = verify([request], replace(QUICK, jobs=jobs), Interrupting(part))
    assert run.interrupted
    assert "held" in {verdict.outcome for verdict in run.subjects[0].laws}
    if jobs == 1:  # one share after the other: the last had not begun
        assert run.subjects[0].laws[-1].reason == INTERRUPTED
    assert not any(map(alive, processes(folder)))


def test_a_board_tells_how_many_may_share() -> None:
    board = Board("fork")
    assert board.allowed == 1
    board.allow(3)
    board.enter("laws")
    board.count((10.0, 5.0, 0.5))
    assert board.allowed == 3
