"""README and the documentation of the checkout, and running the examples that they show."""

from __future__ import annotations

import fnmatch
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING
from unittest import SkipTest

from sybil import Sybil
from sybil.evaluators.python import PythonEvaluator
from sybil.parsers.markdown import CodeBlockParser, SkipParser

if TYPE_CHECKING:
    from sybil import Example

ROOT = Path(__file__).resolve().parents[2]
README = ROOT / "README.md"
DOCS = ROOT / "tnverify" / "docs"
PAGES = sorted(DOCS.rglob("*.md"))

_python = PythonEvaluator()


def run_python(page: Path) -> None:
    """Run the Python that a page shows, from its top, in the current folder.

    A block whose first line is a comment such as `# my_norm.py` is written to that file, too.
    """
    _run(page, CodeBlockParser("python", _of_python))


def run_commands(page: Path) -> None:
    """Write the files that a page shows, and run the commands of its blocks `console`.

    Raises AssertionError where one prints something else than is shown. Three dots stand for
    anything: in a line, or for lines.
    """
    _run(page, CodeBlockParser("python", _written), CodeBlockParser("console", _of_console))


def _run(page: Path, *parsers: CodeBlockParser) -> None:
    for example in Sybil([*parsers, SkipParser()]).parse(page).examples():
        try:
            example.evaluate()
        except SkipTest:
            continue


def _of_python(example: Example) -> None:
    _written(example)
    _python(example)


def _written(example: Example) -> None:
    named = re.match(r"# (\w+\.py)\n", example.parsed)
    if named is not None:
        Path(named[1]).write_text(example.parsed, encoding="utf-8")


def _of_console(example: Example) -> None:
    for shown in re.split(r"^\$ ", example.parsed, flags=re.MULTILINE)[1:]:
        command, _, wanted = shown.partition("\n")
        words = shlex.split(command)
        assert words[0] == "tnverify", command
        ended = subprocess.run(
            [sys.executable, "-m", *words],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "COLUMNS": "80", "NO_COLOR": "1"},
        )
        assert _fits(wanted.rstrip(), ended.stdout.rstrip()), ended.stdout + ended.stderr


def _fits(wanted: str, printed: str) -> bool:
    pattern = re.sub(r"([\[\]*?])", r"[\1]", wanted).replace("...", "*")
    return fnmatch.fnmatchcase(printed, pattern)
