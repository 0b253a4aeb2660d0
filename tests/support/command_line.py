"""Running command lines in this process, with an engine that finds what a test wants."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import handmade

from tnverify.cli import run

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import pytest

    from tnverify.engine.options import RunOptions
    from tnverify.engine.progress import Progress
    from tnverify.engine.results import RunReport
    from tnverify.subjects import SubjectRecipe


@dataclass
class Ended:
    """How a command ended: its exit code and what it wrote."""

    code: int
    out: str
    err: str

    @property
    def complaint(self) -> str:
        """The one line on stderr, without its prefix."""
        assert self.err.count("\n") == 1, self.err
        assert self.err.startswith("tnverify: error: ")
        return self.err.removeprefix("tnverify: error: ").rstrip("\n")


class Terminal:
    """Runs command lines as a user types them."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def __call__(self, *arguments: str | Path) -> Ended:
        self._capsys.readouterr()
        code = run([str(argument) for argument in arguments])
        out, err = self._capsys.readouterr()
        return Ended(code, out, err)


class Engine:
    """Stands in for the engine's door and remembers what it was asked."""

    def __init__(self) -> None:
        self.answer: RunReport | BaseException = handmade.run_of(handmade.conforming())
        self.requests: Sequence[SubjectRecipe] = ()
        self.options: RunOptions | None = None

    def verify(
        self, requests: Sequence[SubjectRecipe], options: RunOptions, progress: Progress
    ) -> RunReport:
        self.requests, self.options = requests, options
        if isinstance(self.answer, BaseException):
            raise self.answer
        return self.answer
