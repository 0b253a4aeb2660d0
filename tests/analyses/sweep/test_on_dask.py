"""Sweeps on a real Dask cluster of this machine: a scheduler and two workers."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from sweep_commands import Command, wait_until

from tnverify.analyses.sweep.engines import EngineError, open_engine

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("distributed") is None,
    reason="distributed is not installed: pip install '.[dask]' in a clone",
)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The scheduler's address."""
    folder = tmp_path_factory.mktemp("dask")
    file, log = folder / "scheduler.json", (folder / "log").open("w")
    # A GPU is taken once a machine: the cluster's locks are its own.
    environment = {**os.environ, "TMPDIR": str(folder)}
    environment.pop("CUDA_VISIBLE_DEVICES", None)

    def start(program: str, *options: str) -> subprocess.Popen[bytes]:
        words = ["-m", f"distributed.cli.{program}", "--scheduler-file", str(file), *options]
        return subprocess.Popen(
            [sys.executable, *words], env=environment, stderr=log, start_new_session=True
        )

    running = [start("dask_scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard")]
    try:
        wait_until(lambda: file.exists() and file.read_text().endswith("}"), "the scheduler")
        running += [
            start("dask_worker", "--nthreads", "1", "--no-dashboard", "--local-directory",
                  str(folder / f"worker-{i}"))
            for i in range(2)
        ]  # fmt: skip
        wait_until(lambda: (folder / "log").read_text().count("Registered to") >= 2, "both workers")
        yield json.loads(file.read_text())["address"]
    finally:
        # Not asked to end: a nanny that is asked while it restarts a worker never does.
        for process in reversed(running):
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        log.close()


def test_a_killed_worker_loses_one_run_and_the_sweep_is_finished(
    cluster: str, tmp_path: Path
) -> None:
    command = Command(tmp_path, f"dask:{cluster}")
    first = command.run("--kill", "2", "--gpus", "0,1")
    assert first["failed"] == {}
    assert first["trained"] == [0, 1, 2, 3, 4, 5]
    begun = command.journal()["begin"]
    assert begun == {0: 1, 1: 1, 2: 2, 3: 1, 4: 1, 5: 1}
    assert first["records"]["2"]["resumed_at"] == 2
    seen = [results["saw"] for results in first["records"].values()]
    assert {each["OMP_NUM_THREADS"] for each in seen} == {"1"}
    # One each; a worker that is quick may carry nearly all runs out.
    assert {each["CUDA_VISIBLE_DEVICES"] for each in seen} <= {"0", "1"}
    second = command.run("--gpus", "0,1")
    assert (second["trained"], len(second["records"])) == ([], 6)
    assert command.journal()["begin"] == begun


def test_the_same_command_finishes_what_one_that_was_killed_began(
    cluster: str, tmp_path: Path
) -> None:
    command = Command(tmp_path, f"dask:{cluster}")
    with command.under_way("--seconds", "1.0", "--gpus", "0,1") as running:
        wait_until(command.recorded, "the first record")
        running.kill()
        running.communicate(timeout=60)
    kept = command.recorded()
    again = command.run("--seconds", "0.2", "--gpus", "0,1")
    assert (len(again["records"]), again["failed"]) == (6, {})
    begun = command.journal()["begin"]
    assert kept
    assert all(begun[run] == 1 for run in kept)


def test_a_scheduler_that_does_not_answer_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    from tnverify.analyses.sweep.engines import on_dask

    monkeypatch.setattr(on_dask, "PATIENCE", 0.5)
    with pytest.raises(EngineError, match=r"no Dask scheduler answers at 'tcp://127\.0\.0\.1:9'"):
        open_engine("dask:tcp://127.0.0.1:9", runs=1)
