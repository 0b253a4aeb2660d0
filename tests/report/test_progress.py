"""Progress: drawn where stderr is a terminal, and nowhere else."""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING

from tnverify.report.progress import progress

if TYPE_CHECKING:
    import pytest


class _Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_sees_the_layer_and_the_stage(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = _Screen()
    monkeypatch.setattr("sys.stderr", screen)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    with progress() as shown:
        shown.on_subject("m:Layer([2])", 2, 3)
        shown.on_plan(5, 72)
        shown.on_shrink("a_law", 1, 4)
    drawn = screen.getvalue()
    assert "[2/3] m:Layer([2]): checking" in drawn
    assert "5/72" in drawn
    assert "shrinking a_law" in drawn


def test_nothing_above_the_line_is_touched(monkeypatch: pytest.MonkeyPatch) -> None:
    """Under tox the report may be there before the line is emptied: it must lose nothing."""
    screen = _Screen()
    monkeypatch.setattr("sys.stderr", screen)
    monkeypatch.setenv("COLUMNS", "40")
    with progress() as shown:
        shown.on_subject("a/very/long/path/to/a/file.py:Layer", 1, 1)
        shown.on_plan(72, 72)
    drawn = screen.getvalue()
    assert "\n" not in drawn
    assert not re.search(r"\x1b\[\d*[AFHJ]", drawn)
    assert drawn.endswith("\r\x1b[2K")
    shown_lines = re.sub(r"\x1b\[\d*[mK]", "", drawn).split("\r")
    assert max(map(len, shown_lines)) < 40


def test_a_pipe_sees_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    pipe = io.StringIO()
    monkeypatch.setattr("sys.stderr", pipe)
    with progress() as shown:
        shown.on_subject("m:Layer", 1, 1)
        shown.on_plan(5, 72)
        shown.on_shrink("a_law", 1, 4)
    assert pipe.getvalue() == ""
