"""README and the pages behind it: links lead somewhere, commands and options exist."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
import yaml
from command_line import Terminal
from doc_pages import DOCS, PAGES, README, ROOT

if TYPE_CHECKING:
    from pathlib import Path

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
        there = page.parent / target if target else page
        assert there.is_file(), target
        if anchor:
            assert anchor in anchors(there.read_text(encoding="utf-8")), target + anchor


def test_every_page_is_in_the_table_of_contents() -> None:
    index = DOCS / "index.md"
    listed = re.findall(r"^[\w/-]+$", index.read_text(encoding="utf-8"), re.MULTILINE)
    assert {DOCS / f"{name}.md" for name in listed} | {index} == set(PAGES)


def test_what_lies_hidden_links_somewhere() -> None:
    page = ROOT / ".github" / "CONTRIBUTING.md"
    for target, _ in LINK.findall(page.read_text(encoding="utf-8")):
        assert (page.parent / target).is_file(), target


def test_readme_is_read_to_the_end() -> None:
    assert len(README.read_text(encoding="utf-8").splitlines()) <= 150


@pytest.mark.parametrize("page", [README, *PAGES], ids=lambda page: page.name)
def test_commands_and_their_options_exist(page: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = page.read_text(encoding="utf-8")
    lines = [line for _, block in BLOCK.findall(text) for line in block.splitlines()]
    lines += re.findall(r"`([^`\n]+)`", BLOCK.sub("", text))
    for line in lines:
        called = re.match(r"(?:\$ |- run: |entry: )?tnverify (\w+)(.*)", line.strip())
        if called is None:
            continue
        help_of = Terminal(capsys)(called[1], "--help")
        assert help_of.code == 0, line
        given = re.findall(r"(?<!\S)--[a-z][a-z-]*", called[2].partition(" #")[0])
        assert set(given) <= set(re.findall(r"--[a-z][a-z-]*", help_of.out)), line


def blocks_of_yaml(page: str) -> list[dict[object, object]]:
    """The blocks of YAML of a page, read."""
    text = (DOCS / page).read_text(encoding="utf-8")
    return [yaml.safe_load(block) for language, block in BLOCK.findall(text) if language == "yaml"]


def test_the_workflow_and_the_hook_are_what_their_readers_take() -> None:
    workflow, hooks = blocks_of_yaml("how-to/run-in-ci.md")
    # YAML 1.1 takes the word on for true.
    assert set(workflow) == {"name", True, "permissions", "jobs"}
    (job,) = workflow["jobs"].values()  # type: ignore[attr-defined]  # a mapping
    assert set(job) == {"runs-on", "steps"}
    for step in job["steps"]:
        assert len({"uses", "run"} & set(step)) == 1, step
        assert set(step) <= {"uses", "run", "if", "with", "name"}, step
    (repository,) = hooks["repos"]  # type: ignore[misc]  # a list of mappings
    assert repository["repo"] == "local"
    (hook,) = repository["hooks"]
    assert {"id", "name", "entry", "language"} <= set(hook)
    assert re.compile(hook["files"]).search("my_norm.py")


def test_the_citation_can_be_read_and_names_the_version() -> None:
    import tnverify

    citation = yaml.safe_load((ROOT / ".github" / "CITATION.cff").read_text(encoding="utf-8"))
    assert {"cff-version", "message", "title", "authors"} <= set(citation)
    assert citation["version"] == tnverify.__version__
