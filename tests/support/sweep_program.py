"""The command that tests of sweeps run, kill and run again: OUT ENGINE and a few options.

Each run notes in OUT/journal when it begins and ends. The last line printed is JSON: the runs
trained by this call, those that failed, and those that have a record.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import time
from pathlib import Path
from typing import Any

from tnverify.analyses.sweep import Trained, Workplace, run_sweep

SOURCES = ["tnverify.analyses.records"]


def trainer(out: Path, *, seconds: float, kill: int | None, always: bool) -> Any:
    """A `train_one` that carries all it needs: workers need not find this file.

    Run `kill` kills its own process in the middle, the first time or `always`.
    """

    def train_one(configuration: dict[str, Any], workplace: Workplace) -> Trained:
        run = configuration["run"]

        def note(word: str) -> None:
            # One short write in append mode is whole, whichever process makes it.
            descriptor = os.open(out / "journal", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
            os.write(descriptor, f"{word} {run} {os.getpid()}\n".encode())
            os.close(descriptor)

        note("begin")
        checkpoint = workplace.folder / "step"
        done = int(checkpoint.read_text()) if checkpoint.exists() else 0
        for step in range(done, 4):
            workplace.tell(step, 4)
            time.sleep(seconds / 4)
            if step == 2 and run == kill and (always or not (out / "killed").exists()):
                (out / "killed").touch()
                os.kill(os.getpid(), signal.SIGKILL)
            checkpoint.write_text(str(step + 1))
        note("end")
        seen = {name: os.environ.get(name) for name in ("OMP_NUM_THREADS", "CUDA_VISIBLE_DEVICES")}
        return Trained(
            {"square": run**2, "resumed_at": done, "saw": seen}, {"tasks/accuracy": [run, 0.5]}
        )

    return train_one


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("out", type=Path)
    parser.add_argument("engine")
    parser.add_argument("--runs", type=int, default=6)
    parser.add_argument("--workers", type=int)
    parser.add_argument("--seconds", type=float, default=0.2)
    parser.add_argument("--gpus", default="")
    parser.add_argument("--kill", type=int)
    parser.add_argument("--always", action="store_true")
    asked = parser.parse_args()
    asked.out.mkdir(parents=True, exist_ok=True)
    swept = run_sweep(
        [{"run": i} for i in range(asked.runs)],
        trainer(asked.out.resolve(), seconds=asked.seconds, kill=asked.kill, always=asked.always),
        asked.out,
        asked.engine,
        sources=SOURCES,
        workers=asked.workers,
        gpus=tuple(filter(None, asked.gpus.split(","))),
    )
    numbers = {record.name: record.configuration["run"] for record in swept.records}
    print(
        json.dumps(
            {
                "trained": sorted(numbers[name] for name in swept.trained),
                "failed": {str(f.configuration["run"]): f.reason for f in swept.failures},
                "records": {
                    str(record.configuration["run"]): record.results for record in swept.records
                },
            }
        )
    )


if __name__ == "__main__":
    main()
