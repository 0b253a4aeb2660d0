"""The real command line in this process."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from command_line import Terminal

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
