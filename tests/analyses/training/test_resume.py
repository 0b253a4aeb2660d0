"""A run that was killed and goes on comes to the same bits as one that was not."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import configurations
import pytest
from configurations import cell, small, trained
from runs import Dying, Killed, expect_same_run, interrupted
from samples import each as sampled

from tnverify.analyses.sweep import Workplace
from tnverify.analyses.training import run as run_module
from tnverify.analyses.training import train_one
from tnverify.analyses.training.checkpoint import FILE

LEARNERS = [
    ("protonets", "tasknorm_i"),
    ("maml", "tasknorm_r"),
    ("cnaps", "conventional_bn"),
    ("protonets", "batch_renorm"),
]


@pytest.mark.parametrize("after", sampled([4, 1], 2))
@pytest.mark.parametrize(("learner", "scheme"), LEARNERS)
def test_killed_and_gone_on_is_the_same_run(
    learner: str, scheme: str, after: int, drawn: str, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(run_module, "CHECKPOINT_EVERY", 0.0)
    configuration = small(
        drawn,
        learner=learner,
        scheme=scheme,
        train={"decay": "cosine"},
        validate={"every": 2, "tasks": 3, "select": "best"},
        test=[cell("a", tasks=1), cell("b", tasks=1, style="task")],
    )
    whole = trained(configuration, tmp_path)
    expect_same_run(interrupted(configuration, tmp_path / "killed", after), whole)


def test_what_is_done_is_not_done_again(
    drawn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    configuration = small(drawn, test=[cell("a", tasks=2), cell("b", tasks=2)])
    with pytest.raises(Killed):
        train_one(configuration, Dying(tmp_path / "run", 6 + 1))  # in the second cell

    def refuse(*_: object) -> None:
        raise AssertionError("trained again")

    monkeypatch.setattr(run_module.MetaTraining, "step", refuse)
    tested = []
    real = run_module.tested

    def watched(learner: object, cell: Any, *others: Any) -> Any:
        tested.append(cell.name)
        return real(learner, cell, *others)

    monkeypatch.setattr(run_module, "tested", watched)
    run = train_one(configuration, Workplace(tmp_path / "run"))
    assert tested == ["b"]
    assert len(run.arrays["training/loss"]) == 6


PROGRAM = """
import sys
from pathlib import Path
sys.path.append({support!r})
from configurations import small
from tnverify.analyses.sweep import Workplace
from tnverify.analyses.training import run, train_one
run.CHECKPOINT_EVERY = 0.05
train_one(small({data!r}, train={{"iterations": 60}}), Workplace(Path({folder!r})))
"""


def test_a_process_that_is_killed_leaves_a_whole_checkpoint(drawn: str, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    program = PROGRAM.format(
        support=str(Path(configurations.__file__).parent), data=drawn, folder=str(folder)
    )
    process = subprocess.Popen([sys.executable, "-c", program])
    until = time.monotonic() + 60
    while not (folder / FILE).exists() and time.monotonic() < until:
        time.sleep(0.01)
    time.sleep(0.1)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert process.returncode == -signal.SIGKILL
    configuration = small(drawn, train={"iterations": 60})
    expect_same_run(train_one(configuration, Workplace(folder)), trained(configuration, tmp_path))
