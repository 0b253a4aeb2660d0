"""A sweep that is stopped keeps what is finished; the same command goes on from there."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from sweep_commands import Command, wait_until

pytestmark = [
    pytest.mark.skipif(os.name != "posix", reason="sends signals to process groups"),
    pytest.mark.usefixtures("hears_ctrl_c"),
]


def alive(group: int) -> list[str]:
    """The processes of a group that have not ended, by /proc."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:  # ended meanwhile
            continue
        if int(fields[2]) == group and fields[0] != "Z":
            found.append(stat.parent.name)
    return found


@pytest.mark.parametrize("signal_", [signal.SIGINT, signal.SIGKILL], ids=["ctrl-c", "kill"])
def test_what_is_finished_is_kept_and_the_same_command_goes_on(
    tmp_path: Path, signal_: signal.Signals
) -> None:
    command = Command(tmp_path, "local")
    with command.under_way("--workers", "2", "--seconds", "4.0") as running:
        wait_until(command.recorded, "the first record")
        wait_until(lambda: command.journal()["begin"].total() >= 3, "the third run")
        if signal_ == signal.SIGINT:
            os.killpg(running.pid, signal_)  # as a terminal does, to all of them
        else:
            os.kill(running.pid, signal_)
        _, told = running.communicate(timeout=60)
        wait_until(lambda: not alive(running.pid), "the end of every worker")
    kept = command.recorded()
    assert running.returncode == -signal_
    assert kept
    if signal_ == signal.SIGINT:
        assert told.rstrip().endswith("KeyboardInterrupt")
        assert told.count("Traceback") == 1
    again = command.run("--workers", "2", "--seconds", "0.2")
    assert sorted(map(int, again["records"])) == [0, 1, 2, 3, 4, 5]
    assert again["failed"] == {}
    begun = command.journal()["begin"]
    # What had a record by then was not begun again; what was cut went on.
    assert all(begun[run] == 1 for run in kept)
    assert max(begun.values()) == 2
