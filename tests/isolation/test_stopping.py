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

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks at processes as Linux does")

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
"""


def alive(process: int) -> bool:
    try:
        stat = Path(f"/proc/{process}/stat").read_text()
    except FileNotFoundError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


def started(folder: Path) -> tuple[subprocess.Popen[str], int]:
    """A run whose second layer waits for ever, and the process of that."""
    (folder / "layers.py").write_text(LAYERS)
    run = subprocess.Popen(
        [sys.executable, "-m", "tnverify", "verify", "torch.nn:InstanceNorm2d", "layers.py:Waits",
         "torch.nn:Identity", "--profile", "quick", "--only", "transductivity", "--jobs", "1",
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


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_run_that_is_told_to_end_keeps_what_it_found(
    number: signal.Signals, tmp_path: Path
) -> None:
    run, worker = started(tmp_path)
    try:
        run.send_signal(number)
        told, complaint = run.communicate(timeout=60)
    finally:
        run.kill()
    assert (run.returncode, complaint) == (130, "")
    assert "Interrupted: " in told
    assert not alive(worker)
    subjects = json.loads((tmp_path / "report.json").read_text())["subjects"]
    assert [each["verdict"] for each in subjects] == ["conforms", "inconclusive", "inconclusive"]


def test_nothing_outlives_a_run_that_was_killed(tmp_path: Path) -> None:
    run, worker = started(tmp_path)
    os.kill(run.pid, signal.SIGKILL)
    run.communicate(timeout=60)
    deadline = time.monotonic() + 20
    while alive(worker):
        assert time.monotonic() < deadline
        time.sleep(0.05)
