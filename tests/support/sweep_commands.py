"""Sweeps as commands of their own, as a user starts, stops and starts them again."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tnverify.analyses.records import scan

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

PROGRAM = Path(__file__).with_name("sweep_program.py")
PATIENCE = 60.0
"""Seconds after which something that must happen has not; a loaded machine needs a tenth."""


@dataclass
class Command:
    """One call of the program: OUT, ENGINE and its options."""

    out: Path
    engine: str
    environment: Mapping[str, str] | None = None

    @contextlib.contextmanager
    def under_way(self, *options: str) -> Iterator[subprocess.Popen[str]]:
        """The command, in a process group of its own of which nothing is left in the end."""
        running = subprocess.Popen(
            [sys.executable, str(PROGRAM), str(self.out), self.engine, *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            env={**os.environ, **(self.environment or {})},
        )
        try:
            yield running
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(running.pid, signal.SIGKILL)
            running.communicate()

    def run(self, *options: str) -> dict[str, Any]:
        """What the command prints at its end, which must be a good one."""
        with self.under_way(*options) as running:
            printed, told = running.communicate(timeout=PATIENCE)
        assert running.returncode == 0, told
        answer: dict[str, Any] = json.loads(printed.splitlines()[-1])
        return answer

    def journal(self) -> dict[str, Counter[int]]:
        """How often each run began and ended."""
        counts: dict[str, Counter[int]] = {"begin": Counter(), "end": Counter()}
        path = self.out / "journal"
        for line in path.read_text().splitlines() if path.exists() else ():
            word, run, _ = line.split()
            counts[word][int(run)] += 1
        return counts

    def recorded(self) -> set[int]:
        """The runs that have a sound record."""
        folder = self.out / "records"
        found = scan(folder).records if folder.is_dir() else ()
        return {record.configuration["run"] for record in found}


def wait_until(happened: Callable[[], object], what: str) -> None:
    """Returns once `happened()` is true; fails the test after `PATIENCE` seconds."""
    until = time.monotonic() + PATIENCE
    while not happened():
        assert time.monotonic() < until, f"{what} did not happen in {PATIENCE:.0f} s"
        time.sleep(0.05)
