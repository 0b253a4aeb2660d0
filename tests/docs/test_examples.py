"""What README and the pages show runs, and prints what they say."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch
from doc_pages import PAGES, README, run_commands, run_python

if TYPE_CHECKING:
    from pathlib import Path


def _showing(language: str) -> list[Path]:
    return [page for page in (README, *PAGES) if f"```{language}\n" in page.read_text("utf-8")]


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder of its own, from which the files of a page can be imported."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    torch.manual_seed(0)


@pytest.mark.parametrize("page", _showing("python"), ids=lambda page: page.stem)
def test_python_runs(page: Path) -> None:
    run_python(page)


@pytest.mark.slow
@pytest.mark.parametrize("page", _showing("console"), ids=lambda page: page.stem)
def test_commands_print_what_is_shown(page: Path) -> None:
    run_commands(page)


def test_a_block_that_fails_is_noticed(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("```python\nx = 1\n```\n\n```python\nassert x == 2\n```\n")
    with pytest.raises(AssertionError):
        run_python(page)


def test_output_that_differs_is_noticed(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("```console\n$ tnverify --version\ntnverify 0.0...\n```\n")
    with pytest.raises(AssertionError):
        run_commands(page)
