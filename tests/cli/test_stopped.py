"""A command that is told to end keeps what it found, and leaves no process behind."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytest.importorskip("libcst", reason="the extra is not installed here")

pytestmark = pytest.mark.skipif(os.name != "posix", reason="sends SIGTERM")

LAYER = """\
import os

with open("processes.txt", "a") as file:
    file.write(f"{os.getpid()}\\n")


class Own:
    def __init__(self, channels):
        pass

    def __call__(self, x):
        return x * 2.0 - 1.0 + 0.5
"""


def alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    stat = Path(f"/proc/{process}/stat")
    return not stat.is_file() or stat.read_text().rpartition(")")[2].split()[0] != "Z"


def test_a_survey_that_is_told_to_end_ends_its_mutants_and_tells_of_those_before(
    tmp_path: Path,
) -> None:
    (tmp_path / "own.py").write_text(LAYER)
    seen = tmp_path / "processes.txt"
    running = subprocess.Popen(
        [sys.executable, "-m", "tnverify", "power", "own.py:Own", "--claims", "inductive",
         "--adapter", "no_context", "--profile", "quick", "--jobs", "2"],
        cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        # The original is looked at in a process of its own; two mutants end before the others.
        deadline = time.monotonic() + 100
        while not seen.is_file() or len(set(seen.read_text().split())) < 5:
            assert running.poll() is None, running.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.05)
        running.terminate()
        told, complaint = running.communicate(timeout=60)
    finally:
        running.kill()
        running.communicate()  # its pipes are closed here, not whenever they are collected
    assert (running.returncode, complaint) == (130, "")
    assert "Interrupted: " in told
    deadline = time.monotonic() + 20
    while any(alive(int(process)) for process in seen.read_text().split()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
