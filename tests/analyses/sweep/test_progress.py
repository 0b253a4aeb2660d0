"""How far a sweep is, from what lies on the disk, and how it is shown."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pytest
from rich.console import Console
from sweep_commands import wait_until

from tnverify.analyses.records import RecordStore
from tnverify.analyses.sweep import Workplace
from tnverify.analyses.sweep.display import shown, time_left
from tnverify.analyses.sweep.job import Layout
from tnverify.analyses.sweep.progress import Progress, read_progress

if TYPE_CHECKING:
    from pathlib import Path


def test_finished_runs_and_those_in_the_middle_count(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    store = RecordStore(layout.records, "c0de")
    names = [store.name({"run": i}) for i in range(5)]
    for run in (0, 1):
        store.write({"run": run}, {})
    store.write({"run": 99}, {})  # of another sweep
    Workplace(layout.workplace(names[2])).tell(1, 2)
    Workplace(layout.workplace(names[1])).tell(1, 2)  # left by a worker that was killed too late
    progress = read_progress(layout, set(names), {names[0]}, seconds=30.0)
    # Run 0 was there before; of the other four one is finished and one half done.
    assert progress == Progress(total=5, found=1, finished=2, share=1.5 / 4, seconds=30.0)
    assert progress.seconds_left == pytest.approx(30.0 * 2.5 / 1.5)


def test_without_a_sign_there_is_no_time_left_to_tell(tmp_path: Path) -> None:
    begun = read_progress(Layout(tmp_path), {"a"}, set(), seconds=5.0)
    assert begun.seconds_left is None
    assert time_left(begun) == ""
    done = read_progress(Layout(tmp_path), {"a"}, {"a"}, seconds=5.0)
    assert (done.seconds_left, time_left(done)) == (0.0, "")


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.2, "1 s"), (45, "45 s"), (89, "89 s"), (90, "2 min"), (720, "12 min"), (20000, "6 h")],
)
def test_the_time_left_is_in_words_of_one_unit(seconds: float, words: str) -> None:
    half = Progress(total=4, found=0, finished=2, share=0.5, seconds=seconds)
    assert time_left(half) == f"about {words} left"


def snapshots() -> list[Progress]:
    return [
        Progress(total=4, found=1, finished=1, share=0.0, seconds=1.0),
        Progress(total=4, found=1, finished=2, share=1 / 3, seconds=60.0),
        Progress(total=4, found=1, finished=2, share=1 / 3, seconds=60.0),
        Progress(total=4, found=1, finished=4, share=1.0, seconds=180.0),
    ]


@pytest.mark.parametrize("terminal", [False, True])
def test_it_is_shown_until_the_end(terminal: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tnverify.analyses.sweep.display.EVERY", 0.001)
    waiting = snapshots()
    told: list[Progress] = []

    def read(seconds: float) -> Progress:
        told.append(waiting.pop(0) if len(waiting) > 1 else waiting[0])
        return told[-1]

    file = io.StringIO()
    with shown(read, "training", Console(file=file, force_terminal=terminal, width=100)):
        wait_until(lambda: len(told) >= 4, "the fourth look")
    text = file.getvalue()
    if terminal:
        assert "4/4" in text
        assert "about 2 min left" in text
    else:
        assert text.splitlines() == [
            "training: 1 of 4 runs",
            "training: 2 of 4 runs, about 2 min left",
            "training: 4 of 4 runs",
        ]
