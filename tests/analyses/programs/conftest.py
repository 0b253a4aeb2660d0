"""Reports without their pictures, for tests of what else they hold."""

from __future__ import annotations

from typing import IO

import pytest
from matplotlib.figure import Figure

EMPTY = '<svg width="1pt" height="1pt" xmlns:xlink="http://www.w3.org/1999/xlink"></svg>'


@pytest.fixture
def figures_stay_empty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Figures are laid out and not painted, which is most of a report's time."""

    def savefig(figure: Figure, file: IO[str] | IO[bytes], *, format: str, **_: object) -> None:  # noqa: A002 - as it is called
        file.write(EMPTY if format == "svg" else b"")

    monkeypatch.setattr(Figure, "savefig", savefig)
