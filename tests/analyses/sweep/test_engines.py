"""Engines by name, what is wrong with those that cannot be had, and a GPU for each worker."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tnverify.analyses.sweep.engines import EngineError, open_engine
from tnverify.analyses.sweep.engines.local import default_workers
from tnverify.analyses.sweep.job import Job, Layout, carry_out

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("spec", ["", "locally", "local:2", "dask", "dask:", "ray", "slurm:x"])
def test_an_unknown_engine_is_named_with_those_that_there_are(spec: str) -> None:
    with pytest.raises(EngineError, match="pass local, dask:ADDRESS or ray:ADDRESS"):
        open_engine(spec, runs=1)


@pytest.mark.parametrize(("kind", "package"), [("dask", "distributed"), ("ray", "ray")])
def test_a_missing_package_is_named_with_its_extra(
    kind: str, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == package else real(name)
    )
    with pytest.raises(
        EngineError, match=rf"needs {package}: pip install '.\[{kind}\]' in a clone"
    ):
        open_engine(f"{kind}:somewhere", runs=1)


def test_workers_are_as_many_as_asked_for_and_no_more_than_runs() -> None:
    assert open_engine("local", runs=10, workers=3).lanes == 3
    assert open_engine("local", runs=2, workers=3).lanes == 2
    assert open_engine("local", runs=99, gpus=("0", "1", "1")).lanes == 3
    assert default_workers(()) == len(os.sched_getaffinity(0))
    with pytest.raises(EngineError, match="0 workers can do nothing"):
        open_engine("local", runs=1, workers=0)


def test_a_worker_with_other_sources_trains_nothing(tmp_path: Path) -> None:
    def train_one(*_: object) -> None:
        raise AssertionError("it was trained")

    job = Job("name", {}, train_one, Layout(tmp_path), "0ther", ("tnverify.analyses.sweep.job",))  # type: ignore[arg-type]  # never called
    assert "install the same tnverify there" in (carry_out(job) or "")


TAKE = """
import os, sys, tempfile
tempfile.tempdir = sys.argv[1]
from tnverify.analyses.sweep.gpu import take_gpu
try:
    take_gpu(sys.argv[2].split(","))
    take_gpu(sys.argv[2].split(","))
except RuntimeError as error:
    print(error, flush=True)
else:
    print(os.environ.get("CUDA_VISIBLE_DEVICES"), flush=True)
sys.stdin.read()
"""


class Taker:
    """A process that takes a GPU and holds it until it is killed."""

    def __init__(self, folder: Path, gpus: str, visible: str | None = None) -> None:
        environment = {k: v for k, v in os.environ.items() if k != "CUDA_VISIBLE_DEVICES"}
        if visible is not None:
            environment["CUDA_VISIBLE_DEVICES"] = visible
        self.process = subprocess.Popen(
            [sys.executable, "-c", TAKE, str(folder), gpus],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment,
        )  # fmt: skip
        assert self.process.stdout is not None
        self.said = self.process.stdout.readline().strip()

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()


def test_every_process_takes_a_gpu_of_its_own_and_a_killed_one_gives_it_back(
    tmp_path: Path,
) -> None:
    takers = [Taker(tmp_path, "4,5,5") for _ in range(3)]
    assert [taker.said for taker in takers] == ["4", "5", "5"]
    late = Taker(tmp_path, "4,5,5")
    assert late.said.startswith("all GPUs of this machine (4, 5, 5) are taken by other workers")
    takers[0].kill()
    heir = Taker(tmp_path, "4,5,5")
    assert heir.said == "4"
    for taker in (*takers[1:], late, heir):
        taker.kill()


@pytest.mark.parametrize(("visible", "seen"), [("2", "2"), ("0,1", "7"), ("", "7")])
def test_a_process_that_was_given_one_gpu_keeps_it(tmp_path: Path, visible: str, seen: str) -> None:
    taker = Taker(tmp_path, "7", visible)
    assert taker.said == seen
    taker.kill()
