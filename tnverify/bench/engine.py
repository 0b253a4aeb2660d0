"""`python -m tnverify.bench engine`: what a verification costs, as ratios in one run.

Whole processes are timed, interleaved round by round so that a drifting machine hits all alike;
each figure is a median. The unit is `python -c "import torch, hypothesis"`, which every run
must pay.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

import click

LAYERS = ("tnverify.norms:InstanceNorm", "tnverify.norms:MetaBN", "tnverify.norms:TaskNormI")
"""Layers that keep every law, from the one with the fewest to ask to the one with the most:
findings, those of should-level laws too, cost what finding the smallest task costs."""


class Spent(NamedTuple):
    """Seconds that one process took: by the clock, and of processor time."""

    wall: float
    cpu: float


class Row(NamedTuple):
    """A measured quantity with its target."""

    quantity: str
    value: float
    unit: str
    target: float


def run_once(arguments: list[str]) -> Spent:
    """Run one process to its end; raises click.ClickException where it does not end with 0."""
    environment = dict(os.environ, OMP_NUM_THREADS="1")
    started = time.perf_counter()
    process = subprocess.Popen(  # noqa: S603 - this Python, on arguments from above
        [sys.executable, *arguments],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env=environment,
    )
    assert process.stderr is not None
    with process.stderr as stream:
        complaint = stream.read()
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        last = complaint.decode(errors="replace").strip().splitlines()[-1:] or ["no message"]
        raise click.ClickException(
            f"{' '.join(arguments)} ended with {process.returncode}: {last[0]}"
        )
    return Spent(wall, usage.ru_utime + usage.ru_stime)


def verify_arguments(profile: str, *specs: str) -> list[str]:
    return ["-m", "tnverify", "verify", *specs, "--profile", profile, "--no-color"]


def measure(rounds: int) -> list[Row]:
    """Medians over `rounds`, each round running every process once."""
    commands = {"import": ["-c", "import torch, hypothesis"]}
    for layer in LAYERS:
        commands[f"quick {layer}"] = verify_arguments("quick", layer)
        commands[f"default {layer}"] = verify_arguments("default", layer)
        # The same layer once more: what a further one adds to the process.
        commands[f"further {layer}"] = verify_arguments("default", layer, layer)
    for arguments in commands.values():  # files and byte code come from disk once
        run_once(arguments)
    spent: dict[str, list[Spent]] = {name: [] for name in commands}
    for _ in range(rounds):
        for name, arguments in commands.items():
            spent[name].append(run_once(arguments))
    wall = {name: statistics.median(s.wall for s in each) for name, each in spent.items()}
    cpu = {name: statistics.median(s.cpu for s in each) for name, each in spent.items()}
    rows = []
    for layer in LAYERS:
        quick, default = wall[f"quick {layer}"], wall[f"default {layer}"]
        further = cpu[f"further {layer}"] - cpu[f"default {layer}"]
        rows += [
            Row(f"{layer}: quick / import", quick / wall["import"], "ratio", 2.0),
            Row(f"{layer}: default / import", default / wall["import"], "ratio", 4.0),
            Row(f"{layer}: each further layer", further, "CPU s", 2.0),
        ]
    rows.append(
        Row("a process of its own / import", _process_cost(rounds) / wall["import"], "ratio", 0.15)
    )
    return rows


_PROCESSES = """
import time, torch
from tnverify.engine.capture import captured_output
from tnverify.engine.case import Case
from tnverify.engine.crew import Crew
from tnverify.engine.options import RunOptions, RunPlan
from tnverify.engine.profiles import find_profile
from tnverify.engine.progress import Silent
from tnverify.catalogue import load_catalogue
from tnverify.subjects import SubjectRecipe, resolve
torch.set_num_threads(1)
request = SubjectRecipe("torch.nn:InstanceNorm2d")
made = RunPlan(RunOptions(), find_profile("quick"), load_catalogue(), (), ())
def apart():
    Crew([Case(request, 1, only_measure=True)], made, Silent()).verify(wake_first=False)
def here():
    with captured_output():
        resolve(request)
def timed(call):
    began = time.perf_counter()
    call()
    return time.perf_counter() - began
here()
print(min(timed(apart) - timed(here) for _ in range(5)))
"""
"""Prints what measuring a layer takes in a process of its own beyond what it takes in this one."""


def _process_cost(rounds: int) -> float:
    """Seconds that a process of its own adds to a subject."""
    found = []
    for _ in range(rounds):
        ran = subprocess.run(  # noqa: S603 - this Python, on the program above
            [sys.executable, "-c", _PROCESSES],
            capture_output=True, check=True, text=True, env=dict(os.environ, OMP_NUM_THREADS="1"),
        )  # fmt: skip
        found.append(float(ran.stdout))
    return statistics.median(found)


@click.command()
@click.option("--rounds", default=3, show_default=True, help="How often each process is run.")
@click.option("--json", "json_path", type=click.Path(dir_okay=False, path_type=Path))
def engine(rounds: int, json_path: Path | None) -> None:
    """Time `tnverify verify` as a whole process, against importing torch and hypothesis."""
    rows = measure(rounds)
    from rich.console import Console
    from rich.table import Table

    table = Table(
        "quantity", "measured", "target", title=f"Whole processes, medians of {rounds} runs"
    )
    for row in rows:
        table.add_row(row.quantity, f"{row.value:.2f} {row.unit}", f"<= {row.target:g} {row.unit}")
    Console().print(table)
    if json_path is not None:
        json_path.write_text(json.dumps([row._asdict() for row in rows], indent=1) + "\n")
