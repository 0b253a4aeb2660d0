"""Progress: drawn where stderr is a terminal, in a notebook, and nowhere else."""

from __future__ import annotations

import io
import re
import sys
import types

import pytest

from tnverify.report.progress import progress


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


class _Shell:
    kernel = None
    display_pub = object()


class _Cell:
    """What a notebook's `display` gives: an output that can be changed."""

    def __init__(self) -> None:
        self.shown: list[str] = []

    def display(self, data: dict[str, str], **_: object) -> _Cell:
        self.update(data)
        return self

    def update(self, data: dict[str, str], **_: object) -> None:
        self.shown.append(data["text/plain"])


def _notebook(monkeypatch: pytest.MonkeyPatch, shell: object) -> _Cell:
    cell, python = _Cell(), types.ModuleType("IPython")
    python.display = types.ModuleType("IPython.display")  # type: ignore[attr-defined]  # a stand-in
    python.display.display = cell.display
    python.get_ipython = lambda: shell  # type: ignore[attr-defined]  # as above
    monkeypatch.setitem(sys.modules, "IPython", python)
    monkeypatch.setitem(sys.modules, "IPython.display", python.display)
    return cell


def test_a_notebook_sees_one_line_that_is_gone_at_the_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cell = _notebook(monkeypatch, _Shell())
    with progress() as shown:
        shown.on_subject("MyNorm", 1, 1)
        shown.on_plan(5, 72)  # too soon after the last to be shown
    assert cell.shown[0].startswith("MyNorm: looking at the layer")
    assert cell.shown[1:] == [""]


@pytest.mark.parametrize("kind", ["CapturingDisplayPublisher", None])
def test_a_cell_that_is_captured_and_a_plain_shell_see_nothing(
    kind: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    shell = types.SimpleNamespace()
    if kind is not None:
        shell = types.SimpleNamespace(kernel=None, display_pub=type(kind, (), {})())
    cell = _notebook(monkeypatch, shell)
    with progress() as shown:
        shown.on_subject("MyNorm", 1, 1)
    assert cell.shown == []


def test_who_wants_none_sees_none(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = _Screen()
    monkeypatch.setattr("sys.stderr", screen)
    with progress(wanted=False) as shown:
        shown.on_subject("MyNorm", 1, 1)
    assert screen.getvalue() == ""
