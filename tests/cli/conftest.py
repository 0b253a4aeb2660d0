"""The command line in this process, and an engine that finds what a test wants it to find."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from command_line import Engine, Terminal

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def tnverify(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Terminal:
    """The command, in an empty directory and 80 columns."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    return Terminal(capsys)


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Engine:
    """An engine that finds what its `answer` says."""
    stand_in = Engine()
    monkeypatch.setattr("tnverify.engine.run.verify", stand_in.verify)
    return stand_in
