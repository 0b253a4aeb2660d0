"""Ending a run: what was found is kept, and nothing that it started lives on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from samples import each as sampled

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="looks at processes as Linux does"),
    pytest.mark.usefixtures("hears_ctrl_c"),
]

LAYERS = """
import os, time, torch

def note():
    with open("processes.txt", "a") as file:
        file.write(f"{os.getpid()}\\n")

class Waits(torch.nn.InstanceNorm2d):
    def forward(self, x):
        note()
        while True:
            try:
                time.sleep(1000)
            except BaseException:
                pass

class WaitsWhenAsked(Waits):
    def forward(self, x):
        if x.numel() and x.abs().max() > 1e4:  # laws alone ask about such values
            return super().forward(x)
        return torch.nn.InstanceNorm2d.forward(self, x)
"""


def alive(process: int) -> bool:
    try:
        stat = Path(f"/proc/{process}/stat").read_text()
    except FileNotFoundError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


ONE = ("layers.py:Waits", "transductivity", "1")
SHARED = ("layers.py:WaitsWhenAsked", "transductivity,batch_size,task_isolation,state", "4")
"""A layer that waits where it is measured, and one that does in a process that asks some laws."""


def started(folder: Path, layer: str, only: str, jobs: str) -> tuple[subprocess.Popen[str], int]:
    """A run whose second layer waits for ever, and the process of that."""
    (folder / "layers.py").write_text(LAYERS)
    run = subprocess.Popen(
        [sys.executable, "-m", "tnverify", "verify", "torch.nn:InstanceNorm2d", layer,
         "torch.nn:Identity", "--profile", "quick", "--only", only, "--jobs", jobs,
         "--json", "report.json"],
        cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    seen = folder / "processes.txt"
    deadline = time.monotonic() + 120
    while not seen.is_file() or not seen.read_text().endswith("\n"):
        assert run.poll() is None, run.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return run, int(seen.read_text().split()[0])


@pytest.mark.parametrize("number", sampled([signal.SIGTERM, signal.SIGINT], 2))
def test_a_run_that_is_told_to_end_keeps_what_it_found(
    number: signal.Signals, tmp_path: Path
) -> None:
    run, worker = started(tmp_path, *ONE)
    try:
        run.send_signal(number)
        told, complaint = run.communicate(timeout=60)
    finally:
        run.kill()
        run.communicate()  # its pipes are closed here, not whenever they are collected
    assert (run.returncode, complaint) == (130, "")
    assert "Interrupted: " in told
    assert not alive(worker)
    subjects = json.loads((tmp_path / "report.json").read_text())["subjects"]
    assert [each["verdict"] for each in subjects] == ["conforms", "inconclusive", "inconclusive"]


def test_a_run_whose_shares_wait_for_ever_ends_when_it_is_told(tmp_path: Path) -> None:
    run, _ = started(tmp_path, *SHARED)
    try:
        run.send_signal(signal.SIGINT)
        told, complaint = run.communicate(timeout=60)
    finally:
        run.kill()
        run.communicate()  # its pipes are closed here, not whenever they are collected
    assert (run.returncode, complaint) == (130, "")
    assert "Interrupted: " in told
    assert not any(map(alive, map(int, (tmp_path / "processes.txt").read_text().split())))


@pytest.mark.parametrize("which", sampled([SHARED, ONE], 2))
def test_nothing_outlives_a_run_that_was_killed(
    which: tuple[str, str, str], tmp_path: Path
) -> None:
    run, worker = started(tmp_path, *which)
    os.kill(run.pid, signal.SIGKILL)
    run.communicate(timeout=60)
    deadline = time.monotonic() + 20
    while alive(worker):
        assert time.monotonic() < deadline
        time.sleep(0.05)


FORKING = """
import os, signal, sys, time
from functools import partial
from tnverify.isolation import Limits, each_apart

def press():
    global pressed
    if not pressed:
        pressed = True
        os.kill(os.getpid(), signal.SIGINT)

def work(number):
    with open("processes.txt", "a") as file:
        file.write(f"{os.getpid()}\\\\n")
    time.sleep(1000)

pressed = False
os.register_at_fork(after_in_parent=press)
try:
    list(each_apart([partial(work, 0)], 1, Limits(seconds=20.0, memory=4.0)))
except KeyboardInterrupt:
    print("told to end")
"""


def test_a_run_that_is_told_to_end_while_it_starts_a_process_hears_it(tmp_path: Path) -> None:
    """Python drops what is raised while it forks."""
    (tmp_path / "forking.py").write_text(FORKING)
    ran = subprocess.run(
        [sys.executable, "forking.py"],
        cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (ran.stdout, ran.stderr) == ("told to end\n", "")
    seen = tmp_path / "processes.txt"
    assert not seen.is_file() or not any(map(alive, map(int, seen.read_text().split())))
