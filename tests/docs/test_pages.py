"""README and the pages behind it: links lead somewhere, commands and options exist."""

from __future__ import annotations

import ast
import re
from importlib.resources import files
from pathlib import Path

import pytest
from command_line import Terminal

DOCS = Path(str(files("tnverify"))) / "docs"
PAGES = sorted(DOCS.glob("*.md"))
README = Path(__file__).parents[2] / "README.md"
LINK = re.compile(r"\]\((?!https?:)([^)#]*)(#[^)]*)?\)")
BLOCK = re.compile(r"```(\w*)[^\n]*\n(.*?)```", re.DOTALL)


def anchors(text: str) -> set[str]:
    """The anchors of a page's headings."""
    heads = re.findall(r"^#+ (.*)$", BLOCK.sub("", text), re.MULTILINE)
    return {"#" + re.sub(r"[^\w -]", "", head.lower()).replace(" ", "-") for head in heads}


@pytest.mark.parametrize("page", [README, *PAGES], ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for target, anchor in LINK.findall(text):
        # README's pages lie in the package, wherever that is.
        name = target.removeprefix("tnverify/docs/") if page == README else target
        there = DOCS / name if target else page
        assert there.is_file(), target
        if anchor:
            assert anchor in anchors(there.read_text(encoding="utf-8")), target + anchor


def test_every_page_is_linked_from_readme() -> None:
    linked = {target for target, _ in LINK.findall(README.read_text(encoding="utf-8"))}
    assert {f"tnverify/docs/{page.name}" for page in PAGES} <= linked


def test_readme_is_read_to_the_end() -> None:
    assert len(README.read_text(encoding="utf-8").splitlines()) <= 150


@pytest.mark.parametrize("page", [README, *PAGES], ids=lambda page: page.name)
def test_commands_and_their_options_exist(page: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = page.read_text(encoding="utf-8")
    lines = [line for _, block in BLOCK.findall(text) for line in block.splitlines()]
    lines += re.findall(r"`([^`\n]+)`", BLOCK.sub("", text))
    for line in lines:
        called = re.match(r"(?:\$ |- run: )?tnverify (\w+)(.*)", line.strip())
        if called is None:
            continue
        help_of = Terminal(capsys)(called[1], "--help")
        assert help_of.code == 0, line
        given = re.findall(r"(?<!\S)--[a-z][a-z-]*", called[2].partition(" #")[0])
        assert set(given) <= set(re.findall(r"--[a-z][a-z-]*", help_of.out)), line


@pytest.mark.parametrize("page", [README, *PAGES], ids=lambda page: page.name)
def test_python_is_python(page: Path) -> None:
    for language, block in BLOCK.findall(page.read_text(encoding="utf-8")):
        if language == "python":
            ast.parse(block)
