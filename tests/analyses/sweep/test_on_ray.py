"""Sweeps on a real Ray of this machine: a head with two CPUs and, as it believes, two GPUs."""

from __future__ import annotations

import importlib.util
import os
import re
import secrets
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sweep_commands import Command, wait_until

from tnverify.analyses.sweep.engines import EngineError, open_engine

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("ray") is None,
    reason="ray is not installed: pip install '.[ray]' in a clone",
)


@pytest.fixture(scope="module")
def cluster() -> Iterator[tuple[str, dict[str, str]]]:
    """The head's address, and what a driver must have in its environment to be let in."""
    # Ray's sockets lie below: their paths must be short, and pytest's folders are not.
    folder = Path(tempfile.mkdtemp(prefix="tnv-"))
    environment = {
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN": secrets.token_hex(16),
        "RAY_USAGE_STATS_ENABLED": "0",
    }
    log = folder / "log"
    with log.open("w") as file:
        running = subprocess.Popen(
            [
                sys.executable, "-m", "ray.scripts.scripts", "start", "--head", "--block",
                "--node-ip-address", "127.0.0.1", "--port", "0", "--num-cpus", "2", "--num-gpus",
                "2", "--include-dashboard", "false", "--temp-dir", str(folder),
                "--object-store-memory", str(80 * 2**20),
            ],
            env={**os.environ, **environment}, stdout=file, stderr=file,
        )  # fmt: skip
        try:
            wait_until(
                lambda: "Ray runtime started" in log.read_text() or running.poll() is not None,
                "the start of Ray",
            )
            found = re.search(r"--address='([^']+)'", log.read_text())
            assert found is not None, log.read_text()
            yield found[1], environment
        finally:
            running.terminate()
            running.wait(timeout=60)
            shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.slow
def test_a_killed_worker_loses_one_run_and_the_sweep_is_finished(
    cluster: tuple[str, dict[str, str]], tmp_path: Path
) -> None:
    address, environment = cluster
    command = Command(tmp_path, f"ray:{address}", environment)
    first = command.run("--kill", "2", "--gpus", "0,1")
    assert first["failed"] == {}
    assert first["trained"] == [0, 1, 2, 3, 4, 5]
    begun = command.journal()["begin"]
    assert begun == {0: 1, 1: 1, 2: 2, 3: 1, 4: 1, 5: 1}
    assert first["records"]["2"]["resumed_at"] == 2
    seen = [results["saw"] for results in first["records"].values()]
    assert {each["OMP_NUM_THREADS"] for each in seen} == {"1"}
    # One each; a worker that is quick may carry all runs out.
    assert {each["CUDA_VISIBLE_DEVICES"] for each in seen} <= {"0", "1"}
    second = command.run("--gpus", "0,1")
    assert (second["trained"], len(second["records"])) == ([], 6)
    assert command.journal()["begin"] == begun


@pytest.mark.slow
def test_the_same_command_finishes_what_one_that_was_killed_began(
    cluster: tuple[str, dict[str, str]], tmp_path: Path
) -> None:
    address, environment = cluster
    command = Command(tmp_path, f"ray:{address}", environment)
    with command.under_way("--seconds", "1.0") as running:
        wait_until(command.recorded, "the first record")
        running.kill()
        running.communicate(timeout=60)
    kept = command.recorded()
    again = command.run("--seconds", "0.2")
    assert (len(again["records"]), again["failed"]) == (6, {})
    begun = command.journal()["begin"]
    assert kept
    assert all(begun[run] == 1 for run in kept)


def test_a_cluster_that_does_not_answer_is_named() -> None:
    with pytest.raises(EngineError, match=r"no Ray cluster answers at '127\.0\.0\.1:9'"):
        open_engine("ray:127.0.0.1:9", runs=1)
